"""HTML pages: how every page of the project is made, and the style that pages share."""

from xraylab.pages.environment import make_environment
from xraylab.pages.words import printable

__all__ = ["make_environment", "printable"]
