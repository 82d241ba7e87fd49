from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from pydantic import ValidationError
from tests.pipelines.released import FEW, open_predictor, read_films

from xraylab.datasets import SplitTableDataset
from xraylab.evaluation.leakage import LeakError
from xraylab.evaluation.tables import Cohort, Metrics, Predictions
from xraylab.features.texture import measure_texture
from xraylab.flow.compare import combine_tables
from xraylab.imaging.preprocess import PreprocessParams
from xraylab.pipelines.dose_estimation.nodes import (
    LEAST_DOSE,
    evaluate,
    fit_models,
    predict,
    split_cohort,
)
from xraylab.pipelines.dose_estimation.params import (
    DoseReleaseParams,
    EvaluationParams,
    ProtocolParams,
)
from xraylab.pipelines.dose_estimation.pipeline import FIGURES, PROTOCOLS, create_pipeline
from xraylab.pipelines.dose_estimation.release import RELEASE, pack_bundle
from xraylab.prediction.engine import Predictor
from xraylab.prediction.intake import load_film
from xraylab.records.split_table import SplitTable
from xraylab.tabular.params import RegressorParams

MODELS = {
    "mlp": RegressorParams(kind="mlp", hidden_sizes=(8,), max_epochs=3),
    "linear": RegressorParams(kind="linear"),
    "noise_only": RegressorParams(kind="linear", features=("noise_var",)),
}


def features_of(n_patients: int, seed: int = 0) -> pd.DataFrame:
    """Features in which noise_var tells the dose exactly and the others are noise."""
    rng = np.random.default_rng(seed)
    rows = []
    for patient in range(n_patients):
        for film in range(2):
            for recipe, doses in (
                ("additive", (1.0, 0.8, 0.6)),
                ("quantum", rng.uniform(0.1, 1, 3)),
            ):
                for i, dose in enumerate(doses):
                    rows.append(
                        {
                            "image_id": f"{patient:03}_{film}",
                            "group_id": str(patient),
                            "recipe": recipe,
                            "level": str(i),
                            "scale": dose if recipe == "additive" else 1.0,
                            "noise_std": 0.01,
                            "dose_fraction": dose,
                            "digest": f"{patient}/{film}",
                            "noise_var": 100 * dose,
                            "sharpness": rng.uniform(5, 40),
                            "entropy": rng.uniform(6, 8),
                            "mean_intensity": rng.uniform(0.3, 0.6),
                            "std_intensity": rng.uniform(0.1, 0.3),
                        }
                    )
    return pd.DataFrame(rows)


PUBLISHED = ProtocolParams(
    recipe="additive", target="scale", split="rows", on_leak="report", models=MODELS
)
HONEST = ProtocolParams(
    recipe="additive",
    target="scale",
    split="groups",
    val_fraction=0.3,
    test_fraction=0.3,
    models=MODELS,
    interval="absolute",
    coverage=0.8,
)
FAIR = HONEST.model_copy(
    update={"recipe": "quantum", "target": "dose_fraction", "interval": "relative"}
)


def test_published_split_is_scikit_learns_and_leaks() -> None:
    from sklearn.model_selection import train_test_split

    features = features_of(10)
    cohort, leakage = split_cohort(features, PUBLISHED)
    Cohort.validate(cohort)
    _, test = train_test_split(np.arange(60), test_size=0.2, random_state=42)
    assert sorted(np.flatnonzero(cohort["split"] == "test")) == sorted(test)
    assert "same_group" in set(leakage["kind"])
    assert set(leakage["action"]) == {"reported"}
    with pytest.raises(LeakError):
        split_cohort(features, PUBLISHED.model_copy(update={"on_leak": "fail"}))


def test_honest_split_keeps_patients_whole() -> None:
    cohort, leakage = split_cohort(features_of(30), HONEST)
    assert cohort.groupby("group_id")["split"].nunique().max() == 1
    assert set(cohort["split"]) == {"train", "val", "test"}
    assert leakage.empty


def test_copies_under_another_patient_become_one_family() -> None:
    features = features_of(30)
    cohort, _ = split_cohort(features, HONEST)
    split_of = cohort.groupby("group_id")["split"].first()
    train, test = split_of[split_of == "train"].index[0], split_of[split_of == "test"].index[0]
    features.loc[features["image_id"] == f"{int(test):03}_0", "digest"] = f"{train}/0"
    cohort, leakage = split_cohort(features, HONEST)
    assert leakage["kind"].tolist() == ["same_pixels"]
    assert leakage["action"].tolist() == ["regrouped"]
    merged = cohort[cohort["image_id"].isin([f"{int(train):03}_0", f"{int(test):03}_0"])]
    assert len(set(merged["split"])) == 1
    with pytest.raises(LeakError):
        split_cohort(features, HONEST.model_copy(update={"on_leak": "fail"}))


def test_honest_protocols_split_as_a_table_says(tmp_path: Path) -> None:
    features = features_of(8)
    films = sorted(features["image_id"].unique())  # two of each patient
    parts = [["train", "val", "test", "train"][int(film[:3]) % 4] for film in films]
    part_of = dict(zip(films, parts, strict=True))
    path = tmp_path / "anywhere.csv"
    pd.DataFrame({"Image": [f"{film}.png" for film in films], "split": parts}).to_csv(path)
    protocols = {"published": PUBLISHED, "honest": HONEST, "fair": FAIR}
    catalog = DataCatalog(
        {
            "feature_extraction.features": MemoryDataset(features),
            "split_table": SplitTableDataset(filepath=str(path)),
            **{f"params:dose_estimation.{k}": MemoryDataset(v) for k, v in protocols.items()},
        }
    )
    nodes = [f"dose_estimation.{each}.split_cohort" for each in protocols]
    made = SequentialRunner().run(create_pipeline().only_nodes(*nodes), catalog)
    cohorts = {each: made[f"dose_estimation.{each}.cohort"].load() for each in protocols}
    for protocol in ("honest", "fair"):
        cohort = Cohort.validate(cohorts[protocol])
        assert cohort["split"].tolist() == cohort["image_id"].map(part_of).tolist()
        assert made[f"dose_estimation.{protocol}.leakage"].load().empty
    pd.testing.assert_frame_equal(cohorts["published"], split_cohort(features, PUBLISHED)[0])


def test_a_table_that_splits_a_patient_is_refused() -> None:
    features = features_of(8)
    films = tuple(sorted(features["image_id"].unique()))
    apart = SplitTable("split.csv", films, tuple(np.tile(["train", "val", "test", ""], 4)))
    with pytest.raises(LeakError, match="same_group '0'"):
        split_cohort(features, HONEST, apart)


def test_a_recipe_without_exposures_is_refused() -> None:
    features = features_of(5)
    with pytest.raises(
        ValueError, match="no exposure of the recipe 'quantum' among \\['additive'\\]"
    ):
        split_cohort(features[features["recipe"] == "additive"], FAIR)


def test_linear_model_finds_the_planted_law_and_intervals_cover() -> None:
    features = features_of(40)
    cohort, _ = split_cohort(features, FAIR)
    models, history = fit_models(features, cohort, FAIR)
    assert history.groupby("model").size()["mlp"] == 3
    # rows are joined by key, never by order
    predictions = predict(features.sample(frac=1, random_state=0), cohort, models, FAIR)
    exact = predictions[predictions["model"] == "noise_only"]
    assert np.allclose(exact["prediction"], exact["target"], atol=1e-6)
    tested = predictions["split"] == "test"
    assert 0 < tested.sum() < len(predictions)
    assert predictions["interval_low"].notna().equals(tested)

    combined = combine_tables({"fair": predictions})
    Predictions.validate(combined)
    metrics = evaluate(combined, EvaluationParams(n_resamples=50))
    Metrics.validate(metrics)
    row = metrics[(metrics["model"] == "noise_only") & (metrics["split"] == "test")].set_index(
        "metric"
    )["value"]
    assert row["r2"] == pytest.approx(1.0)
    assert row["share_within_17pct"] == 1.0
    assert row["coverage"] >= 0.8


def test_missing_features_are_named() -> None:
    features = features_of(10)
    cohort, _ = split_cohort(features, PUBLISHED)
    with pytest.raises(ValueError, match="3 exposures have no features, such as that of '000_0'"):
        fit_models(features[features["image_id"] != "000_0"], cohort, PUBLISHED)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"val_fraction": 0.5, "test_fraction": 0.5}, "must be under 1"),
        ({"split": "rows"}, "keeps the public demo's two parts"),
        ({"val_fraction": 0.0}, "interval needs a validation part"),
        ({"models": {}}, "at least 1 item"),
    ],
)
def test_contradictory_parameters_are_refused(change: dict[str, object], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        ProtocolParams.model_validate({**HONEST.model_dump(), **change})


def film_of(number: int, size_px: int = 48) -> np.ndarray:
    """A grey film with noise."""
    rng = np.random.default_rng(number)
    noise = (0.002 + 0.0005 * (number % 8)) * rng.standard_normal((size_px, size_px))
    return (0.5 + noise).astype(np.float32)


class Kept(MemoryDataset):
    """A dataset that a test reads after the run, though another node has read it last."""

    def _release(self) -> None:
        pass


RELEASED = DoseReleaseParams(
    model="noise_only", n_films=8, preprocess=PreprocessParams(size_px=32, equalise="none"), familiarity=FEW,
)  # fmt: skip


@pytest.fixture(scope="module")
def catalog() -> DataCatalog:
    """The whole pipeline, run in memory."""
    features = features_of(24)
    films = {
        name: partial(film_of, number) for number, name in enumerate(features["image_id"].unique())
    }
    catalog = DataCatalog(
        {
            "nih_chest_xray14.films": MemoryDataset(films, copy_mode="assign"),
            "split_table": SplitTableDataset(),
            "params:dose_estimation.release": MemoryDataset(RELEASED),
            "feature_extraction.features": MemoryDataset(features),
            "feature_extraction.rejected": MemoryDataset(
                pd.DataFrame(columns=["image_id", "reason"])
            ),
            "params:dose_estimation.published": MemoryDataset(PUBLISHED),
            "params:dose_estimation.honest": MemoryDataset(HONEST),
            "params:dose_estimation.fair": MemoryDataset(FAIR),
            "params:dose_estimation.evaluation": MemoryDataset(EvaluationParams(n_resamples=20)),
        }
    )
    for name in create_pipeline().all_outputs():
        catalog[name] = Kept(copy_mode="assign")
    SequentialRunner().run(create_pipeline(), catalog)
    return catalog


def test_slice_runs_on_an_in_memory_catalog(catalog: DataCatalog) -> None:
    assert {n.namespace for n in create_pipeline().nodes} == {
        "dose_estimation",
        *(f"dose_estimation.{p}" for p in PROTOCOLS),
    }
    Cohort.validate(catalog["dose_estimation.cohort"].load())
    summary = catalog["dose_estimation.summary"].load()
    assert set(summary.tables) == {"rejected", "leakage", "cohort"}
    assert set(summary.metrics["protocol"]) == set(PROTOCOLS)
    assert tuple(summary.figures) == FIGURES


def test_a_bundle_reads_the_dose_of_a_film_from_its_noise(catalog: DataCatalog) -> None:
    predictor = open_predictor(catalog["dose_estimation.bundle"].load(), RELEASE)
    card = predictor.bundle.card
    assert card["notice"] == "Research software. Not a medical device."
    assert card["edge_range"] == [48, 48]
    films = {str(number): partial(film_of, 900 + number) for number in range(4)}
    expected = [measure_texture(film(), "all")["noise_var"] / 100 for film in films.values()]
    found = read_films(predictor, films)
    outputs = pd.DataFrame([each.outputs for each in found.values()])
    assert list(outputs) == [column.name for column in predictor.reader.columns]
    assert outputs["dose_fraction"].tolist() == pytest.approx(expected, rel=1e-4)  # the planted law
    assert outputs["coverage"].eq(0.8).all()
    # as wide, in proportion, as those of the test part
    rows = catalog["dose_estimation.fair.predictions"].load()
    row = rows[(rows["model"] == "noise_only") & (rows["split"] == "test")].iloc[0]
    for name in ("interval_low", "interval_high"):
        ratio = outputs[name] / outputs["dose_fraction"]
        assert ratio.tolist() == pytest.approx([row[name] / row["prediction"]] * 4)
    with pytest.raises(ValueError, match="it has no heat maps"):
        predictor.reader.heat([], [])


def pack(catalog: DataCatalog, model: str, protocol: ProtocolParams = FAIR) -> Predictor:
    fair = {
        name: catalog[f"dose_estimation.fair.{name}"].load()
        for name in ("cohort", "models", "predictions")
    }
    films = catalog["nih_chest_xray14.films"].load()
    params = RELEASED.model_copy(update={"model": model})
    return open_predictor(pack_bundle(films, **fair, protocol=protocol, params=params), RELEASE)


def test_a_released_model_is_named_and_may_have_no_interval(catalog: DataCatalog) -> None:
    with pytest.raises(ValueError, match=r"release.model 'best' is none of the trained mlp, lin"):
        pack(catalog, "best")
    film = {"x": partial(film_of, 900)}
    for protocol in (
        FAIR.model_copy(update={"interval": None}),
        FAIR.model_copy(update={"coverage": 0.999}),  # more than the films can calibrate
    ):
        (found,) = read_films(pack(catalog, "noise_only", protocol), film).values()
        assert found.outputs["dose_fraction"] > 0
        assert np.isnan(found.outputs["interval_low"])
        assert np.isnan(found.outputs["interval_high"])


def test_a_dose_and_a_size_that_no_model_was_fitted_to_are_doubtful(catalog: DataCatalog) -> None:
    predictor = open_predictor(catalog["dose_estimation.bundle"].load(), RELEASE)
    films = {
        "usual": partial(film_of, 907),
        "flat": partial(np.full, (48, 48), 0.5, np.float32),
        "large": partial(film_of, 907, 100),
    }
    found = read_films(predictor, films)
    assert found["usual"].doubts == ()
    assert "the doses that it was fitted to" in found["flat"].doubts[0]
    assert found["flat"].outputs["dose_fraction"] == pytest.approx(LEAST_DOSE)
    (doubt,) = found["large"].doubts
    assert "the film is 100 px long, those that it was fitted to 48 to 48 px" in doubt


def test_a_film_without_a_dose_does_not_cost_the_others_theirs(catalog: DataCatalog) -> None:
    predictor = open_predictor(catalog["dose_estimation.bundle"].load(), RELEASE)
    film = load_film("a", partial(film_of, 907), predictor.intake)
    without = replace(film, texture=dict.fromkeys(film.texture, np.nan))
    alone, none, beside = (
        *predictor.reader.read([film], [("", "")]),
        *predictor.reader.read([without, film], [("", "")] * 2),
    )
    assert beside == alone
    assert np.isnan(none.outputs["dose_fraction"])
    assert none.doubts == ("it has no texture from which a dose could be told",)


def test_a_dose_is_doubtful_where_no_part_of_its_interval_was_fitted_to(
    catalog: DataCatalog,
) -> None:
    predictor = open_predictor(catalog["dose_estimation.bundle"].load(), RELEASE)
    film = load_film("a", partial(film_of, 907), predictor.intake)
    (usual,) = predictor.reader.read([film], [("", "")])
    dose, low = (float(usual.outputs[name]) for name in ("dose_fraction", "interval_low"))  # type: ignore[arg-type]
    assert low < dose

    def doubts(most: float) -> tuple[str, ...]:
        card = {**predictor.bundle.card, "dose_range": [0.0, most]}
        reader = RELEASE.restore(replace(predictor.bundle, card=card), predictor.params)
        return reader.read([film], [("", "")])[0].doubts

    assert doubts((low + dose) / 2) == ()
    assert "the doses that it was fitted to" in doubts(low / 2)[0]
