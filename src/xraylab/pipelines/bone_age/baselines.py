"""Baselines that look at no bone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.shortcut_features import border_pixels
from xraylab.flow.train import list_trainings
from xraylab.imaging.array_cache import ArrayCache

__all__ = ["predict_baselines", "sex_code"]


def sex_code(sex: pd.Series) -> NDArray[np.float32]:
    """Return the sex as a network takes it, (N, 1): 1 male, 0 female.

    Examples
    --------
    >>> sex_code(pd.Series(["M", "F"])).tolist()
    [[1.0], [0.0]]
    """
    return np.asarray((sex == "M").to_numpy(), np.float32)[:, None]


def predict_baselines(
    arrays: ArrayCache, cohort: pd.DataFrame, columns: list[str]
) -> Iterator[pd.DataFrame]:
    """Predict the held-out films of every arm without a look at a bone.

    ``mean_age`` is the mean of the training films of the same sex; ``border_only`` a ridge regression on the border of
    the film, its size and the sex.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    border = border_pixels(arrays.films)
    for training in list_trainings(cohort, {"": None}):
        train, held_out = training.train, training.held_out
        means = train.groupby("sex")["target"].mean()
        mean = held_out["sex"].map(means).fillna(train["target"].mean())
        yield held_out[columns].assign(model="mean_age", prediction=mean)
        x, x_held_out = (
            np.column_stack(
                [
                    border[arrays.rows_of(part["image_id"])],
                    part[["height_px", "width_px"]],
                    sex_code(part["sex"]),
                ]
            )
            for part in (train, held_out)
        )
        ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 6, 13)))
        ridge.fit(x, train["target"])
        yield held_out[columns].assign(model="border_only", prediction=ridge.predict(x_held_out))
