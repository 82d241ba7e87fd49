from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from xraylab.dose.plan import AdditiveRecipe, QuantumRecipe, plan_additive, plan_quantum, to_rows
from xraylab.features.tables import Features
from xraylab.features.texture import measure_texture
from xraylab.imaging import UnreadableRadiograph
from xraylab.pipelines.feature_extraction.nodes import extract_features, plot_strip
from xraylab.pipelines.feature_extraction.params import FeatureExtractionParams
from xraylab.pipelines.feature_extraction.pipeline import FIGURES, create_pipeline

Films = dict[str, Callable[[], Any]]


def plan(films: Films) -> pd.DataFrame:
    rows = []
    for image_id in films:
        exposures = plan_additive(image_id, AdditiveRecipe(), 1)
        exposures += plan_quantum(image_id, QuantumRecipe(draws=0, dose_fractions=(0.2, 1.0)), 1)
        rows += to_rows(image_id, f"patient of {image_id}", exposures)
    return pd.DataFrame(rows).astype({"noise_key": np.uint64})


def refuse() -> Any:
    raise UnreadableRadiograph("bad.png", "empty file")


def test_features_are_those_of_the_simulated_film(make_films: Callable[..., Films]) -> None:
    films = make_films(2)
    features, rejected = extract_features(films, plan(films), FeatureExtractionParams(workers=1))
    Features.validate(features)
    assert rejected.empty
    assert len(features) == 10
    full = features[
        (features["image_id"] == "film_00")
        & (features["recipe"] == "quantum")
        & (features["level"] == "1")
    ]
    expected = measure_texture(films["film_00"](), "all")
    # at full dose the quantum recipe is the film itself, up to the logarithm and back
    assert full["mean_intensity"].item() == pytest.approx(expected["mean_intensity"], abs=1e-6)
    assert full["noise_sigma"].item() == pytest.approx(expected["noise_sigma"], rel=1e-3)
    assert features.groupby("image_id")["digest"].nunique().eq(1).all()
    assert features["digest"].nunique() == 2


def test_noise_rises_as_dose_falls(make_films: Callable[..., Films]) -> None:
    films = make_films(1)
    features, _ = extract_features(films, plan(films), FeatureExtractionParams())
    additive = features[features["recipe"] == "additive"].sort_values("scale")
    assert additive["noise_var"].is_monotonic_decreasing
    quantum = features[features["recipe"] == "quantum"].set_index("level")
    assert quantum.loc["0.2", "noise_sigma"] > quantum.loc["1", "noise_sigma"]
    assert quantum.loc["0.2", "mean_intensity"] == pytest.approx(
        quantum.loc["1", "mean_intensity"], abs=1e-4
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_do_not_change_the_table(make_films: Callable[..., Films], workers: int) -> None:
    films = make_films(5)
    one, _ = extract_features(films, plan(films), FeatureExtractionParams(workers=1))
    many, _ = extract_features(films, plan(films), FeatureExtractionParams(workers=workers))
    pd.testing.assert_frame_equal(one, many)


def test_bad_films_are_listed_and_the_rest_goes_on(make_films: Callable[..., Films]) -> None:
    films: Films = {**make_films(4), "film_bad": refuse}
    features, rejected = extract_features(films, plan(films), FeatureExtractionParams())
    assert rejected.to_dict("records") == [{"image_id": "film_bad", "reason": "empty file"}]
    assert features["image_id"].nunique() == 4
    with pytest.raises(
        ValueError, match=r"1 of 5 films cannot be read, such as 'film_bad' \(empty file\)"
    ):
        extract_features(films, plan(films), FeatureExtractionParams(max_rejected_fraction=0.1))


def test_a_dask_backend_works_unchanged(tmp_path: Any) -> None:
    """Workers in other processes get lazy films from the folder data set and give the same table."""
    distributed = pytest.importorskip("distributed")
    from xraylab.datasets import RadiographFolderDataset
    from xraylab.imaging import write_radiograph

    rng = np.random.default_rng(0)
    for i in range(3):
        write_radiograph(str(tmp_path / f"film_{i}.png"), rng.random((24, 24), np.float32), bits=8)
    films = RadiographFolderDataset(path=str(tmp_path)).load()
    params = FeatureExtractionParams(workers=2)
    here, _ = extract_features(films, plan(films), params)
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=True, dashboard_address=None
    )
    with cluster, distributed.Client(cluster), joblib.parallel_config(backend="dask"):
        there, _ = extract_features(films, plan(films), params)
    pd.testing.assert_frame_equal(here, there)


def test_strip_shows_one_film_and_refuses_an_unknown_one(make_films: Callable[..., Films]) -> None:
    films: Films = {"bad": refuse, **make_films(2)}
    figure = plot_strip(films, plan(films), FeatureExtractionParams())
    assert len(figure.axes) >= 10
    with pytest.raises(ValueError, match="strip_image 'nobody' is none of the 3 films"):
        plot_strip(films, plan(films), FeatureExtractionParams(strip_image="nobody"))


def test_slice_runs_on_an_in_memory_catalog(make_films: Callable[..., Films]) -> None:
    films = make_films(3)
    catalog = DataCatalog(
        {
            "nih_chest_xray14.films": MemoryDataset(films, copy_mode="assign"),
            "dose_simulation.exposures": MemoryDataset(plan(films)),
            "params:feature_extraction": MemoryDataset(FeatureExtractionParams()),
        }
    )
    outputs = SequentialRunner().run(create_pipeline(), catalog)
    summary = outputs["feature_extraction.summary"].load()
    assert list(summary.tables) == ["rejected"]
    assert tuple(summary.figures) == FIGURES
