"""Hooks of the site: pages that are made, and links that lead out of docs/."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from docs.site.parameters import parameters_page
from docs.site.reference import PACKAGES, package_modules, reference_page
from properdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]

COPIED = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "LICENSE": "license.txt",
    "CITATION.cff": "citation.txt",
}
"""Pages of the site that lie beside docs/ in the repository."""

_LINK = re.compile(r"(\]\()((?!\w+:|#)[^)\s]+)(\))")


def on_config(config: Any) -> Any:
    """Add the decisions and the reference to the navigation, each in its order."""
    decisions = ["index.md", *(path.name for path in _decisions())]
    config.nav.append({"Decisions": [f"decisions/{name}" for name in decisions]})
    config.nav.append({"API": [{name: f"api/{name}.md"} for name in PACKAGES]})
    return config


def on_files(files: Files, *, config: Any) -> Files:
    """Add the pages that are made, and those that lie beside docs/."""
    pages = {"parameters.md": parameters_page(), "decisions/index.md": decisions_page()}
    pages |= {f"api/{name}.md": reference_page(name) for name in PACKAGES}
    pages |= {target: (ROOT / name).read_text("utf-8") for name, target in COPIED.items()}
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))  # to be downloaded
    pages |= {f"notebooks/{path.name}": path.read_text("utf-8") for path in notebooks}
    for place, text in pages.items():
        files.append(File.generated(config, place, content=text))
    return files


def decisions_page() -> str:
    """Return the list of all decisions, by their number and heading, as Markdown."""
    lines = ["# Decisions", "", "Why things are as they are, one page per choice.", ""]
    for path in _decisions():
        heading = path.read_text("utf-8").splitlines()[0].removeprefix("# ")
        title = heading.removeprefix(f"{path.name[:4]}: ")
        lines.append(f"- [{path.name[:4]}]({path.name}): {title}")
    return "\n".join(lines) + "\n"


def _decisions() -> list[Path]:
    return sorted((ROOT / "docs/decisions").glob("0*.md"))


def on_page_markdown(markdown: str, *, page: Any, **kwargs: Any) -> str:
    """Let links of the repository lead to the pages of the site."""
    place = page.file.src_uri
    origin = next((name for name, target in COPIED.items() if target == place), f"docs/{place}")
    if place.startswith("api/") or place in ("parameters.md", "decisions/index.md"):
        return markdown
    return _LINK.sub(
        lambda found: found[1] + site_link(found[2], origin, place) + found[3], markdown
    )


def site_link(link: str, origin: str, place: str) -> str:
    """Return where a link of a file of the repository leads to on the site.

    Parameters
    ----------
    link : str
        As it is written, relative to ``origin``.
    origin, place : str
        The file's place in the repository, and the page's among the sources of the site.

    Examples
    --------
    >>> site_link("docs/films.md#x", "README.md", "index.md")
    'films.md#x'
    >>> site_link("../src/xraylab/features/lungs.py", "docs/films.md", "films.md")
    'api/features.md#xraylab.features.lungs'
    """
    path, mark, anchor = link.partition("#")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(origin), path))
    if target.startswith("src/xraylab/"):
        package, _, module = target.removeprefix("src/xraylab/").removesuffix(".py").partition("/")
        name = f"xraylab.{package}.{module}"
        known = name in package_modules(package)
        target, mark, anchor = f"api/{package}.md", "#" * known, name * known
    target = COPIED.get(target, target.removeprefix("docs/"))
    if target == "decisions":
        target = "decisions/index.md"
    return posixpath.relpath(target, posixpath.dirname(place) or ".") + mark + anchor
