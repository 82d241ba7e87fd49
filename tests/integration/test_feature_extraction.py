"""What feature_extraction wrote in the default run."""

import numpy as np
from tests.integration.results import Results, check_figures

from xraylab.features.tables import Features
from xraylab.features.texture import EXTENDED_FEATURES, PUBLISHED_FEATURES


def test_the_planted_bad_films_are_rejected_and_no_other(results: Results) -> None:
    planted = results.planted("nih_chest_xray14")
    assert set(results.rejected("feature_extraction")) == {planted["truncated"], planted["text"]}


def test_every_exposure_of_a_film_that_can_be_read_is_measured(results: Results) -> None:
    features = Features.validate(results.table("04_feature/feature_extraction/features.parquet"))
    plan = results.table("03_primary/dose_simulation/exposures.parquet")
    read = plan[~plan["image_id"].isin(results.rejected("feature_extraction"))]
    keys = ["image_id", "recipe", "level"]
    assert len(features) == len(read) > 0
    assert set(features[keys].itertuples(index=False, name=None)) == set(
        read[keys].itertuples(index=False, name=None)
    )
    values = features[[*PUBLISHED_FEATURES, *EXTENDED_FEATURES]]
    assert np.isfinite(values).all(axis=None)
    assert (values.nunique() > 1).all()
    assert results.planted("nih_chest_xray14")["rgba"] in set(features["image_id"])


def test_noise_falls_as_the_dose_rises(results: Results) -> None:
    features = results.table("04_feature/feature_extraction/features.parquet")
    quantum = features[features["recipe"] == "quantum"]
    of_films = quantum.groupby("image_id")[["dose_fraction", "noise_sigma_local"]].corr("spearman")
    correlations = of_films.xs("noise_sigma_local", level=1)["dose_fraction"]
    assert len(correlations) == quantum["image_id"].nunique() > 10
    assert (correlations < -0.5).mean() > 0.8


def test_figures(results: Results) -> None:
    names = {"correlations", "dose_strip", "noise_against_dose"}
    check_figures(results, "feature_extraction", names)
