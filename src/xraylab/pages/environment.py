"""Templates of pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["make_environment"]


def make_environment(package: str) -> Environment:
    """Return the environment in which a package's templates render.

    What is put into a template is escaped, and a name that a template does not know is an error.

    Parameters
    ----------
    package : str
        A package with a folder ``templates``. Templates may include those of this package too, such as ``base.css``.

    Returns
    -------
    jinja2.Environment
        With the package's templates.

    Examples
    --------
    >>> environment = make_environment("xraylab.pages")
    >>> environment.from_string("{{ name }}").render(name="<b>")
    '&lt;b&gt;'
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    own = "xraylab.pages"
    packages = [package] if package == own else [package, own]
    return Environment(
        loader=ChoiceLoader([PackageLoader(each) for each in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
