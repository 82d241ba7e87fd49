"""Nodes of feature_extraction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab import plots
from xraylab.dose.plan import exposures_of
from xraylab.dose.simulate import Exposure, simulate
from xraylab.features.texture import EXTENDED_FEATURES, PUBLISHED_FEATURES, measure_texture
from xraylab.imaging import UnreadableRadiograph
from xraylab.imaging.film_file import LoadFilm, read_loaded, with_voi

from .params import FeatureExtractionParams

__all__ = ["extract_features", "plot_feature_correlations", "plot_noise_against_dose", "plot_strip"]

Measured = tuple[str, list[dict[str, Any]], str]

_EXPOSURE_COLUMNS = ["recipe", "level", "scale", "noise_std", "dose_fraction"]


def extract_features(
    films: dict[str, LoadFilm], exposures: pd.DataFrame, params: FeatureExtractionParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Simulate and measure every exposure, one pass over each film, nothing stored in between.

    Films are read, simulated and measured on joblib workers (threads, or whatever backend is active, such as
    Dask). Memory holds one film and one buffer a worker, and the rows of the table.

    Parameters
    ----------
    films : dict of str to callable
        Lazy films by image id.
    exposures : DataFrame
        `xraylab.dose.tables.ExposurePlan`.
    params : FeatureExtractionParams
        Which features, how many workers, how many bad films to bear.

    Returns
    -------
    features : DataFrame
        One row an exposure: ``image_id, group_id, recipe, level, scale, noise_std, dose_fraction``, the ``digest``
        of the film's pixels (equal for equal films), ``scaled_by`` (see `xraylab.imaging.Film`), and the features.
    rejected : DataFrame
        ``image_id, reason`` of every film that cannot be read.

    Raises
    ------
    ValueError
        If more than ``max_rejected_fraction`` of the films cannot be read, naming the first.
    """
    from joblib import Parallel, delayed

    films = with_voi(films, params.apply_voi)
    groups = exposures.groupby("image_id", sort=True)["group_id"].first()
    # numba compiles once here rather than in every worker at the same time
    _measure_film(
        "", lambda: np.zeros((8, 8), np.float32), exposures_of(exposures.head(1)), params.which
    )
    run = Parallel(
        n_jobs=params.workers, prefer="threads", return_as="generator", pre_dispatch="2*n_jobs"
    )
    measured: Iterator[Measured] = run(
        delayed(_measure_film)(image_id, films[image_id], plan, params.which)
        for image_id, plan in _plans(exposures)
    )
    rows: list[dict[str, Any]] = []
    rejected: list[dict[str, str]] = []
    for image_id, features, reason in measured:
        rows += [{"image_id": image_id, "group_id": groups[image_id], **row} for row in features]
        if reason:
            rejected.append({"image_id": image_id, "reason": reason})
    if len(rejected) > params.max_rejected_fraction * len(groups):
        raise ValueError(
            f"{len(rejected)} of {len(groups)} films cannot be read, such as '{rejected[0]['image_id']}' "
            f"({rejected[0]['reason']}); max_rejected_fraction is {params.max_rejected_fraction}"
        )
    return pd.DataFrame(rows), pd.DataFrame(rejected, columns=["image_id", "reason"], dtype=str)


def _plans(exposures: pd.DataFrame) -> Iterator[tuple[str, list[Exposure]]]:
    for image_id, rows in exposures.groupby("image_id", sort=True):
        yield str(image_id), exposures_of(rows)


def _measure_film(image_id: str, load: LoadFilm, exposures: list[Exposure], which: Any) -> Measured:
    """Return the rows of one film, or the reason why it cannot be read."""
    from xxhash import xxh3_128_hexdigest

    try:
        read = read_loaded(load)
        film, scaled_by = read.pixels, read.scaled_by
    except UnreadableRadiograph as error:
        return image_id, [], error.reason
    digest = xxh3_128_hexdigest(film.data)
    buffer = np.empty_like(film)
    rows = []
    for exposure in exposures:
        simulated = simulate(film, exposure, out=buffer)
        row = {column: getattr(exposure, column) for column in _EXPOSURE_COLUMNS}
        rows.append(
            {**row, "digest": digest, "scaled_by": scaled_by, **measure_texture(simulated, which)}
        )
    return image_id, rows, ""


def plot_noise_against_dose(features: pd.DataFrame) -> plots.Figure:
    """Draw the published noise variance against dose, for each recipe."""
    return plots.plot_feature_against_dose(features, "noise_var")


def plot_feature_correlations(features: pd.DataFrame) -> plots.Figure:
    """Draw the correlations between dose and the features."""
    names = [name for name in (*PUBLISHED_FEATURES, *EXTENDED_FEATURES) if name in features]
    return plots.plot_correlations(features, ["dose_fraction", *dict.fromkeys(names)])


def plot_strip(
    films: dict[str, LoadFilm], exposures: pd.DataFrame, params: FeatureExtractionParams
) -> plots.Figure:
    """Draw one film at every level of each recipe, with its residual against the full-dose film.

    Raises
    ------
    ValueError
        If ``strip_image`` names no film of the plan, or no film can be read.
    """
    ids = [params.strip_image] if params.strip_image else sorted(exposures["image_id"].unique())
    if params.strip_image and params.strip_image not in set(exposures["image_id"]):
        raise ValueError(
            f"strip_image '{params.strip_image}' is none of the {exposures['image_id'].nunique()} films"
        )
    for image_id in ids:
        try:
            film = with_voi({image_id: films[image_id]}, params.apply_voi)[image_id]()
        except UnreadableRadiograph:
            continue
        plan = exposures[exposures["image_id"] == image_id].sort_values(
            ["recipe", "dose_fraction"], ascending=[True, False]
        )
        strips: dict[str, list[tuple[str, NDArray[np.float32]]]] = {}
        for exposure in exposures_of(plan):
            strips.setdefault(exposure.recipe, []).append(
                (_label(exposure), simulate(film, exposure))
            )
        return plots.plot_dose_strip(film, strips)
    raise ValueError(f"none of the {len(ids)} films can be read")


def _label(exposure: Exposure) -> str:
    if exposure.recipe == "additive":
        return f"scale {exposure.scale:.2g}\nnoise {exposure.noise_std:.2g}"
    return f"dose {exposure.dose_fraction:.2f}\n"
