"""Check 3: patients, studies and series, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from xraylab.imaging.file_facts import looks_like_name

from .findings import Finding, Severity, tabulate_findings
from .params import AuditParams
from .words import count_films

__all__ = ["check_groups"]

_ACROSS = {
    "patient": ("patients_across_parts", "patient"),
    "study": ("studies_across_parts", "study"),
    "series": ("series_across_parts", "series"),
}
_PLURAL = {"patient": "patients", "study": "studies", "series": "series"}


def check_groups(records: pd.DataFrame, params: AuditParams) -> pd.DataFrame:
    """Say which patients, studies and series lie in several parts, and what is said of a patient in two ways.

    Parameters
    ----------
    records : DataFrame
        One row per file found.
    params : AuditParams
        Not looked at; a node takes its parameters last.

    Returns
    -------
    DataFrame
        Findings, as `tabulate_findings` gives them.
    """
    films = records[records["status"] == "ok"]
    if (films["patient"] == "").all():
        found = [
            Finding(
                "groups",
                "no_patients",
                "warning",
                "Nothing says which films are of one patient.",
                len(films),
                len(films),
                "Name a column of patients (audit.columns.patient). Without it films of one patient may lie in several "
                "parts, and figures look better than they are.",
            )
        ]
    else:
        found = [*_describe_groups(films)]
    return tabulate_findings(
        [*found, *_across_parts(films), *_contradictions(films), *_instances(films), *_ages(films), *_names(films)]
    )  # fmt: skip


def _describe_groups(films: pd.DataFrame) -> Iterator[Finding]:
    known = films[films["patient"] != ""]
    sizes = known["patient"].value_counts()
    yield Finding(
        "groups", "patients", "info",
        f"{count_films(len(known))} are of {count_films(len(sizes), 'patient')}, at most {sizes.max():,} of one.",
        len(known), len(films),
    )  # fmt: skip
    without = films[films["patient"] == ""]
    if len(without):
        yield Finding(
            "groups", "films_without_patient", "warning",
            f"{count_films(len(without))} of no known patient.", len(without), len(films),
            "Find out whose films they are: each is taken for a patient of its own.",
            [[each] for each in without["image_id"]], without["image_id"].tolist(),
        )  # fmt: skip


def _across_parts(films: pd.DataFrame) -> Iterator[Finding]:
    seen: set[str] = set()
    for column, (finding, word) in _ACROSS.items():
        known = films[(films[column] != "") & (films["split"] != "")]
        crossing = known[known.groupby(column)["split"].transform("nunique") > 1]
        new = set(crossing["image_id"]) - seen
        seen |= new
        if not new:  # of a patient who is named already
            continue
        n = crossing[column].nunique()
        parts = sorted(crossing["split"].unique())
        words = f"1 {word} lies" if n == 1 else f"{n:,} {_PLURAL[word]} lie"
        examples = [
            rows.drop_duplicates("split")["image_id"].tolist()[:2]
            for _, rows in crossing.groupby(column, sort=True)
        ]
        yield Finding(
            "groups", finding, "error",
            f"{words} in several parts ({', '.join(parts)}), with {count_films(len(crossing))}.",
            n, int(known[column].nunique()),
            f"Split again with all films of a {word} in one part: split.csv is such a split.",
            examples, crossing["image_id"].tolist(),
        )  # fmt: skip


def _contradictions(films: pd.DataFrame) -> Iterator[Finding]:
    """Name patients of whom two things are said that cannot both be, or need a look."""
    rules: tuple[tuple[str, str, Severity, str, str], ...] = (
        ("sex", "conflicting_sex", "warning", "of both sexes",
         "One of the two is wrong, or two patients have one id."),
        ("label", "conflicting_labels", "info", "with films of several labels",
         ""),
    )  # fmt: skip
    for column, finding, severity, words, advice in rules:
        known = films[(films["patient"] != "") & (films[column] != "")]
        both = known[known.groupby("patient")[column].transform("nunique") > 1]
        if not len(both):
            continue
        n = both["patient"].nunique()
        examples = [
            rows.drop_duplicates(column)["image_id"].tolist()[:2]
            for _, rows in both.groupby("patient", sort=True)
        ]
        yield Finding(
            "groups", finding, severity, f"{count_films(n, 'patient')} {words}.", n,
            int(known["patient"].nunique()), advice, examples, both["image_id"].tolist(),
        )  # fmt: skip


def _instances(films: pd.DataFrame) -> Iterator[Finding]:
    """Name films of one SOPInstanceUID and different pixels: a UID is that of one image (PS3.3 C.12.1)."""
    known = films[films["instance"] != ""]
    several = known[known.groupby("instance")["digest"].transform("nunique") > 1]
    if len(several):
        examples = [rows["image_id"].tolist()[:2] for _, rows in several.groupby("instance")]
        yield Finding(
            "groups", "one_instance_uid", "warning",
            f"{count_films(len(several))} with different pixels share a SOPInstanceUID.",
            len(several), len(known),
            "The films were changed, or their headers copied: nothing in them says which film is whose.",
            examples, several["image_id"].tolist(),
        )  # fmt: skip


def _ages(films: pd.DataFrame) -> Iterator[Finding]:
    odd = films[films["age_note"] != ""]
    if len(odd):
        yield Finding(
            "groups", "impossible_age", "warning",
            f"{count_films(len(odd))} with an age that cannot be, or cannot be read, such as: "
            f"{odd['age_note'].iloc[0]}.", len(odd), len(films),
            "Correct the ages, or leave them empty.",
            [[each] for each in odd["image_id"]], odd["image_id"].tolist(),
        )  # fmt: skip


def _names(films: pd.DataFrame) -> Iterator[Finding]:
    """Name films whose patient id looks like a person's name, without saying it."""
    patients = {each: looks_like_name(each) for each in films["patient"].unique()}
    named = films[films["named"] | films["patient"].map(patients).astype(bool)]
    if len(named):
        yield Finding(
            "groups", "names_as_ids", "warning",
            f"{count_films(len(named))} with a patient id that looks like a person's name.",
            len(named), len(films),
            "Replace the ids before anyone shares the set. Names are shown in no output of this audit, but file "
            "names are.",
            affected=named["image_id"].tolist(),
        )  # fmt: skip
