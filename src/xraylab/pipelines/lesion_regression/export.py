"""The stored forest beside its ONNX form."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from xraylab.models.state import ModelState
from xraylab.tabular.kinds import restore_tabular_model

__all__ = ["check_export"]

_MAX_ROWS = 64  # the reference implementation of ONNX is slow


def check_export(
    models: Mapping[str, ModelState], forest_onnx: bytes, cohort: pd.DataFrame
) -> pd.DataFrame:
    """Compare what the stored forest and its ONNX form predict for the same rows.

    Parameters
    ----------
    models : mapping of str to ModelState
        As `fit_models` gives them; one is ``random_forest``.
    forest_onnx : bytes
        The same forest as ONNX.
    cohort : DataFrame
        Rows with the features of the forest; at most 64, evenly spread, are compared.

    Returns
    -------
    DataFrame
        One row: ``model, n_rows, max_difference``, in units of the target.
    """
    import onnx
    from onnx.reference import ReferenceEvaluator

    forest = restore_tabular_model(models["random_forest"])
    n_rows = min(len(cohort), _MAX_ROWS)
    rows = cohort.iloc[np.linspace(0, len(cohort) - 1, n_rows).round().astype(int)]
    # both see the float32 that the exported form takes
    features = rows[list(forest.record.feature_names)].astype(np.float32)
    run = ReferenceEvaluator(onnx.load_from_string(forest_onnx)).run
    (ratio,) = run(None, {"features": features.to_numpy()})
    found = np.asarray(ratio)[:, 0]
    difference = np.abs(found - forest.predict(features.astype(np.float64)))
    return pd.DataFrame(
        {"model": ["random_forest"], "n_rows": [n_rows], "max_difference": [difference.max()]}
    )
