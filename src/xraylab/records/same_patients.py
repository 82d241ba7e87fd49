"""Which films published readings say are of one patient."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from xraylab.records.ids import clean_id

__all__ = ["patients_of_readings", "same_patients"]

logger = logging.getLogger(__name__)

_SAME = re.compile(
    r"\b(?:same|identical)\s+(?:pt|pat|patient|person|subject|individual|case|man|woman)s?\b\.?",
    re.IGNORECASE,
)
_NOT = re.compile(r"\bnot\s+(?:of\s+)?(?:the\s+)?$", re.IGNORECASE)
_LINK = re.compile(
    r"[\s:,(]*(?:(?:as|like|with|of|to|in)\b)?[\s:(]*(?:(?:film|image|cxr|case|patient|pt|no|number)\b[\s.#:]*|#)?",
    re.IGNORECASE,
)
_AND = re.compile(r"\s*(?:,|;|/|&|\+|\band\b)\s*(?:and\b\s*)?", re.IGNORECASE)
_TOKEN = re.compile(r"[a-z]+ \d+(?:_[01])?(?:\.\w+)?\b|[\w-]+(?:\.\w+)*", re.IGNORECASE)
_NUMBERED = re.compile(r"(?:([a-z]+)[_ -]?)?0*(\d{1,6})(?:_[01])?(?:\.\w+)?", re.IGNORECASE)
_FEWEST_DIGITS = 3
_SHOWN = 3


def patients_of_readings(
    image_ids: pd.Series, readings: Mapping[str, str], lists: Iterable[Sequence[str]] = ()
) -> dict[str, pd.Series]:
    """Return what readings, and lists that a user gives, say of patients.

    These are sources of `xraylab.records.groups.group_films`.

    Parameters
    ----------
    image_ids : (N,) Series of str
        Films of the cohort.
    readings : mapping of str to str
        Texts by the name of their film, see `same_patients`.
    lists : iterable of sequence of str
        Image ids that are of one patient.
    """
    sources = {"patient of the readings": image_ids.map(same_patients(readings, image_ids))}
    for number, ids in enumerate(lists):
        sources[f"list {number + 1} of same_patients"] = image_ids.map(dict.fromkeys(ids, "one"))
    return sources


def same_patients(readings: Mapping[str, str], image_ids: Iterable[str]) -> dict[str, str]:
    r"""Return a name for the patient of each film that a reading joins with another.

    Montgomery's readings say ``(same pt as MCUCXR_0113_1)``. Films are named whole, or by their number, which then is
    one of the film's own set; a list (``same patient as 0113 and 0117``) joins all. A film that is named and has no
    reading, or no place in the cohort, joins the others all the same.

    Parameters
    ----------
    readings : mapping of str to str
        Texts by image id.
    image_ids : iterable of str
        Films of the cohort.

    Returns
    -------
    dict of str to str
        A name, equal for films of one patient, by image id. What names no film that is known by its id or its number
        is said in the log.

    Examples
    --------
    >>> same_patients({"MCUCXR_0117_1": "stable (same pt as MCUCXR_0113_1)"}, ["MCUCXR_0113_1", "MCUCXR_0117_1"])
    {'MCUCXR_0117_1': 'mcucxr 113', 'MCUCXR_0113_1': 'mcucxr 113'}
    """
    ids = list(dict.fromkeys([*readings, *image_ids]))
    keys = {image_id: _key(image_id) for image_id in ids}
    known = {_name(image_id): keys[image_id] for image_id in ids}
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    unknown: dict[str, str] = {}
    for image_id, text in readings.items():
        for phrase in _SAME.finditer(text):
            if _NOT.search(text[: phrase.start()]):
                continue
            others = _named_films(" ".join(text[phrase.end() :].split()), image_id, known)
            if not others:
                unknown[image_id] = _around(text, phrase)
            for other in others:
                first, second = sorted((root(keys[image_id]), root(other)))
                parent[second] = first
    if unknown:
        said = "; ".join(f"'{name}': {phrase}" for name, phrase in list(unknown.items())[:_SHOWN])
        logger.warning(
            "%d readings speak of the same patient and name no film, such as %s", len(unknown), said
        )
    return {image_id: root(key) for image_id, key in keys.items() if key in parent}


def _name(image_id: str) -> str:
    return clean_id(image_id).rpartition("/")[2].casefold()


def _key(image_id: str) -> str:
    """Return how a film is known: its set and its number, or its name."""
    found = _NUMBERED.fullmatch(_name(image_id))
    return f"{found[1]} {int(found[2])}" if found and found[1] else _name(image_id)


def _named_films(text: str, image_id: str, known: Mapping[str, str]) -> list[str]:
    """Return the keys of the films that a text begins with, as a list in its own words."""
    start = _LINK.match(text)
    position = start.end() if start else 0
    keys: list[str] = []
    while token := _TOKEN.match(text, position):
        key = _resolve(token[0], image_id, known)
        if key is None:
            break
        keys.append(key)
        between = _AND.match(text, token.end())
        if between is None:
            break
        position = between.end()
    return keys


def _resolve(token: str, image_id: str, known: Mapping[str, str]) -> str | None:
    whole = token.casefold()
    for name in (whole, _name(whole), whole.rpartition(".")[0]):
        if name in known:
            return known[name]
    found = _NUMBERED.fullmatch(token)
    if found is None:
        return None
    if found[1]:
        key = f"{found[1]} {int(found[2])}".casefold()
        sets = {each.partition(" ")[0] for each in known.values()}
        return key if key.partition(" ")[0] in sets else None
    own = _NUMBERED.fullmatch(_name(image_id))
    if own is None or not own[1] or len(token.partition("_")[0]) < _FEWEST_DIGITS:
        return None
    key = f"{own[1]} {int(found[2])}"
    return key if key in known.values() else None


def _around(text: str, phrase: re.Match[str]) -> str:
    return " ".join(text[phrase.start() : phrase.end() + 30].split())
