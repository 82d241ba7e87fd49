import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, DatasetError, MemoryDataset
from kedro.runner import SequentialRunner
from pydantic import ValidationError
from tests.pipelines.released import FEW, open_predictor, read_films

from xraylab.datasets import (
    ArrayCacheDataset,
    CheckpointsDataset,
    EmbeddingsDataset,
    EncoderWeightsDataset,
    SplitTableDataset,
)
from xraylab.evaluation.leakage import LeakError
from xraylab.evaluation.tables import Cohort, Metrics, Predictions, Rejected
from xraylab.flow.compare import combine_tables, compare_with_probes
from xraylab.flow.release import FILM, MaskNetworks
from xraylab.flow.split import GroupsSplit, RowsSplit, SitesSplit
from xraylab.imaging.array_cache import ArrayCache, digest_source, read_cache, write_cache
from xraylab.imaging.preprocess import PreprocessParams
from xraylab.models.bundle import pack_bundle as pack_states
from xraylab.models.classifiers import ClassifierParams
from xraylab.models.frozen import FrozenEncoderParams
from xraylab.models.networks import NetworkParams, build_network, describe_network
from xraylab.models.state import ModelState
from xraylab.pipelines.tb_classification.cohort import cache_films, index_cohort, split_cohort
from xraylab.pipelines.tb_classification.evaluation import (
    compare_backbones,
    evaluate,
    report_classes,
)
from xraylab.pipelines.tb_classification.features import estimate_lung_prior
from xraylab.pipelines.tb_classification.material import Material
from xraylab.pipelines.tb_classification.params import (
    CLASS_NAMES,
    PROBES,
    BoostingModel,
    CnnModel,
    EmbeddingParams,
    KernelModelParams,
    LogisticModelParams,
    MeanModel,
    MlpModel,
    ProtocolParams,
    TbCohortParams,
    TbEvaluationParams,
    TbReleaseParams,
)
from xraylab.pipelines.tb_classification.pipeline import create_pipeline
from xraylab.pipelines.tb_classification.probes import predict_by_shortcut
from xraylab.pipelines.tb_classification.release import (
    RELEASE,
    pack_bundle,
    pack_encoders,
    pack_lungs,
)
from xraylab.pipelines.tb_classification.sites import tabulate_sites
from xraylab.pipelines.tb_classification.task import KEPT
from xraylab.prediction.intake import load_film
from xraylab.records.split_table import SplitTable
from xraylab.tabular.tree_params import XgboostSpec
from xraylab.training.params import Recipe, TrainingParams
from xraylab.training.vector_params import VectorRecipe

SIZE = 32
COHORT = TbCohortParams(
    sites={"MCUCXR": "montgomery", "CHNCXR": "shenzhen"},
    preprocess=PreprocessParams(size_px=SIZE, equalise="none"),
    workers=1,
)
ENCODER = FrozenEncoderParams(encoder="resunet", widths=(4, 8), grid=4)
EMBEDDING = EmbeddingParams(
    encoders={"a": ENCODER, "b": ENCODER.model_copy(update={"inside_lungs": True})}
)
TRAINING = TrainingParams(max_epochs=6, precision="32", accelerator="cpu", progress=False)
MLP = MlpModel(encoder="a", hidden_sizes=(8,), recipe=VectorRecipe(max_epochs=20))
CNN = CnnModel(
    network=ClassifierParams(widths=(8, 16), dense=None, pool="max", dropout=0.0),
    recipe=Recipe(loss="bce", learning_rate=1e-2, batch_size=8),
)
SIMPLE = {
    "mlp": MLP,
    "logistic": LogisticModelParams(encoder="b"),
    "boosting": BoostingModel(
        encoder="a", n_components=3, spec=XgboostSpec(n_estimators=20, max_depth=2)
    ),
    "patterns": KernelModelParams(radiomics=True, encoder="a"),
    "cnn": CNN,
    "ensemble": MeanModel(of=("cnn", "boosting")),
}
PUBLISHED = ProtocolParams(
    split=RowsSplit(), threshold_rule=None,
    models={"a": MLP, "b": MlpModel(encoder="b", hidden_sizes=(8,))},
)  # fmt: skip
HONEST = ProtocolParams(split=GroupsSplit(n_folds=2, val_fraction=0.25), models=SIMPLE)
SITES = ProtocolParams(
    split=SitesSplit(val_fraction=0.25, test_fraction=0.25), models={"cnn": CNN, "logistic": SIMPLE["logistic"]}
)  # fmt: skip

Film = Callable[[], np.ndarray]


def lungs() -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[6:26, 4:13] = 1
    mask[6:26, 19:28] = 1
    return mask


def draw(number: int, ill: bool, site: str, label_outside: bool = False) -> np.ndarray:
    """Two dark lungs; an ill one has a bright spot in one of them. Montgomery is darker all over."""
    import cv2

    rng = np.random.default_rng(number)
    film = np.full((SIZE, SIZE), 0.6, np.float32)
    film += 0.15 * cv2.resize(rng.random((7, 7)).astype(np.float32), (SIZE, SIZE))
    film[lungs() > 0] -= 0.35
    if ill:
        left = int(rng.choice([5, 20]))
        top = int(rng.integers(8, 18))
        film[top : top + 6, left : left + 6] += 0.4
    if label_outside and ill:
        film[:3] = 0
    film += 0.03 * rng.standard_normal(film.shape).astype(np.float32)
    return np.clip(film * (0.7 if site == "MCUCXR" else 1.0), 0, 1).astype(np.float32)


def make_set(n: int = 48, label_outside: bool = False) -> dict[str, Film]:
    """Films of two sites, two thirds of them of Shenzhen, every second one ill."""
    films: dict[str, Film] = {}
    for number in range(n):
        site, ill = "MCUCXR" if number % 6 > 3 else "CHNCXR", bool(number % 2)
        films[f"{site}_{number:04d}_{int(ill)}"] = partial(draw, number, ill, site, label_outside)
    return films


def make_masks(films: dict[str, Film]) -> dict[str, Film]:
    return dict.fromkeys(films, lungs)


def list_lungs(films: dict[str, Film], masks: dict[str, Film]) -> pd.DataFrame:
    """The table that lung_segmentation writes beside the masks: which mask is of which film, by content."""
    rows = [(name, digest_source(films[name]), digest_source(masks[name])) for name in masks]
    return pd.DataFrame(rows, columns=["image_id", "source", "mask_digest"], dtype="str")


NO_LUNGS = list_lungs({}, {})


def write(films: dict[str, Film], masks: dict[str, Film], folder: Path) -> ArrayCache:
    write_cache(cache_films(films, masks, list_lungs(films, masks), {}, COHORT), str(folder))
    return read_cache(str(folder))


@pytest.fixture(scope="module")
def indexed(tmp_path_factory) -> tuple[ArrayCache, pd.DataFrame]:
    """Arrays and cohort of a set in which a film is the mirrored copy of another."""
    films = make_set()
    films["CHNCXR_0099_0"] = lambda: np.ascontiguousarray(draw(0, False, "CHNCXR")[:, ::-1])
    arrays = write(films, make_masks(films), tmp_path_factory.mktemp("tb") / "arrays")
    return arrays, index_cohort(arrays, list_lungs(films, make_masks(films)), {}, COHORT)[0]


def test_a_film_whose_name_says_no_class_is_named(tmp_path: Path) -> None:
    films = {
        "CHNCXR_0001_0": partial(draw, 1, False, "CHNCXR"),
        "odd": lungs,
        "CHNCXR_0002_2": lungs,
    }
    plan = cache_films(films, {}, NO_LUNGS, {}, COHORT)
    assert list(plan.films) == ["CHNCXR_0001_0"]
    assert plan.rejected == dict.fromkeys(
        ("odd", "CHNCXR_0002_2"), "its name does not end in _0 or _1, its class"
    )
    with pytest.raises(
        ValueError, match=r"no name among 1 films ends in _0 or _1.*the first is 'odd'"
    ):
        cache_films({"odd": lungs}, {}, NO_LUNGS, {}, COHORT)


def test_a_predicted_mask_comes_before_an_annotated_one(tmp_path: Path) -> None:
    films = {f"CHNCXR_000{i}_1": partial(draw, i, True, "CHNCXR") for i in (1, 2)}
    films["MCUCXR_0003_0"] = partial(draw, 3, False, "MCUCXR")
    half = np.zeros((SIZE, SIZE), np.float32)
    half[:16] = 1
    annotated = {"masks/CHNCXR_0001_1_mask": lambda: half, "masks/CHNCXR_0002_1_mask": lambda: half}
    predicted = {"CHNCXR_0001_1": lungs}
    table = list_lungs(films, predicted)
    write_cache(cache_films(films, predicted, table, annotated, COHORT), str(tmp_path / "arrays"))
    arrays = read_cache(str(tmp_path / "arrays"))
    cohort = index_cohort(arrays, table, {}, COHORT)[0].set_index("image_id")
    assert cohort["lungs"].tolist() == ["predicted", "annotated", ""]
    assert cohort["lung_fraction"].tolist()[:2] == [pytest.approx(lungs().mean()), 0.5]
    assert np.isnan(cohort.loc["MCUCXR_0003_0", "lung_fraction"])


def test_lungs_of_another_patient_with_the_same_file_name_are_not_used(tmp_path: Path) -> None:
    first, second, renamed = "CHNCXR_0001_0", "CHNCXR_0002_1", "CHNCXR_0003_1"
    monday = {first: partial(draw, 1, False, "CHNCXR"), second: partial(draw, 2, True, "CHNCXR")}
    masks = make_masks(monday)
    table = list_lungs(monday, masks)
    # another patient under the first name; the second film under another name
    tuesday = {first: partial(draw, 9, True, "CHNCXR"), renamed: monday[second]}
    write_cache(cache_films(tuesday, masks, table, {}, COHORT), str(tmp_path / "arrays"))
    arrays = read_cache(str(tmp_path / "arrays"))
    assert arrays.index["image_id"].tolist() == [first, renamed]
    assert arrays.masks[0].sum() == 0
    assert arrays.masks[1].mean() == pytest.approx(lungs().mean())


def test_a_mask_that_changed_since_it_was_listed_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    films = {"CHNCXR_0001_0": partial(draw, 1, False, "CHNCXR")}
    table = list_lungs(films, make_masks(films))
    # an interrupted run has left the mask of another film under this name
    masks = {"CHNCXR_0001_0": lambda: np.ones((SIZE, SIZE), np.float32)}
    logging.getLogger("xraylab").propagate = True
    plan = cache_films(films, masks, table, {}, COHORT)
    assert plan.masks_of_content == {}
    assert "1 predicted lung masks are missing or changed since they were listed" in caplog.text


@pytest.mark.parametrize(
    ("reading", "sex", "age"),
    [
        ("Patient's Sex: F\nPatient's Age: 027Y\nnormal", "F", 27.0),
        ("male 45yrs\nnormal", "M", 45.0),
        ("Female,24yrs\nbilateral PTB", "F", 24.0),
        ("female 6 months\nPTB", "F", 0.5),
        ("", "", float("nan")),
    ],
)
def test_sex_and_age_are_read_in_the_words_of_either_site(
    indexed, reading: str, sex: str, age: float
) -> None:
    arrays, _ = indexed
    cohort, _ = index_cohort(arrays, NO_LUNGS, {"CHNCXR_0000_0": reading}, COHORT)
    row = cohort.set_index("image_id").loc["CHNCXR_0000_0"]
    assert row["sex"] == sex
    assert row["age_years"] == pytest.approx(age, nan_ok=True)


def test_the_cohort_knows_class_site_and_copies(indexed) -> None:
    _, cohort = indexed
    Cohort.validate(cohort)
    rows = cohort.set_index("image_id")
    assert rows.loc["MCUCXR_0005_1", ["site", "target"]].tolist() == ["montgomery", 1.0]
    assert (
        rows.loc["CHNCXR_0099_0", "duplicate_cluster"]
        == rows.loc["CHNCXR_0000_0", "duplicate_cluster"]
    )
    assert rows["duplicate_cluster"].nunique() == len(rows) - 1
    assert not rows["conflict"].any()


def test_published_splits_once_for_each_model_and_says_what_leaks(indexed) -> None:
    _, cohort = indexed
    split, _ = split_cohort(cohort, PUBLISHED)
    tests = {
        arm: set(rows.loc[rows["split"] == "test", "image_id"])
        for arm, rows in split.groupby("arm")
    }
    assert {arm: len(each) for arm, each in tests.items()} == {"a": 10, "b": 10}
    assert tests["a"] != tests["b"]
    copied = cohort[cohort["image_id"].isin(["CHNCXR_0000_0", "CHNCXR_0099_0"])]
    both = pd.concat([copied, cohort[cohort["target"] == 1].head(2)])
    many = PUBLISHED.model_copy(update={"split": RowsSplit(test_fraction=0.25, on_leak="fail")})
    leaked = []
    for seed in range(12):
        try:
            split_cohort(both, many.model_copy(update={"seed": seed}))
        except LeakError as error:
            leaked.append(str(error))
        except ValueError:
            continue  # a part of one class only
    assert any("CHNCXR_0000_0" in words and "CHNCXR_0099_0" in words for words in leaked)


def test_honest_tests_each_film_once_with_sites_and_classes_alike(indexed) -> None:
    _, cohort = indexed
    split, _ = split_cohort(cohort, HONEST)
    tested = split[split["split"] == "test"]
    assert sorted(tested["image_id"]) == sorted(cohort["image_id"])
    for _, rows in split.groupby("arm"):
        assert rows.groupby("group_id")["split"].nunique().max() == 1
        assert set(rows["split"]) == {"train", "val", "test"}
    counts = tested.groupby(["site", "target", "arm"])["group_id"].nunique()
    of_stratum = counts.groupby(["site", "target"])
    assert (of_stratum.max() - of_stratum.min()).max() <= 1


def test_a_table_gives_the_parts_of_one_training_but_not_of_one_class(indexed) -> None:
    _, cohort = indexed
    whole = (
        cohort.groupby("group_id").ngroup() // 2 % 4
    )  # neighbours are of one family or of two classes
    part_of_cluster = dict(zip(cohort["duplicate_cluster"], whole, strict=True))
    numbers = cohort["duplicate_cluster"].map(part_of_cluster)
    parts = numbers.map({0: "train", 1: "train", 2: "val", 3: "test"})
    table = SplitTable("split.csv", tuple(cohort["image_id"]), tuple(parts))
    split, _ = split_cohort(cohort, HONEST, table)
    assert split["split"].tolist() == parts.tolist()
    assert set(split["arm"]) == {"single"}
    one_class = parts.mask((parts == "val") & (cohort["target"] == 1), "")
    with pytest.raises(
        ValueError, match=r"part 'val' of the training 'single' has .* of one class"
    ):
        split_cohort(cohort, HONEST, SplitTable("split.csv", table.films, tuple(one_class)))


def test_sites_train_at_one_and_test_at_the_other(indexed) -> None:
    _, cohort = indexed
    split, _ = split_cohort(cohort, SITES)
    for site, rows in split.groupby("arm"):
        assert set(rows.loc[rows["split"].isin(["train", "val"]), "site"]) == {site}
        assert set(rows.loc[rows["site"] != site, "split"]) == {"test"}
        assert (rows.loc[rows["site"] == site, "split"] == "test").any()
    with pytest.raises(
        ValueError, match="needs films of two sites or more, there is only 'shenzhen'"
    ):
        split_cohort(cohort[cohort["site"] == "shenzhen"], SITES)


def test_a_film_that_lies_in_both_classes_is_in_no_honest_split(indexed) -> None:
    _, cohort = indexed
    twin = cohort[cohort["image_id"] == "CHNCXR_0000_0"].assign(
        image_id="CHNCXR_0098_1", group_id="CHNCXR_0098_1", target=1.0
    )
    table = pd.concat([cohort, twin], ignore_index=True)
    table["conflict"] = table.groupby("duplicate_cluster")["target"].transform("nunique") > 1
    split, _ = split_cohort(table, HONEST)
    out = split[split["image_id"].isin(["CHNCXR_0098_1", "CHNCXR_0000_0", "CHNCXR_0099_0"])]
    assert set(out["split"]) == {""}


def predict_by_baselines(arrays: ArrayCache, cohort: pd.DataFrame) -> pd.DataFrame:
    material = Material(arrays, estimate_lung_prior(arrays), {}, pd.DataFrame(), COHORT)
    split, _ = split_cohort(cohort, HONEST)
    return pd.concat(predict_by_shortcut(material, split, HONEST, KEPT))


def test_a_probe_finds_what_is_written_outside_of_the_lungs(tmp_path: Path) -> None:
    films = make_set(label_outside=True)
    arrays = write(films, make_masks(films), tmp_path / "arrays")
    cohort, _ = index_cohort(arrays, list_lungs(films, make_masks(films)), {}, COHORT)
    rows = predict_by_baselines(arrays, cohort)
    copied = rows[rows["model"] == "outside_lungs"].assign(model="network")
    table = combine_tables({"honest": pd.concat([rows, copied])})
    params = TbEvaluationParams(n_resamples=50)
    value = evaluate(table, params).set_index(["model", "split", "metric"])["value"]
    assert value["outside_lungs", "test", "auroc"] == 1
    assert value["size_and_border", "test", "auroc"] == 1
    assert value["site_only", "test", "auroc"] < 0.7
    probes = compare_with_probes(table, params, PROBES).set_index(["model", "probe"])
    assert probes.loc[("network", "outside_lungs"), "difference"] == 0
    assert probes.loc[("network", "outside_lungs"), "equals_probe"]
    assert not probes.loc[("network", "site_only"), "equals_probe"]


def test_without_any_mask_there_is_no_outside(tmp_path: Path) -> None:
    films = make_set(24)
    arrays = write(films, {}, tmp_path / "arrays")
    cohort, _ = index_cohort(arrays, NO_LUNGS, {}, COHORT)
    rows = predict_by_baselines(arrays, cohort)
    assert set(rows["model"]) == {"site_only", "size_and_border", "mean_intensity"}


def rows_of(prediction: list[float], target: list[int], **more: object) -> pd.DataFrame:
    n = len(target)
    table = pd.DataFrame(
        {
            "image_id": [f"i{k}" for k in range(n)], "group_id": [f"i{k}" for k in range(n)],
            "protocol": "honest", "model": "m", "arm": "fold_0", "site": "shenzhen", "split": "test",
            "fold": 0, "target": np.array(target, float), "prediction": prediction, "threshold": 0.5,
        }
    )  # fmt: skip
    return table.assign(**more)


def test_both_classes_are_measured_by_hand() -> None:
    # called: 1 1 0 0 0, true: 1 0 0 0 1
    rows = rows_of([0.9, 0.5, 0.2, 0.1, 0.4], [1, 0, 0, 0, 1])
    value = evaluate(rows, TbEvaluationParams(n_resamples=0)).set_index("metric")["value"]
    assert value["precision"] == 0.5
    assert value["recall"] == 0.5
    assert value["precision_normal"] == pytest.approx(2 / 3)
    assert value["recall_normal"] == pytest.approx(2 / 3)
    assert value["f1_normal"] == pytest.approx(2 / 3)
    assert value["auroc"] == pytest.approx(5 / 6)
    report = report_classes(rows).set_index("class")
    assert report.loc["normal", "support"] == 3
    assert report.loc["tuberculosis", "support"] == 2
    assert report.loc["normal", "precision"] == pytest.approx(2 / 3)


def test_a_shifted_site_is_mended_by_recalibration() -> None:
    rng = np.random.default_rng(0)
    target = np.tile([0, 1], 60)
    shifted = np.clip(
        0.05 + 0.2 * target + 0.03 * rng.random(120), 0, 1
    )  # in order, but all below 0.5
    rows = rows_of(shifted.tolist(), target.tolist(), arm="montgomery")
    matrix = tabulate_sites(rows, TbEvaluationParams(n_resamples=0))
    value = matrix.set_index(["threshold", "metric"])["value"]
    assert value["carried_over", "auroc"] == 1
    assert value["carried_over", "recall"] == 0
    assert value["recalibrated", "recall"] == value["recalibrated", "specificity"] == 1
    assert value["recalibrated", "brier"] < value["carried_over", "brier"] / 10
    assert set(matrix["train_site"]) == {"montgomery"}
    assert set(matrix["test_site"]) == {"shenzhen"}


def test_published_accuracies_cannot_be_told_apart() -> None:
    columns = ["protocol", "model", "split", "metric", "value", "ci_low", "ci_high"]
    metrics = pd.DataFrame(
        [
            ("published", "vgg16", "test", "accuracy", 0.9, 0.85, 0.95),
            ("published", "resnet50", "test", "accuracy", 0.6, 0.5, 0.7),
            ("published", "site_only", "test", "accuracy", 0.5, 0.4, 0.6),
        ],
        columns=columns,
    )
    params = TbEvaluationParams(literature={"vgg16": 0.90, "resnet50": 0.89}, n_literature=160)
    table = compare_backbones(metrics, params).set_index("source")
    assert table.loc["literature", "overlap"]
    # Wilson's interval of 144 of 160
    assert table.loc["literature", "low_a"] == pytest.approx(0.8437, abs=1e-4)
    assert table.loc["literature", "high_a"] == pytest.approx(0.9375, abs=1e-4)
    assert not table.loc["here", "overlap"]


class Kept(MemoryDataset):
    """A dataset that a test reads after the run, though another node has read it last."""

    def _release(self) -> None:
        pass


def run_pipeline(protocols: dict[str, ProtocolParams], folder: Path, masks: bool = True):
    """Run the pipeline on an in-memory catalog, up to tables and figures."""
    films = make_set()
    predicted = make_masks(films) if masks else {}
    given = {
        "montgomery_shenzhen.films": films,
        "montgomery_shenzhen.masks": {},
        "montgomery_shenzhen.readings": {"CHNCXR_0000_0": "male 45yrs"},
        "lung_segmentation.lung_masks": predicted,
        "lung_segmentation.lungs": list_lungs(films, predicted),
        "lung_segmentation.bundle": {},
        "params:tb_classification.cohort": COHORT,
        "params:tb_classification.embedding": EMBEDDING,
        "params:tb_classification.training": TRAINING,
        "params:tb_classification.evaluation": TbEvaluationParams(
            n_resamples=20, n_shown=1, n_checked=8
        ),
        "params:tb_classification.release": TbReleaseParams(familiarity=FEW),
        **{f"params:tb_classification.{name}": params for name, params in protocols.items()},
    }
    catalog = DataCatalog(
        {name: MemoryDataset(data, copy_mode="assign") for name, data in given.items()}
    )
    catalog["tb_classification.arrays"] = ArrayCacheDataset(path=str(folder / "arrays"))
    catalog["tb_classification.embeddings"] = EmbeddingsDataset(filepath=str(folder / "embeddings"))
    catalog["split_table"] = SplitTableDataset()
    catalog["encoder_weights"] = EncoderWeightsDataset(path=str(folder / "none"))
    for name in protocols:
        catalog[f"tb_classification.{name}.checkpoints"] = CheckpointsDataset(
            path=str(folder / name)
        )
    pipeline = create_pipeline()
    for name in pipeline.all_outputs() - set(catalog.keys()):
        catalog[name] = Kept(copy_mode="assign")
    SequentialRunner().run(pipeline, catalog)
    return catalog


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> DataCatalog:
    """The whole pipeline, run in memory."""
    protocols = {"published": PUBLISHED, "honest": HONEST, "sites": SITES}
    return run_pipeline(protocols, tmp_path_factory.mktemp("slice"))


def test_all_protocols_run_from_films_to_figures(catalog: DataCatalog) -> None:
    predictions = Predictions.validate(catalog["tb_classification.predictions"].load())
    metrics = Metrics.validate(catalog["tb_classification.metrics"].load())
    Rejected.validate(catalog["tb_classification.rejected"].load())
    honest = predictions[(predictions["protocol"] == "honest") & (predictions["split"] == "test")]
    assert set(honest.groupby("model")["image_id"].nunique()) == {48}
    value = metrics.set_index(["protocol", "model", "split", "metric"])["value"]
    assert value["honest", "cnn", "test", "auroc"] > 0.8  # the spot is there to be seen
    assert value["honest", "site_only", "test", "auroc"] < 0.65
    assert {"test_shenzhen", "test_montgomery", "own_site"} <= set(metrics["split"])
    assert {"auroc_fold_mean", "ece", "recall_normal"} <= set(metrics["metric"])

    models = catalog["tb_classification.honest.models"].load()
    assert {"cnn_fold_0", "ensemble_fold_1", "boosting_fold_0"} <= set(models)
    assert models["ensemble_fold_0"].card["members"] == ["cnn_fold_0", "boosting_fold_0"]
    assert all(0 <= each.card["threshold"] <= 1 for each in models.values())
    assert all(each.card["notice"].endswith("Not a medical device.") for each in models.values())
    checks = catalog["tb_classification.saliency_checks"].load().set_index("check")
    assert 0 <= checks.loc["share_on_lungs", "value"] <= 1
    assert checks.loc["area_of_lungs", "value"] == pytest.approx(lungs().mean())

    by_hand = honest[honest["model"].isin(["cnn", "boosting"])].groupby("image_id")["prediction"]
    mean = honest[honest["model"] == "ensemble"].set_index("image_id")["prediction"]
    pd.testing.assert_series_equal(mean.sort_index(), by_hand.mean(), check_names=False)
    matrix = catalog["tb_classification.site_matrix"].load()
    assert set(matrix["threshold"]) == {"carried_over", "recalibrated"}


def test_embeddings_are_computed_once(tmp_path: Path, monkeypatch) -> None:
    from xraylab.pipelines.tb_classification import features

    films = make_set(24)
    arrays = write(films, make_masks(films), tmp_path / "arrays")
    weights = EncoderWeightsDataset(path=str(tmp_path / "none")).load()
    dataset = EmbeddingsDataset(filepath=str(tmp_path / "embeddings"))
    lungs_of_set = estimate_lung_prior(arrays)
    dataset.save(features.embed_films(arrays, lungs_of_set, weights, COHORT, EMBEDDING))
    first = dataset.load()
    a, b = (first[name].matrix.copy() for name in "ab")
    assert a.shape == b.shape == (24, 8 * 16)
    assert not np.allclose(a, b)  # what is outside of the lungs is black for one of them

    def refuse(*args: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("xraylab.training.embed.EncodeFilms.__call__", refuse)
    dataset.save(features.embed_films(arrays, lungs_of_set, weights, COHORT, EMBEDDING))
    np.testing.assert_array_equal(dataset.load()["a"].matrix, a)
    other = EMBEDDING.model_copy(update={"seed": 1})  # other random weights, other features
    with pytest.raises(DatasetError, match="computed again"):
        dataset.save(features.embed_films(arrays, lungs_of_set, weights, COHORT, other))
    np.testing.assert_array_equal(dataset.load()["a"].matrix, a)  # what was there is there


class Released:
    """What the pipeline has trained, and any model of it packed as a bundle."""

    def __init__(self, catalog: DataCatalog) -> None:
        def load(name: str):
            return catalog[f"tb_classification.{name}"].load()

        self.arrays, self.prior = load("arrays"), load("lung_prior")
        self.cohort, self.models = load("honest.cohort"), load("honest.models")
        self.predictions = load("honest.predictions")
        self.weights = catalog["encoder_weights"].load()

    def pack(self, model: str, lung_bundle=None, prior=None, embedding=EMBEDDING):
        params = TbReleaseParams(model=model, familiarity=FEW)
        found = pack_lungs(self.prior if prior is None else prior, lung_bundle or {}, COHORT)
        encoders = pack_encoders(self.arrays, self.models, self.weights, embedding, params)
        states = pack_bundle(self.arrays, self.cohort, self.models, found, encoders, params)
        return open_predictor(states, RELEASE)

    def said(self, model: str) -> pd.DataFrame:
        """Return what both folds have said of films that neither has trained on: mean, and half the difference."""
        rows = self.predictions[self.predictions["model"] == model]
        said = rows.groupby("image_id")["prediction"].agg(["mean", "size", np.ptp])
        said = said[said["size"] == 2].iloc[:4]
        assert len(said) == 4
        return said


@pytest.fixture(scope="module")
def released(catalog: DataCatalog) -> Released:
    return Released(catalog)


def lung_network(threshold: float) -> dict[str, ModelState]:
    """A bundle of lung_segmentation that draws the whole film as lung, or nothing, as its threshold says."""
    params = NetworkParams(widths=(4, 8))
    card = {"network": params.model_dump(mode="json"), "views": 1}
    member = describe_network(build_network(params, 0), card)
    preprocess = PreprocessParams(size_px=16, equalise="none").model_dump(mode="json")
    described = {"preparations": {FILM: preprocess}, "threshold": threshold, "clean": False}
    return pack_states("lung_segmentation", described, {"robust": member}, None)


def test_the_bundle_of_a_run_says_what_the_models_of_both_folds_have_said(
    catalog: DataCatalog, released: Released
) -> None:
    predictor = open_predictor(catalog["tb_classification.bundle"].load(), RELEASE)
    card = predictor.bundle.card
    assert card["notice"] == "Research software. Not a medical device."
    assert card["released"] == ["ensemble_fold_0", "ensemble_fold_1"]
    assert set(card["parts"]) == {
        f"{name}_fold_{fold}" for name in ("cnn", "boosting") for fold in (0, 1)
    }
    assert card["encoders"] == ["a"]  # of the models that it is made of, and no other
    said, films = released.said("ensemble"), make_set()
    found = read_films(predictor, {name: films[name] for name in said.index})
    outputs = pd.DataFrame([each.outputs for each in found.values()])
    assert outputs["probability"].tolist() == pytest.approx(said["mean"].tolist(), abs=1e-4)
    threshold = np.mean(
        [released.models[f"ensemble_fold_{fold}"].card["threshold"] for fold in (0, 1)]
    )
    assert outputs["threshold"].tolist() == pytest.approx([threshold] * 4)
    above = outputs["probability"] >= threshold
    assert outputs["finding"].tolist() == [CLASS_NAMES[int(each)] for each in above]
    assert outputs["lungs"].eq("estimated").all()  # no network that draws them was there
    assert list(outputs) == [column.name for column in predictor.reader.columns]
    loaded = [load_film(name, films[name], predictor.intake) for name in said.index]
    maps = predictor.reader.heat(loaded, [("", "unknown")] * 4)
    assert maps.shape == (4, SIZE, SIZE)
    assert 0 <= maps.min() < maps.max() <= 1


@pytest.mark.parametrize("model", ["mlp", "logistic", "patterns"])
def test_models_of_features_agree_where_the_same_lungs_are_drawn(
    released: Released, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setattr(MaskNetworks, "maps", lambda self, films: np.stack([lungs()] * len(films)))
    said, films = released.said(model), make_set()
    predictor = released.pack(model, lung_network(0.5))
    found = read_films(predictor, {name: films[name] for name in said.index})
    outputs = pd.DataFrame([each.outputs for each in found.values()])
    assert outputs["probability"].tolist() == pytest.approx(said["mean"].tolist(), abs=1e-4)
    assert outputs["spread"].tolist() == pytest.approx((said["ptp"] / 2).tolist(), abs=1e-4)
    assert outputs["lungs"].eq("segmented").all()
    with pytest.raises(ValueError, match=f"'{model}' has no network among its members"):
        predictor.reader.heat([], [])


@pytest.mark.parametrize(("threshold", "lungs_are"), [(0.0, "segmented"), (1.5, "estimated")])
def test_lungs_are_drawn_by_the_packed_network_or_else_estimated(
    released: Released, threshold: float, lungs_are: str
) -> None:
    predictor = released.pack("patterns", lung_network(threshold))
    assert set(predictor.intake.preparations) == {FILM, "lungs"}
    (found,) = read_films(predictor, {"x": partial(draw, 901, True, "CHNCXR")}).values()
    assert found.outputs["lungs"] == lungs_are
    assert 0 <= found.outputs["probability"] <= 1
    assert found.doubts == ()


def test_a_film_whose_lungs_nobody_knows_is_read_without_what_looks_at_lungs(
    released: Released, tmp_path: Path
) -> None:
    nothing = estimate_lung_prior(write(make_set(4), {}, tmp_path / "arrays"))
    said, films = released.said("cnn"), make_set()
    new = {name: films[name] for name in said.index}
    for model in ("patterns", "logistic"):
        for found in read_films(released.pack(model, prior=nothing), new).values():
            assert found.outputs == {"lungs": "none"}
            assert "no lungs were found" in found.doubts[0]
    seen = read_films(released.pack("cnn", prior=nothing), new).values()
    assert [each.outputs["probability"] for each in seen] == pytest.approx(
        said["mean"].tolist(), abs=1e-4
    )
    assert {each.outputs["lungs"] for each in seen} == {"none"}
    assert all("no lungs were found" in each.doubts[0] for each in seen)


def test_an_encoder_with_other_weights_is_refused(released: Released) -> None:
    other = EMBEDDING.model_copy(update={"seed": 1})
    with pytest.raises(
        ValueError, match=r"the encoder 'a' now has other weights .* 'mlp' was trained .*again"
    ):
        released.pack("mlp", embedding=other)


def test_a_released_model_is_named_and_knows_its_preprocessing(indexed) -> None:
    arrays, cohort = indexed
    card = {
        "name": "cnn", "arm": "fold_0", "threshold": 0.5, "spec": {"kind": "cnn", "inside_lungs": False},
        "preprocess": {**arrays.preprocess, "equalise": "histogram"},
    }  # fmt: skip
    models = {"cnn_fold_0": ModelState(card)}
    known = pack_lungs(estimate_lung_prior(arrays), {}, COHORT)

    def pack(model: str) -> None:
        params = TbReleaseParams(model=model)
        pack_encoders(arrays, models, {}, EMBEDDING, params)
        pack_bundle(arrays, cohort, models, known, {}, params)

    with pytest.raises(ValueError, match=r"release.model 'best' is none of the trained cnn"):
        pack("best")
    with pytest.raises(ValueError, match=r"was trained on films prepared with .*'histogram'"):
        pack("cnn")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"split": {"kind": "rows", "on_leak": "regroup"}}, "should be 'report' or 'fail'"),
        ({"threshold_rule": "youden"}, "val_fraction must be above 0: the validation part"),
        ({"models": {"cnn": CNN}}, "it chooses the weights of a 'cnn'"),
        ({"models": {"site_only": MLP}}, "'site_only' is a baseline"),
        (
            {"models": {"a": MLP, "b": MLP, "m": MeanModel(of=("a", "b"))}},
            "so that there is no mean",
        ),
        (
            {"models": {"a": MLP, "m": MeanModel(of=("a", "z"))}},
            "the mean of 'z', which is none of a",
        ),
        (
            {"models": {"a": {"kind": "forest"}}},
            "'mlp', 'logistic', 'boosting', 'kernel', 'cnn', 'mean'",
        ),
    ],
)
def test_bad_protocols_are_refused(change: dict, words: str) -> None:
    good = PUBLISHED.model_dump() | {"models": {"a": MLP}}
    with pytest.raises(ValidationError, match=words):
        ProtocolParams(**good | change)


def test_tags_choose_a_protocol_and_the_bundle_is_of_the_honest_one() -> None:
    honest = {node.name for node in create_pipeline().only_nodes_with_tags("honest").nodes}
    packing = {f"tb_classification.pack_{name}" for name in ("bundle", "lungs", "encoders")}
    assert packing <= honest
    names = {node.name for node in create_pipeline().only_nodes_with_tags("published").nodes}
    assert "tb_classification.published.train" in names
    assert not any(".honest." in name or "saliency" in name for name in names)
    assert packing.isdisjoint(names)


@pytest.mark.real_films
def test_the_real_set_is_indexed_with_its_lungs(real_data: Path, tmp_path: Path) -> None:
    from xraylab.datasets import RadiographFolderDataset

    root = str(real_data / "montgomery_shenzhen")
    films = RadiographFolderDataset(path=root, folders=["CXR_png"]).load()
    masks = RadiographFolderDataset(path=root, folders=["masks"], id="relative").load()
    params = COHORT.model_copy(update={"preprocess": PreprocessParams(size_px=64)})
    write_cache(cache_films(films, {}, NO_LUNGS, masks, params), str(tmp_path / "arrays"))
    cohort, rejected = index_cohort(read_cache(str(tmp_path / "arrays")), NO_LUNGS, {}, params)
    assert len(cohort) == 217
    assert rejected.empty
    assert cohort.groupby("site")["target"].sum().to_dict() == {"montgomery": 13, "shenzhen": 83}
    assert (cohort["lungs"] == "annotated").sum() == 196
    split, _ = split_cohort(cohort, HONEST.model_copy(update={"split": GroupsSplit(n_folds=5)}))
    tested = split[split["split"] == "test"]
    assert tested["image_id"].is_unique
    share = tested.groupby("arm")["target"].mean()
    assert share.max() - share.min() < 0.06
