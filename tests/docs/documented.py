"""Commands that the documents show, and which of them are quick enough to run."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

QUICK_PIPELINES = {"dose_simulation", "feature_extraction", "dose_estimation", "reporting"}
"""Pipelines whose run in the environment ``test`` takes seconds, after a finished default run."""

_PROGRAMS = ("kedro", "make", "python")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*=\S*")
_INLINE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Command:
    """A command of a document.

    Attributes
    ----------
    place : str
        Document and line.
    words : tuple of str
        Program and arguments, without variables before and comments behind.
    """

    place: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.place}: {shlex.join(self.words)}"


def documents() -> list[Path]:
    """Return README, CONTRIBUTING and every page under docs/."""
    pages = sorted((PROJECT / "docs").rglob("*.md"))
    return [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *pages]


def documented_commands() -> list[Command]:
    """Return every command of the documents once, where it stands first."""
    found: dict[tuple[str, ...], Command] = {}
    for path in documents():
        for command in commands_in(path.read_text("utf-8"), path.relative_to(PROJECT).as_posix()):
            found.setdefault(command.words, command)
    return list(found.values())


def commands_in(text: str, name: str) -> list[Command]:
    """Return the commands of a page: lines of code blocks, and code within a line.

    A command with ``…`` in it is a pattern for the reader and is left out.

    Examples
    --------
    >>> [each.words for each in commands_in("    XRAYLAB_RAW=/x kedro run --env public  # all", "a.md")]
    [('kedro', 'run', '--env', 'public')]
    """
    commands = []
    fenced = False
    for number, line in enumerate(text.replace("\\\n", " ").splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        block = fenced or line.startswith("    ")
        for code in [line.strip()] if block else _INLINE.findall(line):
            words = _words(code)
            if words:
                commands.append(Command(f"{name}:{number}", words))
    return commands


def _words(code: str) -> tuple[str, ...]:
    if "…" in code or not re.search(r"\b(kedro|make|python) ", code):
        return ()
    try:
        words = shlex.split(code.removeprefix("$ "), comments=True)
    except ValueError:  # a quote in prose
        return ()
    while words and _VARIABLE.fullmatch(words[0]):
        words.pop(0)
    return tuple(words) if len(words) > 1 and words[0] in _PROGRAMS else ()


def is_quick(command: Command) -> bool:
    """Tell whether a run takes seconds in the environment ``test``, and reads nothing of the reader's own."""
    words = command.words
    if words[:2] != ("kedro", "run") or "--env" in words or re.search("/|VERSION", " ".join(words)):
        return False
    named = re.search(r"--pipelines?[= ]([\w,]+)", " ".join(words))
    return named is not None and set(named[1].split(",")) <= QUICK_PIPELINES


def files_in(text: str) -> dict[str, str]:
    """Return the code blocks that begin with the place of their file, such as ``# conf/local/globals.yml``.

    Examples
    --------
    >>> files_in("```yaml\\n# conf/local/globals.yml\\nseed: 3\\n```")
    {'conf/local/globals.yml': 'seed: 3\\n'}
    """
    return dict(re.findall(r"```\w+\n# ((?:conf|src)/\S+)\n(.*?)```", text, re.DOTALL))
