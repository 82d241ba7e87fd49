"""Nodes of dose_simulation: which films, which exposures, and whether the physics holds."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab import plots
from xraylab.dose.noise import noise_key
from xraylab.dose.plan import exposures_of, plan_additive, plan_quantum, to_rows
from xraylab.dose.simulate import Exposure, simulate
from xraylab.evaluation.metrics import tidy
from xraylab.evaluation.splits import NO_FOLD
from xraylab.imaging import UnreadableRadiograph
from xraylab.imaging.film_file import LoadFilm, ignored_files, with_voi
from xraylab.records.delimited import LoadTable
from xraylab.records.entries import read_entries
from xraylab.records.ids import match_films

from .params import DoseSimulationParams

__all__ = [
    "index_cohort",
    "measure_physics",
    "plan_exposures",
    "plot_physics",
    "simulate_films",
    "summarise_physics",
]

logger = logging.getLogger(__name__)


def index_cohort(
    films: dict[str, LoadFilm], tables: Mapping[str, LoadTable], params: DoseSimulationParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Join the films of the NIH folder with their clinical table.

    Parameters
    ----------
    films : dict of str to callable
        Lazy films by image id; none is read here.
    tables : mapping of str to callable
        Lazy tables of the folder; `xraylab.records.entries.read_entries` says which is read. Rows are joined by
        `xraylab.records.ids.match_films`.
    params : DoseSimulationParams
        ``max_films`` and ``max_rejected_fraction`` apply.

    Returns
    -------
    cohort : DataFrame
        ``image_id, group_id`` (the patient), ``split`` (empty: nothing is trained here) and ``fold``, one row per film,
        by id.
    rejected : DataFrame
        ``image_id, reason`` for every film without a row or a patient, and every row without a film.

    Raises
    ------
    UnreadableTableError
        If the clinical table cannot be read.
    ValueError
        If there is none, or as `read_entries` raises, or too many films (or all) have no patient.
    """
    read = read_entries(tables)
    if read is None:
        raise ValueError(
            f"there is no clinical table beside the films: expected Data_Entry_2017.csv, there "
            f"{'are ' + ', '.join(sorted(tables)) if tables else 'is none'}"
        )
    name, entries = read
    matches = match_films(films, entries["image_id"].tolist())
    row_of = {film: entries["patient_id"].iloc[row] for film, row in matches.row_of.items()}
    patient_of = {film: patient for film, patient in row_of.items() if patient}
    unusable = {
        film: matches.reasons.get(film)
        or f"{'row in' if film in row_of else 'film has no row in'} {name}.csv"
        + (" has no Patient ID" if film in row_of else "")
        for film in sorted(films)
        if film not in patient_of
    }
    if len(unusable) > params.max_rejected_fraction * len(films) or not patient_of:
        first = next(iter(unusable.items()), None)
        raise ValueError(
            f"{len(unusable)} of {len(films)} films have no patient in {name}.csv"
            + (f", such as '{first[0]}' ({first[1]})" if first else "")
            + f"; max_rejected_fraction is {params.max_rejected_fraction}"
        )
    without_film = entries["image_id"].iloc[matches.unmatched]
    rejected = pd.DataFrame(
        [
            *ignored_files(films).items(),
            *unusable.items(),
            *((row, f"row in {name}.csv has no film") for row in without_film),
        ],
        columns=["image_id", "reason"],
        dtype="str",
    )
    known = pd.Index(sorted(patient_of), dtype="str")
    if params.max_films is not None:
        by_hash = sorted(known, key=lambda image_id: noise_key(params.seed, image_id, "choice"))
        known = pd.Index(sorted(by_hash[: params.max_films]))
    cohort = pd.DataFrame(
        {
            "image_id": known.astype(str),
            "group_id": [patient_of[image_id] for image_id in known],
            "split": "",
            "fold": NO_FOLD,
        }
    )
    return cohort, rejected


def plan_exposures(cohort: pd.DataFrame, params: DoseSimulationParams) -> pd.DataFrame:
    """List the exposures to simulate of every film.

    Returns
    -------
    DataFrame
        `xraylab.dose.tables.ExposurePlan`: one row an exposure, complete in itself.
    """
    rows: list[dict[str, object]] = []
    for image_id, group_id in cohort[["image_id", "group_id"]].itertuples(index=False):
        exposures: list[Exposure] = []
        if "additive" in params.recipes:
            exposures += plan_additive(image_id, params.additive, params.seed)
        if "quantum" in params.recipes:
            exposures += plan_quantum(image_id, params.quantum, params.seed)
        rows += to_rows(image_id, group_id, exposures)
    return pd.DataFrame(rows).astype({"noise_key": np.uint64})


def simulate_films(
    films: dict[str, LoadFilm], exposures: pd.DataFrame, params: DoseSimulationParams
) -> dict[str, LoadFilm]:
    """Offer every simulated film lazily; nothing without ``save_films``.

    Returns
    -------
    dict of str to callable
        ``recipe/level/image_id`` to a function that makes the (H, W) film when it is written. Films that cannot be
        read are left out with a warning; feature_extraction lists them in its ``rejected.csv``.
    """
    if not params.save_films:
        return {}
    films = with_voi(films, params.apply_voi)
    simulated: dict[str, LoadFilm] = {}
    for image_id, rows in exposures.groupby("image_id", sort=True):
        load = films[str(image_id)]
        try:
            load()
        except UnreadableRadiograph as error:
            logger.warning("Not simulated: %s", error)
            continue
        for exposure in exposures_of(rows):
            name = f"{exposure.recipe}/{exposure.level}/{image_id}"
            simulated[name] = partial(_load_and_simulate, load, exposure)
    return simulated


def _load_and_simulate(load: LoadFilm, exposure: Exposure) -> NDArray[np.float32]:
    return simulate(load(), exposure)


def measure_physics(params: DoseSimulationParams) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure true and simulated exposures of chest phantoms and of a uniform field.

    Returns
    -------
    curves, spectra : DataFrame
        See `xraylab.dose.verify.verify_local_variance` and `xraylab.dose.verify.verify_spectrum`.
    """
    from xraylab.dose.verify import verify_local_variance, verify_spectrum
    from xraylab.phantoms.chest import draw_chest_anatomy, project_chest

    check = params.physics
    anatomies = [
        project_chest(
            draw_chest_anatomy(np.random.default_rng([params.seed, realisation])), check.size_px
        ).optical_depth
        for realisation in range(check.n_realisations)
    ]
    curves = verify_local_variance(
        anatomies, check.dose_fractions, params.quantum.detector, params.seed
    )
    spectra = verify_spectrum(
        check.size_px,
        check.n_realisations,
        check.field_depth,
        check.dose_fractions,
        params.quantum.detector,
        params.seed,
    )
    return curves, spectra


def summarise_physics(
    curves: pd.DataFrame, spectra: pd.DataFrame, params: DoseSimulationParams
) -> pd.DataFrame:
    """Reduce the physics check to tidy metrics, one row per dose and metric, with intervals over realisations.

    Returns
    -------
    DataFrame
        Tidy metrics ``local_variance_error``, ``nnps_error`` and ``anscombe_variance``; ``split`` is
        ``dose_0.25`` and so on, ``n`` the number of realisations.
    """
    from xraylab.dose.verify import N_BINS, agreement_statistics, measure_agreement

    tables = []
    for dose in params.physics.dose_fractions:
        rows = measure_agreement(agreement_statistics(curves, spectra, dose), N_BINS)
        tables.append(tidy("honest", "quantum", f"dose_{dose:g}", rows))
    return pd.concat(tables, ignore_index=True)


def plot_physics(curves: pd.DataFrame, spectra: pd.DataFrame) -> plots.Figure:
    """Draw local variance against mean, NNPS and Anscombe variance, exposed beside simulated."""
    keys = ["dose_fraction", "source", "bin"]
    sums = curves.groupby(keys, as_index=False)[
        ["n", "sum_mean", "sum_squares", "anscombe_sum", "anscombe_sum_squares"]
    ].sum()
    pooled = pd.DataFrame(
        {
            "dose_fraction": sums["dose_fraction"],
            "source": sums["source"],
            "mean": sums["sum_mean"] / sums["n"],
            "variance": sums["sum_squares"] / sums["n"],
            "anscombe_variance": sums["anscombe_sum_squares"] / sums["n"]
            - (sums["anscombe_sum"] / sums["n"]) ** 2,
        }
    )
    mean_spectra = (
        spectra.groupby(["dose_fraction", "source", "frequency"])["nnps"].mean().reset_index()
    )
    return plots.plot_physics_validation(pooled, mean_spectra)
