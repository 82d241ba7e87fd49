"""Sex and age in the words of published readings and tables.

Only what is written is read: an age needs its unit, within its line, and a number of something else (a date,
the number of a film, the size of a nodule) is none. What cannot be read is said in a note and never guessed.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan

from xraylab.records.ids import match_films

__all__ = [
    "OLDEST_YEARS",
    "Reading",
    "join_readings",
    "log_notes",
    "parse_age",
    "parse_reading",
    "parse_sex",
]

logger = logging.getLogger(__name__)

OLDEST_YEARS = 120.0
"""Ages beyond are typing errors: the public NIH table has some above 400."""

_PER_YEAR = {"y": 1.0, "m": 12.0, "w": 365.25 / 7, "d": 365.25}
_UNIT = r"(?:years?|yrs?|ys|y|months?|mths?|mons?|mos?|m|weeks?|wks?|w|days?|d)"
_LENGTH = rf"\d+(?:[.,]\d+)?\s*-?\s*{_UNIT}(?:[\s-]*(?:old|/?o)\b)?(?![a-z0-9])"
# a length of time is no age where a word says when something was
_WHEN = r"(?!\s*(?:ago|after|before|earlier|later|prior|since|follow|interval|history|apart)\b)"
_AGE = rf"{_LENGTH}(?:\s*(?:(?:,|and)\s*)?{_LENGTH}){{0,3}}{_WHEN}"
_ONE_LENGTH = re.compile(rf"(\d+(?:[.,]\d+)?)\s*-?\s*({_UNIT})", re.IGNORECASE)
_FEMALE, _MALE = r"femal(?:e)?|woman|girl", r"male|man|boy"
_WORD = rf"(?:{_FEMALE}|{_MALE})"
_BETWEEN = r"[\s,;:./()-]*(?:(?:aged?|patient|pt)\b[\s,;:.-]*)?"
_SEX_AGE = re.compile(
    rf"[\s(]*(?:(?P<sex1>{_WORD}|[fm](?![a-z])){_BETWEEN}(?P<age1>{_AGE})"
    rf"|(?:aged?\b[\s:]*)?(?P<age2>{_AGE}){_BETWEEN}(?P<sex2>{_WORD}|[fm])(?![a-z]))",
    re.IGNORECASE,
)
_LONE_SEX = re.compile(
    rf"\W*(?P<sex>{_WORD}|[fm](?=[\W\d]*$))(?![a-z])(?:\W*(?P<number>\d+)\W*$)?", re.IGNORECASE
)
_LONE_AGE = re.compile(rf"\W*(?:aged?\b[\s:]*)?(?P<age>{_AGE})\W*", re.IGNORECASE)
_EITHER = re.compile(r"\W*\d+\s+m\W*", re.IGNORECASE)
_LABEL = re.compile(
    r"\b(?:patient(?:['’`´]?s)?\s+)?(?P<label>sex|gender|age)\s*[:=](?P<value>.*?)"
    r"(?=\b(?:patient(?:['’`´]?s)?\s+)?(?:sex|gender|age)\s*[:=]|$)",
    re.IGNORECASE,
)
_VALUE = re.compile(rf"(?P<age>{_AGE})|(?P<sex>{_WORD}|[a-z])(?![a-z])", re.IGNORECASE)
_SEXES = {
    **dict.fromkeys(("m", "male", "man", "boy"), "M"),
    **dict.fromkeys(("f", "female", "femal", "woman", "girl"), "F"),
}
_TRUTHS = {
    **dict.fromkeys(("true", "1", "1.0", "yes"), True),
    **dict.fromkeys(("false", "0", "0.0", "no"), False),
}

_LONGEST_LINE = 500  # characters that are looked at
_SHOWN = 3


@dataclass(frozen=True)
class Reading:
    """What a text says of its patient.

    Attributes
    ----------
    sex : str
        ``M``, ``F``, or empty where it is not said, or not so that it can be read.
    age_years : float
        nan likewise.
    note : str
        What could not be read, and why; empty where nothing is wrong.
    """

    sex: str = ""
    age_years: float = nan
    note: str = ""


def parse_sex(written: str, column: str = "sex") -> str:
    """Return ``M``, ``F``, or an empty text where the sex is not told.

    Parameters
    ----------
    written : str
        Such as ``M``, ``female`` or ``Male,``; in a column called ``male`` or ``female`` also true and false, 1 and 0.
        A number in any other column is a code that nobody has explained, and is not read.
    column : str
        Name of the column.

    Examples
    --------
    >>> [parse_sex(each) for each in ("M", "femal", "Male,", "O", "1")], parse_sex("False", "male")
    (['M', 'F', 'M', '', ''], 'F')
    """
    word = written.strip(" \t\n.,;:()").casefold()
    asked = column.strip().casefold().removeprefix("is_").removeprefix("is ")
    if asked in ("male", "female") and word in _TRUTHS:
        return "M" if _TRUTHS[word] == (asked == "male") else "F"
    return _SEXES.get(word, "")


def parse_age(written: str, unit: str = "") -> tuple[float, str]:
    """Return an age in years, and a note where it cannot be read.

    Parameters
    ----------
    written : str
        Such as ``058Y``, ``011M``, ``014D`` or ``003W`` as DICOM writes it (PS3.5, value representation AS),
        ``64 days`` or ``2 years 3 months``.
    unit : {"", "y", "?"}
        Unit of a number that stands alone; without one it is not known. ``?`` for a unit that is in doubt.

    Returns
    -------
    age_years : float
        nan where there is no age, or one beyond `OLDEST_YEARS`.
    note : str
        Empty where the age was read, or where nothing is written.

    Examples
    --------
    >>> parse_age("058Y"), parse_age("58", unit="y"), parse_age("006M")
    ((58.0, ''), (58.0, ''), (0.5, ''))
    >>> parse_age("411", unit="y")
    (nan, "its age '411' is more than 120 years")
    """
    text = " ".join(written.split())[:_LONGEST_LINE].strip(" .,;()")
    if text.casefold() in ("", "nan", "none", "na", "n/a"):
        return nan, ""
    if unit == "y" and re.fullmatch(r"\d+(?:[.,]\d+)?", text):
        text += unit
    if unit == "?":
        return nan, f"its age '{text}' may be in months, or in years beside a sex"
    if not re.fullmatch(_AGE, text, re.IGNORECASE):
        why = "has no unit" if re.fullmatch(r"\d+(?:[.,]\d+)?", text) else "cannot be read"
        return nan, f"its age '{written.strip()}' {why}"
    lengths = [
        (float(number.replace(",", ".")), name[0].lower())
        for number, name in _ONE_LENGTH.findall(text)
    ]
    sizes = [_PER_YEAR[name] for _, name in lengths]
    if sizes != sorted(set(sizes)):
        return nan, f"its age '{written.strip()}' cannot be read"
    years = sum(number / _PER_YEAR[name] for number, name in lengths)
    if years > OLDEST_YEARS:
        return nan, f"its age '{written.strip()}' is more than {OLDEST_YEARS:g} years"
    return years, ""


def parse_reading(text: str) -> Reading:
    r"""Read the sex and the age that a published reading begins with.

    ``Patient's Sex: F`` and ``Patient's Age: 031Y`` on lines of their own, as Montgomery has it, or ``male 35yrs``, in
    either order and however it is spelt, as Shenzhen has it. Words and numbers of the finding are left alone.

    Parameters
    ----------
    text : str
        The whole reading.

    Returns
    -------
    Reading

    Examples
    --------
    >>> parse_reading("female24yrs\n6 mm nodule, stable since 3 months")
    Reading(sex='F', age_years=24.0, note='')
    >>> parse_reading("Patient's Sex: O \nPatient's Age: 005Y\nnormal").note
    "its sex 'O' is neither M nor F"
    """
    # one blank between words: what looks for optional blanks then takes no time to fail
    lines = [" ".join(line.split())[:_LONGEST_LINE] for line in text.splitlines() if line.strip()]
    sexes, ages = _read_labels(lines)
    if not sexes or not ages:
        more_sexes, more_ages = _read_words([line for line in lines if not _LABEL.search(line)])
        sexes, ages = sexes or more_sexes, ages or more_ages
    notes = []
    sex = sexes[0] if sexes else ""
    parsed = {parse_sex(each) for each in sexes}
    if len(parsed) > 1:
        notes.append(f"its sexes '{', '.join(sexes)}' contradict each other")
    elif sexes and not parse_sex(sex):
        notes.append(f"its sex '{sex.strip()}' is neither M nor F")
    elif not sexes:
        notes.append("its sex is not said")
    read = [parse_age(each, unit) for each, unit in ages]
    years = {age for age, _ in read if isfinite(age)}
    notes += [note for _, note in read if note]
    if len(years) > 1:
        notes.append(f"its ages '{', '.join(each for each, _ in ages)}' contradict each other")
    elif not read or (not years and not any(note for _, note in read)):
        notes.append("its age is not said")
    return Reading(
        parse_sex(sex) if len(parsed) == 1 else "",
        years.pop() if len(years) == 1 else nan,
        "; ".join(dict.fromkeys(notes)),
    )


def _read_labels(lines: list[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Return what stands behind the labels of sex and age; a labelled number without a unit is in years."""
    sexes, ages = [], []
    for line in lines:
        for found in _LABEL.finditer(line):
            value = found["value"].strip(" \t,;/|")
            if not value:
                continue
            begins = _VALUE.match(value)
            value = begins[0] if begins else value
            if found["label"].lower() == "age":
                ages.append((value, "y"))
            else:
                sexes.append(value)
    return sexes, ages


def _read_words(lines: list[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the sex and age that a line begins with, or that stand alone in one of the first two lines."""
    for line in lines[:2]:
        both = _SEX_AGE.match(line)
        if both:
            sex, age = both["sex1"] or both["sex2"], both["age1"] or both["age2"]
            return [sex], [(age, "")]
    sexes: list[str] = []
    ages: list[tuple[str, str]] = []
    for line in lines[:2]:
        word = _LONE_SEX.match(line)
        if word and not sexes:
            other = _LONE_SEX.match(line, word.end("sex"))
            sexes += [word["sex"], *([other["sex"]] if other else [])]
            ages += [(word["number"], "")] if word["number"] else []
            continue
        alone = _LONE_AGE.fullmatch(line)
        if alone and not ages:
            # 45 M is as likely a man of 45 as an infant
            ages.append((alone["age"], "") if not _EITHER.fullmatch(line) else (line.strip(), "?"))
    return sexes, ages


def join_readings(image_ids: Sequence[str], readings: Mapping[str, str]) -> dict[str, str]:
    """Return the text of each film that has one, as `match_films` finds it; a doubtful one is said in the log."""
    names = list(readings)
    matches = match_films(image_ids, names)
    for image_id, reason in matches.reasons.items():
        logger.warning("'%s' has no reading that is surely its own: %s", image_id, reason)
    return {film: readings[names[row]] for film, row in matches.row_of.items()}


def log_notes(notes: Mapping[str, str], what: str) -> None:
    """Say in the log how many films have a note, and show some."""
    told = {image_id: note for image_id, note in notes.items() if note}
    if told:
        shown = "; ".join(f"'{image_id}': {note}" for image_id, note in list(told.items())[:_SHOWN])
        logger.warning(
            "%s of %d of %d films cannot be read in full, such as %s",
            what,
            len(told),
            len(notes),
            shown,
        )
