"""What an audit has found → the tables that it gives, and its page."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from xraylab import __version__
from xraylab.imaging.array_cache import ArrayCache

from .findings import CHECKS, list_affected
from .hidden import hide_ids
from .page import AuditContent, render_audit
from .params import AuditParams

__all__ = ["draw_salt", "gather_findings", "list_films", "write_page"]

_SEVERITIES = ("error", "warning", "info")
_HIDDEN = ("patient", "study", "series", "group_id")
_SHOWN = (
    *(
        "image_id",
        "status",
        "reason",
        "split",
        "label",
        "target",
        "patient",
        "study",
        "series",
        "group_id",
    ),
    *(
        "duplicate_cluster",
        "site",
        "format",
        "file_bytes",
        "width_px",
        "height_px",
        "bits",
        "channels",
    ),
    *("jpeg_quality", "colour", "manufacturer", "kvp", "view", "scaled_by"),
)


def draw_salt(params: AuditParams) -> str:
    """Return what hides the ids of patients in this run."""
    return secrets.token_hex(16) if params.salt is None else params.salt


def gather_findings(**checks: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the findings of all checks: by check, and the worst first.

    Parameters
    ----------
    **checks : DataFrame
        As `xraylab.pipelines.audit.findings.tabulate_findings` gives them.

    Returns
    -------
    all_findings : DataFrame
        All of their columns.
    findings : DataFrame
        The same without the list of all films that a finding is about, which is that of `list_films`.
    """
    table = pd.concat([each for each in checks.values() if len(each)] or list(checks.values()))
    place = {name: k for k, name in enumerate((*CHECKS, *_SEVERITIES))}
    keys = table[["check", "severity"]].replace(place).astype(int)
    order = np.lexsort((-table["n"].to_numpy(), keys["severity"], keys["check"]))
    table = table.iloc[order].reset_index(drop=True)
    return table, table.drop(columns="affected")


def list_films(
    records: pd.DataFrame, findings: pd.DataFrame, salt: str, params: AuditParams
) -> pd.DataFrame:
    """Return one row per file found, with the names of the findings that it is part of.

    Parameters
    ----------
    records : DataFrame
        One row per file found.
    findings : DataFrame
        As `gather_findings` gives them.
    salt : str
        Hides ids.
    params : AuditParams
        Not looked at; a node takes its parameters last.
    """
    affected = list_affected(findings)
    names = affected.groupby("image_id", sort=False)["finding"].agg(
        lambda each: "; ".join(dict.fromkeys(each))
    )
    hidden = {name: hide_ids(records[name], salt) for name in _HIDDEN}
    table = records.assign(**hidden)[list(_SHOWN)]
    named = records["image_id"].map(names.to_dict()).astype("object")
    return table.assign(findings=named.where(named.notna(), "").astype("str"))


def write_page(arrays: ArrayCache, place: str, **tables: pd.DataFrame) -> str:
    """Return the page of an audit.

    Parameters
    ----------
    arrays : ArrayCache
        The films.
    place : str
        The folder of the films; its name is the title.
    **tables : DataFrame
        ``records, recognised, findings, clusters, probes, suspects`` and ``split``, see `AuditContent`.
    """
    counts = tables["records"]["status"].value_counts()
    facts = {
        "Films": place,
        "Date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "Software": f"xraylab {__version__}",
        "Files found": int(counts.sum()),
        "Films read": int(counts.get("ok", 0)),
    }
    return render_audit(AuditContent(PurePosixPath(place).name, facts, arrays=arrays, **tables))
