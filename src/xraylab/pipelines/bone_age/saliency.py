"""Where the network looks, and how far a prediction moves when it should not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from xraylab import plots
from xraylab.flow.train import model_key, shown_model
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.bone_age import restore_bone_age_network
from xraylab.models.state import ModelState
from xraylab.training.params import TrainingParams

from .baselines import sex_code
from .evaluation import reported
from .params import AgeEvaluationParams
from .task import AgeTask

__all__ = ["measure_stability", "plot_heat_maps"]

_BATCH = 64


def _test_rows(
    predictions: pd.DataFrame, models: dict[str, ModelState], params: AgeEvaluationParams
) -> tuple[ModelState, pd.DataFrame]:
    """Return a trained model that is shown and the test rows that it was not trained on."""
    rows = reported(predictions.assign(protocol=""))
    model = shown_model(rows, params.shown_model)
    rows = rows[rows["model"] == model]
    arm = str(rows["arm"].iloc[0])
    return models[model_key(model, arm)], rows[rows["arm"] == arm]


def plot_heat_maps(
    arrays: ArrayCache,
    predictions: pd.DataFrame,
    models: dict[str, ModelState],
    params: AgeEvaluationParams,
) -> plots.Figure:
    """Draw Grad-CAM maps of the test films with the smallest and the largest errors.

    A map shows what raises the age of a film that is read as older than the mean of the training films, and what
    lowers that of one that is read as younger: what speaks for the other side alone leaves a map empty.

    Parameters
    ----------
    arrays : ArrayCache
        The films.
    predictions : DataFrame
        Of the protocol whose models they are.
    models : dict of str to ModelState
        The trained networks.
    params : AgeEvaluationParams
        Which model, how many films.
    """
    from xraylab.training.saliency import grad_cam

    state, rows = _test_rows(predictions, models, params)
    network, middle = restore_bone_age_network(state), state.card["target_mean"]
    rows = rows.assign(error=(rows["prediction"] - rows["target"]).abs())
    ranked = rows.sort_values(["error", "image_id"])
    n = min(params.n_shown, len(ranked) // 2) or 1
    panels: dict[str, list[Any]] = {}
    for title, part in (("best", ranked.head(n)), ("worst", ranked.tail(n)[::-1])):
        films = np.asarray(arrays.films[arrays.rows_of(part["image_id"])])
        older = (part["prediction"] >= middle).to_numpy()
        maps = np.where(
            older[:, None, None],
            grad_cam(network, films, sex_code(part["sex"])),
            grad_cam(network, films, sex_code(part["sex"]), against=True),
        )
        panels[title] = [
            (
                f"{row['image_id']} ({row['sex']})\n{row['prediction']:.0f} for {row['target']:.0f} months",
                film, seen, None,
            )
            for row, film, seen in zip(part.to_dict("records"), films, maps, strict=True)
        ]  # fmt: skip
    name = rows["model"].iloc[0]
    return plots.plot_saliency(
        panels, f"{name}: what makes a hand older, or younger, than the mean (Grad-CAM), test films"
    )


def measure_stability(
    arrays: ArrayCache,
    predictions: pd.DataFrame,
    models: dict[str, ModelState],
    training: TrainingParams,
    params: AgeEvaluationParams,
) -> pd.DataFrame:
    """Measure by how many months a prediction moves when a film is turned, mirrored, inverted or changed in contrast.

    Returns
    -------
    DataFrame
        One row per change of `xraylab.evaluation.perturbations.PERTURBATIONS`: ``model, change, n, mean_shift,
        mean_abs_shift, p95_abs_shift`` and ``mae`` after it, in months; the row ``none`` is the film as it is.
    """
    from xraylab.evaluation.perturbations import PERTURBATIONS, perturb

    state, rows = _test_rows(predictions, models, params)
    network, task = restore_bone_age_network(state), AgeTask(arrays, training)
    rows = rows.sort_values("image_id").head(params.n_moved)
    films = np.asarray(arrays.films[arrays.rows_of(rows["image_id"])])
    places, target = np.arange(len(films)), rows["target"].to_numpy()

    def read(changed: Any) -> Any:
        return task.read(network, state, changed, places, rows["sex"], _BATCH)

    before = read(films)
    table = []
    for change in ("none", *PERTURBATIONS):
        after = before if change == "none" else read(perturb(change, films))
        moved = after - before
        table.append(
            {
                "model": rows["model"].iloc[0], "change": change, "n": len(films),
                "mean_shift": moved.mean(), "mean_abs_shift": np.abs(moved).mean(),
                "p95_abs_shift": np.percentile(np.abs(moved), 95), "mae": np.abs(after - target).mean(),
            }
        )  # fmt: skip
    return pd.DataFrame(table)
