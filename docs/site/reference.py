"""The pages of the API reference: one per shared package, its modules in turn."""

from __future__ import annotations

from pathlib import Path

__all__ = ["PACKAGES", "package_modules", "reference_page"]

PACKAGES = (
    "imaging",
    "dose",
    "features",
    "duplicates",
    "evaluation",
    "records",
    "models",
    "training",
    "tabular",
    "plots",
    "phantoms",
    "datasets",
    "flow",
    "prediction",
    "pages",
)
"""Shared packages in the order of the pages."""

SOURCE = Path(__file__).resolve().parents[2] / "src/xraylab"


def package_modules(package: str) -> list[str]:
    """Return the modules of a package that declare public names, by their full names, sorted."""
    return [
        f"xraylab.{package}.{path.stem}"
        for path in sorted((SOURCE / package).glob("*.py"))
        if path.stem != "__init__" and "__all__" in path.read_text("utf-8")
    ]


def reference_page(package: str) -> str:
    """Return the page of a package as Markdown, for mkdocstrings to fill in."""
    summary = (SOURCE / package / "__init__.py").read_text("utf-8").split('"""')[1].strip()
    parts = [f"# {package}", summary.split("\n\n")[0]]
    parts += [f"::: {name}" for name in package_modules(package)]
    return "\n\n".join(parts) + "\n"
