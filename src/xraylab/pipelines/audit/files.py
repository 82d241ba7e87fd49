"""Check 1: files that are no films, broken, blank, inverted, photographed, or far from the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.imaging.array_cache import ArrayCache
from xraylab.imaging.preprocess import resize_image

from .findings import Finding, Severity, tabulate_findings
from .params import AuditParams
from .words import count_films

__all__ = ["check_files", "find_inverted"]

# The first that fits names the kind; the reader's reason for each is in `xraylab.imaging`.
_BROKEN: dict[str, tuple[str, str]] = {
    "empty": (r"is empty", "empty"),
    "animated": (r"animated", "animations"),
    "several_frames": (r"frames|pages", "of several frames or pages"),
    "without_pixels": (r"without Pixel Data", "DICOM without pixels"),
    "truncated": (r"truncated|ends after", "cut off"),
    "not_a_film": (
        r"is not a PNG|, not a PNG|begins as|DICOMDIR",
        "no films",
    ),
    "too_large": (r"max_pixels|more than [\d,]+ bytes", "too large to be films"),
    "unreadable": (r"", "unreadable"),
}
_TELL = {
    "empty": "Copy these files again from their source, or remove them.",
    "animated": "Remove them: an animation is no radiograph.",
    "several_frames": "Save the frame that is the film as a file of its own, or remove them.",
    "without_pixels": "Remove reports and plans; a film whose pixels are missing must be copied again.",
    "truncated": "Copy these files again from their source: a download or copy has stopped too early.",
    "not_a_film": "Remove them, or convert them to PNG or DICOM if they hold films.",
    "too_large": "Check what these files are.",
    "unreadable": "Look at the reasons in films.csv; copy the files again from their source.",
}
_SMALL_PX = 16
_BLOCK = 512
_FEWEST = 10  # films, below which nothing is unusual
_COMMON = 0.9  # of the films: what nearly all have
_LEAST_LIKE = 0.6  # correlation with the film that is nearest once a film is inverted back
_ALIKE = 0.3  # median correlation with the mean film from which films lie alike


def check_files(records: pd.DataFrame, arrays: ArrayCache, params: AuditParams) -> pd.DataFrame:
    """Say which files are no usable films, and which films are unlike the others.

    Parameters
    ----------
    records : DataFrame
        One row per file found.
    arrays : ArrayCache
        The films.
    params : AuditParams
        ``files``: from which values a film is named.

    Returns
    -------
    DataFrame
        Findings, as `tabulate_findings` gives them.
    """
    films = records[records["status"] == "ok"]
    inputs = records[records["status"].isin(["ok", "unreadable"])]
    found = [*_broken(inputs), *_kinds(films, params), *_unusual(films, params)]
    inverted = find_inverted(films, arrays, params.files.least_inverted)
    if len(inverted):
        found.append(
            _finding(
                "inverted",
                "warning",
                inverted,
                films,
                "{are} inverted: black and white are exchanged, compared with the other films",
                "Invert them, or find out why they are so: MONOCHROME1 in their headers, or a viewer's setting.",
            )
        )
    return tabulate_findings(found)


def _broken(inputs: pd.DataFrame) -> Iterator[Finding]:
    left = inputs[inputs["status"] == "unreadable"]
    for kind, (pattern, words) in _BROKEN.items():
        fits = left["reason"].str.contains(pattern, regex=True).astype(bool)
        if fits.any():
            title = "{are} " + words
            yield _finding(kind, "warning", left.loc[fits, "image_id"], inputs, title, _TELL[kind])
        left = left[~fits]


def _kinds(films: pd.DataFrame, params: AuditParams) -> Iterator[Finding]:
    """Name blank films and photographs."""
    limits = params.files
    blank = films["grey_range"] < limits.blank_range
    if blank.any():
        yield _finding(
            "blank", "warning", films.loc[blank, "image_id"], films,
            "{are} blank, or nearly so", "Remove them: they show nothing.",
        )  # fmt: skip
    photographs = films["camera"] | (films["colour"] > limits.colour_fraction)
    if photographs.any():
        yield _finding(
            "photographs", "warning", films.loc[photographs, "image_id"], films,
            "{are} in colour, or taken by a camera: {a_photograph} or {a_drawing}, not the film itself",
            "Get the films themselves: a model may learn the frame, the light or the colours.",
        )  # fmt: skip


def _unusual(films: pd.DataFrame, params: AuditParams) -> Iterator[Finding]:
    """Name films of a size, depth or format that the others do not have."""
    if len(films) < _FEWEST:
        return
    edge = films[["height_px", "width_px"]].max(axis=1)
    ratio = edge / edge.median()
    factor = params.files.outlier_factor
    odd = (ratio > factor) | (ratio < 1 / factor)
    if odd.any():
        yield _finding(
            "outlying_size", "warning", films.loc[odd, "image_id"], films,
            f"{{are}} more than {factor:g} times larger or smaller than the median of {edge.median():,.0f} px",
            "Look at them: thumbnails and scans at another resolution do not belong beside films.",
        )  # fmt: skip
    for column, words in (("bits", "bits per sample"), ("format", "format")):
        known = films[films[column].notna() & (films[column] != "")]
        common = known[column].value_counts(normalize=True)
        if len(common) > 1 and common.iloc[0] >= _COMMON:
            usual = common.index[0]
            name = f"{usual:g}" if column == "bits" else str(usual).upper()
            others = known.loc[known[column] != usual, "image_id"]
            yield _finding(
                f"outlying_{column}", "info", others, films,
                f"{{have}} another {words} than {name}, which nearly all films have", "",
            )  # fmt: skip


def find_inverted(films: pd.DataFrame, arrays: ArrayCache, least: float) -> pd.Series:
    """Return the image ids of films that are inverted among others that are not.

    Parameters
    ----------
    films : DataFrame
        ``image_id, row``.
    arrays : ArrayCache
        The films.
    least : float
        A film is inverted where its correlation with the mean film is below minus this.

    Returns
    -------
    Series of str
        Empty where films lie in so many ways that their mean shows nothing.
    """
    nothing = films["image_id"].iloc[:0]
    if len(films) < _FEWEST:
        return nothing
    small = _standardise(arrays, films["row"].to_numpy())
    # twice: inverted films blur the first mean
    mean = np.median(small, axis=0)
    for _ in range(2):
        signs = np.sign(small @ (mean - mean.mean()))
        mean = (small * signs[:, None]).mean(axis=0)
    mean = (mean - mean.mean()) / max(float(mean.std()), np.finfo(np.float32).tiny)
    correlation = small @ mean / small.shape[1]
    if np.median(correlation) < 0:  # what most films are is upright
        correlation = -correlation
    if np.median(correlation) < _ALIKE:
        return nothing
    doubtful = np.flatnonzero(correlation < -least)
    # a film that shows something else, such as two hands, may be as far from the mean: it is like no other film
    nearest = -(small[doubtful] @ small.T).min(axis=1, initial=0) / small.shape[1]
    found: pd.Series = films["image_id"].iloc[doubtful[nearest >= _LEAST_LIKE]]
    return found


def _standardise(arrays: ArrayCache, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return small films (N, P) with mean 0 and deviation 1, read block by block; a blank one is 0."""
    parts = []
    for start in range(0, len(rows), _BLOCK):
        films = (np.asarray(arrays.films[row]) for row in rows[start : start + _BLOCK])
        small = np.stack([resize_image(film, _SMALL_PX).ravel() for film in films])
        small -= small.mean(axis=1, keepdims=True)
        parts.append(small / np.maximum(small.std(axis=1, keepdims=True), 1.0))
    return np.concatenate(parts)


def _finding(
    finding: str,
    severity: Severity,
    image_ids: Sequence[str] | pd.Series,
    of: pd.DataFrame,
    title: str,
    advice: str,
) -> Finding:
    ids = list(image_ids)
    one = len(ids) == 1
    words = title.format(
        are="is" if one else "are",
        have="has" if one else "have",
        a_photograph="a photograph" if one else "photographs",
        a_drawing="a drawing" if one else "drawings",
    )
    return Finding(
        "files", finding, severity, f"{count_films(len(ids), 'file')} {words}.", len(ids), len(of),
        advice, [[each] for each in ids], ids,
    )  # fmt: skip
