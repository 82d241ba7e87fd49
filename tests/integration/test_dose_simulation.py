"""What dose_simulation wrote in the default run."""

import pandas as pd
import pytest
from tests.integration.results import Results, check_figures

from xraylab.dose.tables import ExposurePlan


def test_the_planted_bad_films_are_rejected_and_no_other(results: Results) -> None:
    planted = results.planted("nih_chest_xray14")
    assert set(results.rejected("dose_simulation")) == {
        planted["unlisted"],
        planted["without_film"],
    }


def test_every_film_is_exposed_at_every_level(results: Results) -> None:
    cohort = results.cohort("dose_simulation")
    plan = ExposurePlan.validate(results.table("03_primary/dose_simulation/exposures.parquet"))
    assert set(plan["image_id"]) == set(cohort["image_id"])
    levels = plan.groupby("image_id").apply(
        lambda rows: frozenset(zip(rows["recipe"], rows["level"], strict=True))
    )
    assert len(set(levels)) == 1
    assert len(plan) == len(cohort) * len(levels.iloc[0])
    assert set(plan["recipe"]) == {"additive", "quantum"}


@pytest.mark.parametrize(
    ("metric", "low", "high"),
    [
        ("local_variance_error", 0, 0.1),
        ("nnps_error", 0, 0.2),
        ("anscombe_variance", 0.95, 1.05),
    ],
)
def test_simulated_noise_is_that_of_a_real_exposure(
    results: Results, metric: str, low: float, high: float
) -> None:
    metrics = results.metrics("dose_simulation")
    found = metrics[metrics["metric"] == metric]
    assert sorted(found["split"]) == ["dose_0.25", "dose_0.5", "dose_0.75"]
    assert found["value"].between(low, high).all()


def test_each_dose_is_exposed_and_simulated(results: Results) -> None:
    for table in ("physics_curves", "physics_spectra"):
        rows: pd.DataFrame = results.table(f"07_model_output/dose_simulation/{table}.parquet")
        assert len(set(rows.groupby(["dose_fraction", "source"]).size())) == 1
        assert set(rows["source"]) == {"exposed", "simulated"}
        assert set(rows["dose_fraction"]) == {0.25, 0.5, 0.75}


def test_figures(results: Results) -> None:
    check_figures(results, "dose_simulation", {"physics_validation"})
