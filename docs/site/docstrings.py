"""What numpydoc writes in reStructuredText, as Markdown: formulas, references and code blocks."""

from __future__ import annotations

import re
from typing import Any

import griffe
from latex2mathml.converter import convert

__all__ = ["MarkdownDocstrings", "to_markdown"]

_INLINE = re.compile(r":math:`([^`]+)`")
_BLOCK = re.compile(r"^( *)\.\. math:: *(.+(?:\n\1 +\S.*)*)", re.MULTILINE)
_TABLE = re.compile(r"^( *)(=+)( +)(=+)\n((?:.*\n)+?)\1\2\3\4$", re.MULTILINE)
_CODE = re.compile(r"^( *)\.\. code-block:: *(\w+)\n\n((?:\1 +\S.*\n?|\n)+)", re.MULTILINE)


def to_markdown(text: str) -> str:
    r"""Return a docstring with its formulas as MathML and its code blocks fenced.

    Examples
    --------
    >>> to_markdown(":math:`x` metres")[:6], to_markdown(".. code-block:: yaml\n\n    a: 1\n")
    ('<math ', '```yaml\na: 1\n```\n')
    """
    text = _CODE.sub(_fence, text)
    text = _TABLE.sub(_table, text)
    text = _BLOCK.sub(lambda found: f"\n{found[1]}{_formula(found[2], 'block')}\n", text)
    return _INLINE.sub(lambda found: _formula(found[1], "inline"), text)


def _formula(latex: str, display: str) -> str:
    # an underscore or a star of the formula would be Markdown's
    return (
        convert(" ".join(latex.split()), display=display)
        .replace("_", "&#95;")
        .replace("*", "&#42;")
    )


def _fence(found: re.Match[str]) -> str:
    indent, language, block = found[1], found[2], found[3].strip("\n")
    margin = min(len(line) - len(line.lstrip()) for line in block.splitlines() if line.strip())
    lines = [indent + line[margin:] for line in block.splitlines()]
    return "\n".join([f"{indent}```{language}", *lines, f"{indent}```", ""])


def _table(found: re.Match[str]) -> str:
    """Write a simple table of two columns; a row that begins with a blank goes on with the one above."""
    indent, width = found[1], len(found[2] + found[3])
    rows: list[list[str]] = []
    for line in found[5].splitlines():
        name, text = line[len(indent) :][:width].strip(), line[len(indent) :][width:].strip()
        if name or not rows:
            rows.append([name, text])
        else:
            rows[-1][1] += f" {text}"
    lines = ["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows)]
    return "\n".join(indent + line for line in lines)


class MarkdownDocstrings(griffe.Extension):
    """Convert each docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Convert the docstring of an object of the package, if it has one."""
        if not obj.is_alias and obj.docstring is not None:
            obj.docstring.value = to_markdown(obj.docstring.value)
