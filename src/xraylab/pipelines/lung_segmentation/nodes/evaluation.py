"""Predicted masks → rows → metrics, tables and figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab import plots
from xraylab.evaluation.metrics import tidy
from xraylab.imaging.array_cache import ArrayCache, LoadFilm
from xraylab.models.state import ModelState
from xraylab.pipelines.lung_segmentation.params import EvaluationParams, ProtocolParams

from .networks import THRESHOLD, list_trainings, mask_key, vary

__all__ = [
    "compare_networks",
    "evaluate",
    "measure_masks",
    "plot_curves",
    "plot_overlays",
    "plot_protocols",
    "plot_sites",
    "tabulate_sites",
]

Bytes = NDArray[np.uint8]

OVERLAPS, DISTANCES = ("dice", "iou"), ("hd95", "assd")


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
        One row a film and model: ``image_id, group_id, model, arm, site, variant, split, fold``, ``target`` and
        ``prediction`` (true and predicted share of the film that is lung), ``dice, iou, hd95, assd`` of both lungs and
        of each (``_right, _left``), the first four ``_cleaned``, and ``_mm`` where the film's spacing is known.
        Distances are in pixels of the network's grid.
    """
    from joblib import Parallel, delayed

    jobs = [
        (name, row)
        for name, _, rows in list_trainings(cohort, params)
        for row in rows[rows["split"].isin(["val", "test"])].to_dict("records")
    ]
    run = Parallel(n_jobs=2, prefer="threads")
    keep = ("image_id", "group_id", "arm", "site", "variant", "split", "fold", "target")
    measured = run(
        delayed(_measure)(
            masks[mask_key(name, row["image_id"], row["variant"])], arrays, row, params.seed
        )
        for name, row in jobs
    )
    rows = [
        {"model": name, **{column: row[column] for column in keep}, **values}
        for (name, row), values in zip(jobs, measured, strict=True)
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
    predictions: pd.DataFrame, history: pd.DataFrame, params: EvaluationParams
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

    rows = predictions.assign(split=_part(predictions))
    base = (*OVERLAPS, *DISTANCES)
    names = [*base, *(f"{m}_{side}" for m in base for side in ("right", "left"))]
    names += [*(f"{m}_cleaned" for m in base), *(f"{m}_mm" for m in DISTANCES)]
    tables = []
    for (protocol, model, split), part in rows.groupby(["protocol", "model", "split"], sort=False):
        found = [segmentation_metrics(part, names, params.n_resamples, params.seed)]
        for site, here in part.groupby("site"):
            of_site = here.rename(columns={"dice": f"dice_{site}"})
            table = segmentation_metrics(of_site, [f"dice_{site}"], params.n_resamples, params.seed)
            found.append(table[table["metric"] == f"dice_{site}"])
        tables.append(tidy(str(protocol), str(model), str(split), pd.concat(found)))
    for (protocol, model), epochs in history.groupby(["protocol", "model"], sort=False):
        n = int(
            (
                (rows["protocol"] == protocol) & (rows["model"] == model) & (rows["split"] == "val")
            ).sum()
        )
        loss = {
            "metric": "val_loss",
            "value": epochs["val_loss"].min(),
            "ci_low": np.nan,
            "ci_high": np.nan,
            "n": n,
        }
        tables.append(tidy(str(protocol), str(model), "val", pd.DataFrame([loss])))
    return pd.concat(tables, ignore_index=True)


def _part(predictions: pd.DataFrame) -> pd.Series:
    """Return the split, apart from films that are held out at the very site that an arm trained on."""
    own = (predictions["arm"] != "") & (predictions["arm"] == predictions["site"])
    return predictions["split"].mask(own & (predictions["split"] == "test"), "own_site")


def compare_networks(metrics: pd.DataFrame, **models: dict[str, ModelState]) -> pd.DataFrame:
    """Lay networks beside each other: what they are, what they cost, how well they do on the held-out part.

    Returns
    -------
    DataFrame
        One row a protocol and model: ``protocol, model, network, n_parameters, epochs, minutes, val_loss`` and, on the
        split ``test``, ``n, dice, dice_ci_low, dice_ci_high, dice_median, dice_p5, dice_worst, dice_cleaned, iou, hd95,
        assd``.
    """
    wanted = ("dice", "dice_median", "dice_p5", "dice_worst", "dice_cleaned", "iou", "hd95", "assd")
    rows = []
    for protocol, states in models.items():
        for name, state in states.items():
            here = (
                (metrics["protocol"] == protocol)
                & (metrics["model"] == name)
                & (metrics["split"] == "test")
            )
            found = metrics[here].set_index("metric")
            network = state.card["network"]
            row = {
                "protocol": protocol,
                "model": name,
                "network": "-".join(filter(None, (network["architecture"], network["encoder"]))),
                "n_parameters": state.card["n_parameters"],
                "epochs": state.card["fit"]["epochs"],
                "minutes": state.card["fit"]["minutes"],
                "val_loss": state.card["metrics"]["val_loss"],
                "n": int(found["n"].get("dice", 0)),
                **{metric: found["value"].get(metric, np.nan) for metric in wanted},
                "dice_ci_low": found["ci_low"].get("dice", np.nan),
                "dice_ci_high": found["ci_high"].get("dice", np.nan),
            }
            rows.append(row)
    return pd.DataFrame(rows)


def tabulate_sites(predictions: pd.DataFrame, params: EvaluationParams) -> pd.DataFrame:
    """Measure every model on every site.

    Returns
    -------
    DataFrame
        One row a model, site that trained and site that tests: ``model, train_site, test_site``, and ``metric, value,
        ci_low, ci_high, n`` of ``dice, dice_cleaned`` and ``hd95``. Where both sites are one, its held-out part.
    """
    from xraylab.evaluation.segmentation import segmentation_metrics

    tables = []
    test = predictions[predictions["split"] == "test"]
    wanted = ["dice", "dice_cleaned", "hd95"]
    for (model, arm, site), part in test.groupby(["model", "arm", "site"], sort=True):
        table = segmentation_metrics(part, wanted, params.n_resamples, params.seed)
        table = table[table["metric"].isin(wanted)]
        tables.append(
            table.assign(
                model=str(model).removesuffix(f"_{arm}"), train_site=str(arm), test_site=str(site)
            )
        )
    matrix = pd.concat(tables, ignore_index=True)
    return matrix[["model", "train_site", "test_site", "metric", "value", "ci_low", "ci_high", "n"]]


def plot_curves(history: pd.DataFrame) -> plots.Figure:
    """Draw the loss of every network that took more than one epoch."""
    epochs = history.groupby(["protocol", "model"])["epoch"].transform("size")
    return plots.plot_loss_curves(history[epochs > 1] if (epochs > 1).any() else history)


def plot_protocols(metrics: pd.DataFrame) -> plots.Figure:
    """Draw the Dice of every model under every protocol."""
    return plots.plot_protocol_comparison(metrics, "dice")


def plot_sites(site_matrix: pd.DataFrame) -> plots.Figure:
    """Draw the Dice of each site that trained on each site that tests."""
    return plots.plot_site_matrix(site_matrix, "dice")


def plot_overlays(
    arrays: ArrayCache,
    masks: Mapping[str, LoadFilm],
    predictions: pd.DataFrame,
    params: EvaluationParams,
) -> plots.Figure:
    """Draw true and predicted lungs of the best, the median and the worst film of the test part, at each site.

    Raises
    ------
    ValueError
        If the model has no row in the test part.
    """
    names = predictions["model"].unique()
    model = params.overlay_model if params.overlay_model in names else names[0]
    rows = predictions[(predictions["model"] == model) & (predictions["split"] == "test")]
    rows = rows[rows["variant"] == "original"]
    if rows.empty:
        raise ValueError(f"'{model}' has no original film in the test part to show")
    panels: dict[str, list[tuple[str, Bytes, Bytes, Bytes]]] = {}
    for site, part in rows.groupby("site"):
        ranked = part.dropna(subset="dice").sort_values("dice", ascending=False, ignore_index=True)
        if ranked.empty:  # no lungs are drawn on any film of the site
            continue
        last = len(ranked) - 1
        chosen = {"best": 0, "median": len(ranked) // 2, "worst": last}
        if last < 2:  # noqa: PLR2004 - two films or one have no median
            chosen = {"best": 0, "worst": last} if last else {"only film": 0}
        for word, place in chosen.items():
            row = ranked.iloc[place]
            position = arrays.row_of(row["image_id"])
            mask = masks[mask_key(model, row["image_id"], "original")]() > THRESHOLD
            label = f"{word}: {row['image_id']}\nDice {row['dice']:.3f}, HD95 {row['hd95']:.1f} px"
            panels.setdefault(str(site), []).append(
                (
                    label,
                    np.asarray(arrays.films[position]),
                    np.asarray(arrays.masks[position]),
                    mask.astype(np.uint8),
                )
            )
    return plots.plot_mask_overlays(panels, f"{model}, films that no network was trained on")
