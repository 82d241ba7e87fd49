"""HTML pages: how every page of the project is made, and the style that pages share."""

from xraylab.pages.environment import make_environment
from xraylab.pages.images import data_address
from xraylab.pages.strip import Interval, Scale
from xraylab.pages.words import printable, shorten

__all__ = ["Interval", "Scale", "data_address", "make_environment", "printable", "shorten"]
