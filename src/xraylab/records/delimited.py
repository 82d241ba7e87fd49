"""The bytes of a delimited text file → a table of text.

One reader for every raw table. Encoding, separator and line ends are found, not configured, and values stay text: a
number that is read as a float loses its leading zeros, and one gap in a column of whole numbers turns 3153 into
3153.0. Whoever needs a number converts the column, see `to_numbers`.
"""

from __future__ import annotations

import codecs
import csv
import io
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import pandas as pd

__all__ = [
    "LoadTable",
    "UnreadableTableError",
    "decode_text",
    "find_column",
    "iterate_readable",
    "parse_table",
    "text_of",
    "to_numbers",
]

logger = logging.getLogger(__name__)

LoadTable = Callable[[], "pd.DataFrame"]  # in quotes: pandas is loaded when it is first used

# The longer mark first: that of UTF-32 begins as that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_KINDS = (
    (b"PK\x03\x04", "an Excel workbook or another archive: save its sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook (.xls): save its sheet as CSV"),
    (b"\x00\x05\x16\x07", "a side file of macOS, not a table"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_SEPARATORS = "\t;,"  # in this order where several fit: a comma may be that of a decimal number
_NAMES = {"\t": "tab", ";": "semicolon", ",": "comma"}
_HINT = re.compile(r"sep=(.)\n", re.IGNORECASE)  # how Excel names the separator
_COMMA = re.compile(r"[+-]?\d*,\d+")
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+")
_NO_NAME = re.compile(r"|Unnamed: \d+")  # the latter is how pandas names it when it is saved again
_SHOWN = 3


class UnreadableTableError(ValueError):
    """A file that is no table, or not one that can be read without a guess.

    Attributes
    ----------
    path : str
        The file.
    reason : str
        What is wrong with it.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"the table '{path}' cannot be read: {reason}")
        self.path, self.reason = path, reason

    def __reduce__(self) -> tuple[type[UnreadableTableError], tuple[str, str]]:
        return type(self), (self.path, self.reason)


def parse_table(data: bytes, path: str = "table") -> pd.DataFrame:
    r"""Read a delimited text file: any of the usual encodings, separators and line ends.

    * Encoding: a byte order mark (UTF-8, UTF-16, UTF-32), else UTF-8, else Windows-1252, else ISO 8859-1.
    * Separator: of tab, semicolon and comma that by which the first line has the most fields and no row has more.
    * Line ends: LF, CRLF or CR. Blank lines, and rows whose fields are all empty, are left out.
    * White space around names and values is removed. A field in double quotes may hold separators and line ends.
    * A column without a name, such as an index that was saved too, is left out; so is a second column of the same name
      and the same values.
    * A row may end early, if its last fields are empty; it may not have more fields than there are names.

    Parameters
    ----------
    data : bytes
        Content of the file.
    path : str
        Its name, for messages.

    Returns
    -------
    (N, C) DataFrame of str
        Values as they are written, ``""`` where there is none; columns as they are named in the first line.

    Raises
    ------
    UnreadableTableError
        If the content is empty or no text, a row has more fields than there are names, a quote is not closed, or two
        columns of one name differ.

    Examples
    --------
    >>> parse_table(b"\xef\xbb\xbfid; sex\r\n003153;M\r\n\r\n").to_dict("list")
    {'id': ['003153'], 'sex': ['M']}
    """
    text = _decode(data, path)
    hint = _HINT.match(text)
    if hint:
        text = text[hint.end() :]
    rows = _split(text, hint[1] if hint else None, path)
    return _to_frame(rows, path)


def _decode(data: bytes, path: str) -> str:
    for start, kind in _KINDS:
        if data.startswith(start):
            raise UnreadableTableError(path, f"it is {kind}")
    try:
        text = decode_text(data)
    except UnicodeDecodeError as error:
        raise UnreadableTableError(path, f"it is not the text that it begins as: {error}") from None
    control = _CONTROL.search(text)
    if control:
        raise UnreadableTableError(
            path, f"it is no text: character {control.start() + 1} is {control[0]!r}"
        )
    if not text.strip():
        raise UnreadableTableError(path, "it is empty")
    return text.lstrip("\n")


def decode_text(data: bytes) -> str:
    r"""Return text with LF line ends: by its byte order mark, else as UTF-8, Windows-1252 or ISO 8859-1.

    Raises
    ------
    UnicodeDecodeError
        If it is not what its mark says.

    Examples
    --------
    >>> decode_text("unauffällig\r\n".encode("cp1252"))
    'unauffällig\n'
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _unify(data[len(mark) :].decode(encoding))
    for encoding in ("utf-8", "cp1252"):
        try:
            return _unify(data.decode(encoding))
        except UnicodeDecodeError:
            continue
    return _unify(data.decode("latin-1"))


def _unify(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _split(text: str, separator: str | None, path: str) -> list[list[str]]:
    """Return the rows, by the separator that fits; none of the rows is blank."""
    if separator is not None:
        return _rows(text, separator, path)
    found: list[list[list[str]]] = []
    errors: list[UnreadableTableError] = []
    first = text.partition("\n")[0]
    for each in [each for each in _SEPARATORS if each in first] or _SEPARATORS:
        try:
            found.append(_rows(text, each, path))
        except UnreadableTableError as error:
            errors.append(error)
    widest = max(found, key=lambda rows: len(rows[0]), default=None)
    if widest is None or (len(widest[0]) == 1 and errors):
        raise errors[-1]
    return widest


def _rows(text: str, separator: str, path: str) -> list[list[str]]:
    """Return the rows that are not blank, all of one length."""
    try:
        rows = _parse(text, separator)
    except csv.Error:
        # white space between a quote and the separator is no part of the field
        ends = re.compile(rf'"[^\S\n]+(?=[{re.escape(separator)}\n]|$)')
        try:
            rows = _parse(ends.sub('"', text), separator)
        except csv.Error as error:
            raise UnreadableTableError(
                path, f"a quote is not closed as it must be: {error}"
            ) from None
    names = rows[0][1]
    width = len(names)
    if width > 1 and all(len(values) == width + 1 and values[-1] for _, values in rows[1:]):
        rows[0] = (
            rows[0][0],
            ["", *names],
        )  # the index has no name in the first line, as R writes it
        width += bool(rows[1:])
    for line, values in rows:
        if any(values[width:]):
            raise UnreadableTableError(
                path,
                f"line {line} has {len(values)} fields and its first line names {width} (separator: "
                f"{_NAMES.get(separator, repr(separator))})",
            )
    return [(values + [""] * (width - len(values)))[:width] for _, values in rows]


def _parse(text: str, separator: str) -> list[tuple[int, list[str]]]:
    """Return the number of the line and the fields of each row that is not blank."""
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    rows = [(reader.line_num, [value.strip() for value in row]) for row in reader]
    return [(line, values) for line, values in rows if any(values)]


def _to_frame(rows: list[list[str]], path: str) -> pd.DataFrame:
    names, body = rows[0], rows[1:]
    columns: dict[str, list[str]] = {}
    for position, name in enumerate(names):
        if _NO_NAME.fullmatch(name):
            continue
        values = [row[position] for row in body]
        if columns.get(name, values) != values:
            raise UnreadableTableError(path, f"two of its columns are called '{name}' and differ")
        columns[name] = values
    if not columns:
        raise UnreadableTableError(path, "its first line names no column")
    return pd.DataFrame(columns, dtype="str")


def find_column(table: pd.DataFrame, names: Sequence[str]) -> str | None:
    """Return the first of some names that a column has, in any case; None if no column has any."""
    columns = {str(column).strip().casefold(): column for column in table.columns}
    return next((columns[name.casefold()] for name in names if name.casefold() in columns), None)


def text_of(values: pd.Series) -> pd.Series:
    """Return values as text without white space around them, ``""`` where there is none.

    Examples
    --------
    >>> text_of(pd.Series([" M", None])).tolist()
    ['M', '']
    """
    return values.astype("str").where(values.notna(), "").str.strip()


def to_numbers(values: pd.Series, what: str) -> pd.Series:
    """Return the numbers of a column of text; how many values are none is said in the log.

    A decimal comma is read as such, unless every number of the column with a comma could have groups of three digits
    (``1,234``): then it is not known which is meant, and these are not read.

    Parameters
    ----------
    values : (N,) Series
        Text, or numbers.
    what : str
        What they are, for the log.

    Returns
    -------
    (N,) Series of float64
        nan where there is no number.

    Examples
    --------
    >>> to_numbers(pd.Series(["36,5", "40", ""]), "ages").tolist()
    [36.5, 40.0, nan]
    """
    text = text_of(values)
    commas = text.str.fullmatch(_COMMA)
    if commas.any() and not text[commas].str.fullmatch(_GROUPED).all():
        text = text.where(~commas, text.str.replace(",", ".", regex=False))
    numbers = pd.to_numeric(text, errors="coerce").astype("float64")
    numbers = numbers.where(numbers.abs() < float("inf"))
    bad = text[numbers.isna() & (text != "") & ~text.str.lower().isin(("nan", "na", "n/a", "none"))]
    if len(bad):
        shown = ", ".join(f"'{value}'" for value in bad.unique()[:_SHOWN])
        logger.warning(
            "%s: %d of %d values are no number, such as %s", what, len(bad), len(text), shown
        )
    return numbers


def iterate_readable(tables: Mapping[str, LoadTable]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Read tables that nobody is bound to have, by name and in order; one that cannot be read is named in the log."""
    for name in sorted(tables):
        try:
            table = tables[name]()
        except UnreadableTableError as error:
            logger.warning("Passed over: %s", error)
            continue
        yield name, table
