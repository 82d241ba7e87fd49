"""Predicted masks → rows → metrics, tables and figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab import plots
from xraylab.evaluation.metrics import tidy
from xraylab.flow import compare
from xraylab.flow.masks import RankedFilms
from xraylab.flow.train import list_trainings, shown_model
from xraylab.imaging.array_cache import ArrayCache, LoadFilm
from xraylab.imaging.augment import vary

from .params import LungEvaluationParams, ProtocolParams
from .task import THRESHOLD, mask_name

__all__ = [
    "SHOWN",
    "evaluate",
    "measure_masks",
    "plot_curves",
    "plot_overlays",
    "tabulate_sites",
]

Bytes = NDArray[np.uint8]

DISTANCES = ("hd95", "assd")

_OVERLAPS = ("dice", "iou", *DISTANCES)
_MEASURED = [
    *_OVERLAPS,
    *(f"{name}_{side}" for name in _OVERLAPS for side in ("right", "left")),
    *(f"{name}_cleaned" for name in _OVERLAPS),
    *(f"{name}_mm" for name in DISTANCES),
]

SHOWN = ("dice", "dice_median", "dice_p5", "dice_worst", "dice_cleaned", "iou", "hd95", "assd")
"""Metrics of the table that compares networks."""

_KEPT = ("image_id", "group_id", "arm", "site", "variant", "split", "fold", "target")


def measure_masks(
    masks: Mapping[str, LoadFilm], arrays: ArrayCache, cohort: pd.DataFrame, params: ProtocolParams
) -> pd.DataFrame:
    """Hold every predicted mask against the truth, as it is and cleaned.

    Parameters
    ----------
    masks : mapping of str to callable
        Predicted masks as `predict_masks` names them.
    arrays : ArrayCache
        The truth.
    cohort : DataFrame
        As `split_cohort` gives it.
    params : ProtocolParams
        The models.

    Returns
    -------
    DataFrame
        One row per film and model: ``image_id, group_id, model, arm, site, variant, split, fold``, ``target`` and
        ``prediction`` (true and predicted share of the film that is lung), ``dice, iou, hd95, assd`` of both lungs and
        of each (``_right, _left``), the first four ``_cleaned``, and ``_mm`` where the film's spacing is known.
        Distances are in pixels of the network's grid.
    """
    from joblib import Parallel, delayed

    jobs = [
        (training, row)
        for training in list_trainings(cohort, params.models)
        for row in training.held_out.to_dict("records")
    ]
    run = Parallel(n_jobs=2, prefer="threads")
    measured = run(
        delayed(_measure)(masks[mask_name(training, row)], arrays, row, params.seed)
        for training, row in jobs
    )
    rows = [
        {"model": training.name, **{column: row[column] for column in _KEPT}, **values}
        for (training, row), values in zip(jobs, measured, strict=True)
    ]
    return pd.DataFrame(rows)


def _measure(
    load: LoadFilm, arrays: ArrayCache, row: dict[Any, Any], seed: int
) -> dict[str, float]:
    """Measure one mask."""
    from xraylab.evaluation.segmentation import clean_mask, measure_mask

    place = arrays.row_of(row["image_id"])
    film, truth = np.asarray(arrays.films[place]), np.asarray(arrays.masks[place])
    truth = vary(film, truth, row["variant"], row["image_id"], seed)[1]
    predicted = np.asarray(load() > THRESHOLD, np.uint8)
    cleaned = clean_mask(predicted)
    values = {"prediction": float(predicted.mean()), **measure_mask(predicted, truth)}
    values |= {
        f"{name}_cleaned": value for name, value in measure_mask(cleaned, truth, False).items()
    }
    # rows and columns are scaled alike only on a square film; the row's spacing stands for both
    to_mm = row["spacing_mm"] * row["height_px"] / arrays.size_px
    return values | {f"{name}_mm": values[name] * to_mm for name in DISTANCES}


def evaluate(
    predictions: pd.DataFrame, history: pd.DataFrame, params: LungEvaluationParams
) -> pd.DataFrame:
    """Measure every protocol, model and split, with 95 % intervals by bootstrap over films.

    Under ``sites`` the split ``test`` is the other site, and ``own_site`` the part held out at the site that trained.

    Returns
    -------
    DataFrame
        Tidy metrics: mean, percentile and worst film of every column of `measure_masks`, the mean Dice by site
        (``dice_<site>``), and ``val_loss``, the least loss of the training on the part that chose the weights.
    """
    from xraylab.evaluation.segmentation import segmentation_metrics

    options = params.n_resamples, params.seed
    n_val: dict[tuple[str, str], int] = {}
    tables = []
    for protocol, model, split, rows in compare.list_parts(predictions):
        if split.startswith("test_"):  # the mean Dice by site says it
            continue
        if split == "val":
            n_val[protocol, model] = len(rows)
        found = [segmentation_metrics(rows, _MEASURED, *options)]
        for site, here in rows.groupby("site"):
            of_site = here.rename(columns={"dice": f"dice_{site}"})
            table = segmentation_metrics(of_site, [f"dice_{site}"], *options)
            found.append(table[table["metric"] == f"dice_{site}"])
        tables.append(tidy(protocol, model, split, pd.concat(found)))
    for (of, name), epochs in history.groupby(["protocol", "model"], sort=False):
        known = {"value": epochs["val_loss"].min(), "n": n_val.get((str(of), str(name)), 0)}
        loss = pd.DataFrame([{"metric": "val_loss", "ci_low": np.nan, "ci_high": np.nan, **known}])
        tables.append(tidy(str(of), str(name), "val", loss))
    return pd.concat(tables, ignore_index=True)


def tabulate_sites(predictions: pd.DataFrame, params: LungEvaluationParams) -> pd.DataFrame:
    """Measure ``dice, dice_cleaned`` and ``hd95`` of every model on every site, as `compare.tabulate_sites` does."""
    from xraylab.evaluation.segmentation import segmentation_metrics

    wanted = ["dice", "dice_cleaned", "hd95"]

    def measure(rows: pd.DataFrame, *sites: str) -> dict[str, pd.DataFrame]:
        table = segmentation_metrics(rows, wanted, params.n_resamples, params.seed)
        return {"": table[table["metric"].isin(wanted)]}

    return compare.tabulate_sites(predictions, measure).drop(columns="kind")


def plot_curves(history: pd.DataFrame) -> plots.Figure:
    """Draw the loss of every network that took more than one epoch."""
    epochs = history.groupby(["protocol", "model"])["epoch"].transform("size")
    return plots.plot_loss_curves(history[epochs > 1] if (epochs > 1).any() else history)


def plot_overlays(
    arrays: ArrayCache,
    masks: Mapping[str, LoadFilm],
    predictions: pd.DataFrame,
    params: LungEvaluationParams,
) -> plots.Figure:
    """Draw true and predicted lungs of the best, the median and the worst film of the test part, at each site.

    Raises
    ------
    ValueError
        If the model has no row in the test part.
    """
    model = shown_model(predictions, params.overlay_model)
    rows = predictions[(predictions["model"] == model) & (predictions["split"] == "test")]
    rows = rows[rows["variant"] == "original"]
    if rows.empty:
        raise ValueError(f"'{model}' has no original film in the test part to show")
    panels: dict[str, list[tuple[str, Bytes, Bytes, Bytes]]] = {}
    for site, part in rows.groupby("site"):
        for word, row in RankedFilms(part, {"median": 0.5, "worst": 1, "best": 0}):
            place = arrays.row_of(row["image_id"])
            mask = masks[f"{model}/{row['image_id']}"]() > THRESHOLD
            label = f"{word}: {row['image_id']}\nDice {row['dice']:.3f}, HD95 {row['hd95']:.1f} px"
            film, truth = np.asarray(arrays.films[place]), np.asarray(arrays.masks[place])
            panels.setdefault(str(site), []).append((label, film, truth, mask.astype(np.uint8)))
    return plots.plot_mask_overlays(panels, f"{model}, films that no network was trained on")
