"""Errors in a few lines: what is wrong, with which key or file, and what to do."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from xraylab.extras import say_missing

__all__ = ["did_you_mean", "explain"]

_LINES, _WIDTH = 5, 300
_WRAPPED = re.compile(
    r"^Failed while (?:loading|saving) data (?:from|to) dataset .*?\)\.\n", re.DOTALL
)
_EXPECTED = (ValueError, LookupError, OSError, MemoryError)
_PARAMETER = re.compile(r"^- Parameter '([^']*)'")
_DETAIL = re.compile(r"^(.*?) \[type=[^,]*, input_value=(.*), input_type=(\w+)\]$")
_VERBOSE = "Run it again with --verbose for the whole traceback."


def explain(error: BaseException) -> str:
    """Return what a person needs of an error, in at most five lines.

    Parameters
    ----------
    error : BaseException
        As a run has raised it.

    Returns
    -------
    str
        Text without a traceback. An error that nobody foresaw is named by its kind and its place in xraylab.
    """
    cause = _root(error)
    missing = say_missing(cause)
    lines = [missing] if missing else _validation(cause)
    if lines is None:
        text = _WRAPPED.sub("", str(cause)).strip() or type(cause).__name__
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        if isinstance(cause, OSError) and cause.filename:
            lines = [f"{cause.strerror}: {cause.filename}"]
        elif not _is_foreseen(cause):
            place = _place(cause)
            lines = [f"{type(cause).__name__}{place}: {lines[0]}", *lines[1:3], _VERBOSE]
    if len(lines) > _LINES:
        lines = [*lines[: _LINES - 1], f"… and {len(lines) - _LINES + 1} more lines. {_VERBOSE}"]
    return "\n".join(_cut(line) for line in lines)


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """Return the question after a name that is none: `` Did you mean 'x'?``, or nothing where no name is near.

    Examples
    --------
    >>> did_you_mean("fractur", ["fracture", "audit"])
    " Did you mean 'fracture'?"
    """
    close = get_close_matches(name, list(valid), n=1)
    return f" Did you mean '{close[0]}'?" if close else ""


def _root(error: BaseException) -> BaseException:
    """Return the error below those that only say that loading, saving or a worker has failed."""
    seen = {id(error)}
    while True:
        wraps = type(error).__name__ in (
            "DatasetError",
            "TransportableException",
            "RemoteTraceback",
        )
        below = error.__cause__ if wraps and error.__cause__ is not None else None
        if below is None or id(below) in seen or not str(below):
            return error
        seen.add(id(below))
        error = below


def _validation(error: BaseException) -> list[str] | None:
    """Return the lines of an error of pydantic or pandera, or None for another one."""
    if str(error).startswith("Parameter validation failed"):
        return _read_kedro(str(error))
    details: Any = getattr(error, "errors", None)
    if callable(details) and type(error).__module__.startswith("pydantic"):
        return [_describe(each, str(getattr(error, "title", ""))) for each in details()]
    return None


def _describe(detail: dict[str, Any], title: str) -> str:
    place = ".".join(str(each) for each in detail["loc"]) or title
    message = str(detail["msg"]).removeprefix("Value error, ")
    value = detail.get("input")
    shown = "" if isinstance(value, dict) or "got" in message else f", got {value!r}"
    return f"{place}: {message[0].lower() + message[1:]}{shown}"


def _read_kedro(text: str) -> list[str]:
    """Return one line per wrong parameter of what Kedro says of all of them, which has pydantic's words in it."""
    lines, parameter, field = [], "", ""
    for line in text.splitlines()[1:]:
        head = _PARAMETER.match(line)
        detail = _DETAIL.match(line.strip())
        if head:
            parameter, field = head[1], ""
        elif detail:
            value = "" if detail[3] == "dict" or "got" in detail[1] else f", got {detail[2]}"
            words = detail[1].removeprefix("Value error, ")
            place = ".".join(filter(None, (parameter, field)))
            lines.append(f"{place}: {words[0].lower() + words[1:]}{value}")
        elif line.strip() and not line.strip().startswith("For further information"):
            field = line.strip()
    return lines or [text]


def _is_foreseen(error: BaseException) -> bool:
    """Tell whether an error was raised on purpose, by this project or by Kedro, and so says all in its own words."""
    if type(error).__module__.startswith(("kedro", "xraylab", "pandera", "click")):
        return True
    frames = traceback.extract_tb(error.__traceback__)
    ours = bool(frames) and (
        Path(frames[-1].filename).is_relative_to(Path(__file__).parent)
        or "/kedro/" in frames[-1].filename
    )
    return ours and isinstance(error, _EXPECTED) and not isinstance(error, KeyError)


def _place(error: BaseException) -> str:
    """Return the last place in xraylab that an error has passed, as `` at file.py:12``."""
    package = Path(__file__).parent
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(package)
    ]
    if not frames:
        return ""
    place = Path(frames[-1].filename).relative_to(package.parent)
    return f" at {place}:{frames[-1].lineno}"


def _cut(line: str) -> str:
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"
