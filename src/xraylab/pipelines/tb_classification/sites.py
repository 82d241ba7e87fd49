"""From one hospital to another: what is left of a model, as it is and after a recalibration."""

from __future__ import annotations

import pandas as pd

from xraylab import plots
from xraylab.evaluation.calibration import fit_calibration
from xraylab.evaluation.classification import classification_metrics
from xraylab.evaluation.splits import assign_stratified_folds
from xraylab.evaluation.thresholds import choose_threshold
from xraylab.flow import compare

from .params import PROBES, TbEvaluationParams

__all__ = ["plot_recalibration", "plot_sites", "tabulate_sites"]

_METRICS = (
    "auroc", "accuracy", "balanced_accuracy", "recall", "specificity", "sensitivity_at_90_specificity", "ece", "brier",
)  # fmt: skip
_HALVES = 2


def tabulate_sites(predictions: pd.DataFrame, params: TbEvaluationParams) -> pd.DataFrame:
    """Measure every model on every site, with the threshold of the site that trained, and recalibrated.

    A recalibration fits a line on the logits and a threshold (Youden's) to one half of the films of the site that
    tests, and is measured on the other half; both halves in turn, so that each film is measured once.

    Parameters
    ----------
    predictions : DataFrame
        Of the protocol whose arms are sites.
    params : TbEvaluationParams
        Resamples, seed, kind of calibration.

    Returns
    -------
    DataFrame
        One row per model, site that trained, site that tests and metric: ``model, train_site, test_site, threshold``
        (``carried_over`` or ``recalibrated``), ``metric, value, ci_low, ci_high, n``. Where both sites are one, its
        held-out part.
    """

    def measure(rows: pd.DataFrame, arm: str, site: str) -> dict[str, pd.DataFrame]:
        kinds = {"carried_over": rows}
        if arm != site and rows.groupby("target")["group_id"].nunique().min() >= 2 * _HALVES:
            kinds["recalibrated"] = _recalibrate(rows, params)
        return {
            kind: classification_metrics(
                part, "threshold", _METRICS, params.n_resamples, params.seed
            )
            for kind, part in kinds.items()
        }

    return compare.tabulate_sites(predictions, measure).rename(columns={"kind": "threshold"})


def _recalibrate(rows: pd.DataFrame, params: TbEvaluationParams) -> pd.DataFrame:
    halves = assign_stratified_folds(
        rows["group_id"].astype(str), rows["target"], _HALVES, params.seed
    )
    mended = rows.copy()
    for half in range(_HALVES):
        fit, apply = rows[halves != half], halves == half
        line = fit_calibration(fit, params.calibration)
        fitted = fit.assign(prediction=line.apply(fit["prediction"].to_numpy()))
        mended.loc[apply, "prediction"] = line.apply(rows.loc[apply, "prediction"].to_numpy())
        mended.loc[apply, "threshold"] = choose_threshold(fitted, "youden")
    return mended


def plot_sites(site_matrix: pd.DataFrame) -> plots.Figure:
    """Draw the area under the ROC curve of each site that trained on each site that tests."""
    carried = site_matrix["threshold"] == "carried_over"
    return plots.plot_site_matrix(
        site_matrix[carried & ~site_matrix["model"].isin(PROBES)], "auroc"
    )


def plot_recalibration(site_matrix: pd.DataFrame) -> plots.Figure:
    """Draw the balanced accuracy at another site, with the threshold carried over and recalibrated."""
    other = site_matrix["train_site"] != site_matrix["test_site"]
    rows = site_matrix[other & ~site_matrix["model"].isin(PROBES)]
    way = rows["train_site"] + " to " + rows["test_site"]
    table = rows.assign(
        protocol=rows["threshold"].str.replace("_", " "),
        model=rows["model"] + ", " + way,
        split="test",
    )
    return plots.plot_protocol_comparison(table, "balanced_accuracy", reference=(0.5, "chance"))
