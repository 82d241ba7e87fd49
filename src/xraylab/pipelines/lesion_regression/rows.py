"""Measured films → the rows of a protocol, its folds, and what leaks."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from xraylab.evaluation.leakage import LEAK_COLUMNS, LeakError, check_leakage
from xraylab.evaluation.splits import NO_FOLD, fold_rows_at_random
from xraylab.records.delimited import to_numbers
from xraylab.tabular.identities import find_identities

from .params import ProtocolParams, TableParams

__all__ = ["TABLE_COLUMNS", "index_table", "make_rows"]

logger = logging.getLogger(__name__)

TABLE_COLUMNS = {
    "PatientAge": "age",
    "SexEncoded": "sex",
    "NumLesions": "num_lesions",
    "MeanArea": "mean_area",
    "MeanCentroidDist": "mean_centroid_distance",
    "LesionRatio": "target",
}
"""Columns of the public demo's table, and what they are called here."""

_KEYS = ("image_id", "group_id", "data_set", "annotation")


def make_rows(
    films: pd.DataFrame, entries: pd.DataFrame, params: ProtocolParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Choose rows, target and folds of a protocol, and pass them through the leak gate.

    Parameters
    ----------
    films : DataFrame
        As `measure_films` gives it.
    entries : DataFrame
        As `read_tables` gives it.
    params : ProtocolParams
        The protocol.

    Returns
    -------
    cohort : DataFrame
        ``image_id, group_id, data_set, annotation, split, fold, target`` and the features. Every row is in ``test``, in
        its fold; where a table gives the parts, honest rows are in these, and one fold holds those of ``test``.
    leakage : DataFrame
        What the gate found: groups on both sides of a fold, and ``target_identity``, features from which the target
        can be computed; with the ``action`` that was taken.

    Raises
    ------
    ValueError
        If no film is left.
    LeakError
        With ``on_leak: fail``, if anything leaks.
    """
    source = "target" if params.target == "true_ratio" else "lesion_ratio"
    columns = [*_KEYS, "split", "fold", "patient_id", *params.features]
    rows = films[columns].assign(target=films[source].astype(np.float64))
    if params.rows == "patients":
        ages = entries[["data_set", "patient_id", "age", "sex"]].drop_duplicates().dropna()
        rows = rows.drop(columns=["age", "sex"], errors="ignore").merge(
            ages, on=["data_set", "patient_id"], how="inner"
        )
    if rows.empty:
        raise ValueError(
            f"none of {len(films)} films has a row with age and sex in Data_Entry*.csv, which rows 'patients' needs"
        )
    if params.folds == "rows":
        rows["split"] = "test"
        rows["fold"] = fold_rows_at_random(len(rows), params.n_folds, params.seed)
    # the test films of a table are one more fold, and the only one that is tested
    rows["fold"] = rows["fold"].where(rows["fold"] != NO_FOLD, rows["fold"].max() + 1)
    ordered = [*_KEYS, "split", "fold", "target", *params.features]
    cohort = rows[ordered].reset_index(drop=True)
    return cohort, _pass_gate(cohort, params.features, params.on_leak)


def _pass_gate(cohort: pd.DataFrame, features: tuple[str, ...], on_leak: str) -> pd.DataFrame:
    """Return what leaks between folds, and which features give the target; raise for ``fail``."""
    sides = cohort.assign(split="fold " + cohort["fold"].astype(str))
    leaks = check_leakage(sides, "fail" if on_leak == "fail" else "report")
    identities = find_identities(cohort[list(features)], cohort["target"])
    if identities and on_leak == "fail":
        raise LeakError(
            f"the target is '{identities[0]}' but for a constant factor: a model of these features computes it and "
            "predicts nothing. Leave one of them out, or set on_leak to 'report'"
        )
    empty = {name: 0 if name.startswith("n_") else "" for name in LEAK_COLUMNS}
    found = [
        {**empty, "kind": "target_identity", "key": key, "n_pairs": len(cohort)}
        for key in identities
    ]
    if found:
        logger.warning("The target can be computed from the features: %s", identities[0])
        leaks = pd.concat([pd.DataFrame(found), leaks], ignore_index=True)[list(LEAK_COLUMNS)]
    return leaks.assign(action="reported")


def index_table(table: pd.DataFrame, params: TableParams) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the public demo's table our names, its folds, and the images that its rows are of.

    Rows with the same lesions are of one image: the table does not name them.

    Returns
    -------
    cohort, leakage : DataFrame
        As `make_rows` gives them.

    Raises
    ------
    ValueError
        If a column is missing, or a value is.
    """
    missing = [name for name in TABLE_COLUMNS if name not in table.columns]
    if missing:
        raise ValueError(
            f"features_and_target.csv lacks the column '{missing[0]}'; it has {list(table.columns)}"
        )
    rows = pd.DataFrame(
        {
            ours: to_numbers(table[name], f"features_and_target.csv, '{name}'")
            for name, ours in TABLE_COLUMNS.items()
        }
    )
    gaps = [name for name in rows.columns if rows[name].isna().any()]
    if gaps:
        raise ValueError(f"features_and_target.csv: '{gaps[0]}' is missing, or no number, in a row")
    lesions = ["num_lesions", "mean_area", "mean_centroid_distance"]
    image = rows.groupby(lesions).ngroup().map("image_{:03d}".format)
    cohort = rows.assign(
        image_id=image,
        group_id=image,
        data_set="seed_lesion_results",
        annotation="predicted",
        split="test",
        fold=fold_rows_at_random(len(rows), params.n_folds, params.seed) if len(rows) else NO_FOLD,
    )
    features = tuple(name for name in TABLE_COLUMNS.values() if name != "target")
    ordered = cohort[[*_KEYS, "split", "fold", "target", *features]].reset_index(drop=True)
    return ordered, _pass_gate(ordered, features, "report")
