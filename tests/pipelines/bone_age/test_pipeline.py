from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from pydantic import ValidationError
from tests.pipelines.released import FEW, open_predictor, read_films

from xraylab.datasets import (
    ArrayCacheDataset,
    CheckpointsDataset,
    EncoderWeightsDataset,
    SplitTableDataset,
)
from xraylab.evaluation.leakage import LeakError
from xraylab.evaluation.tables import Cohort, Metrics, Predictions
from xraylab.flow.compare import combine_tables
from xraylab.flow.split import FoldsSplit, GroupsSplit
from xraylab.imaging.preprocess import PreprocessParams
from xraylab.models.bone_age import BoneAgeNetworkParams
from xraylab.models.state import ModelState
from xraylab.pipelines.bone_age import create_pipeline
from xraylab.pipelines.bone_age.cohort import read_film_sexes, split_cohort
from xraylab.pipelines.bone_age.evaluation import (
    compare_networks,
    evaluate,
    evaluate_bands,
    reported,
)
from xraylab.pipelines.bone_age.params import (
    AgeCohortParams,
    AgeEvaluationParams,
    AgeModel,
    AgeReleaseParams,
    Anchor,
    ProtocolParams,
    SearchParams,
)
from xraylab.pipelines.bone_age.release import RELEASE, pack_bundle
from xraylab.prediction.engine import Predictor
from xraylab.prediction.intake import load_film
from xraylab.records.split_table import SplitTable
from xraylab.tabular.space import Choice
from xraylab.training.params import Recipe, TrainingParams

SIZE = 32
COHORT = AgeCohortParams(preprocess=PreprocessParams(size_px=SIZE, equalise="none"))
NETWORK = BoneAgeNetworkParams(blocks=3, filters=8, dense_layers=1, dropout=0.0)
TRAINING = TrainingParams(max_epochs=20, precision="32", accelerator="cpu", progress=False)
MODERN = AgeModel(
    network=NETWORK,
    recipe=Recipe(loss="l1", learning_rate=1e-2, batch_size=8, schedule="one_cycle"),
    views=2,
)
SEARCHED = AgeModel(
    network=NETWORK,
    recipe=Recipe(loss="mse", learning_rate=5e-3, batch_size=16),
    standardise_target=False,
    search=SearchParams(
        n_trials=2,
        n_startup_trials=1,
        max_epochs=1,
        progress=False,
        blocks=Choice(choices=(2, 3)),
        filters=Choice(choices=(2,)),
        dense_layers=Choice(choices=(1,)),
        dropout=Choice(choices=(0.0,)),
    ),
    in_folds=False,
)
PUBLISHED = ProtocolParams(split=FoldsSplit(n_folds=2), models={"cnn": SEARCHED})
HONEST = ProtocolParams(
    split=GroupsSplit(use_official=True, val_fraction=0.25, test_fraction=0.25), n_folds=2,
    coverage=0.8,
    models={"modern": MODERN, "cnn": SEARCHED},
)  # fmt: skip


def age_of(number: int) -> int:
    return 10 + (number * 53) % 200


def is_male(number: int) -> bool:
    return number % 2 == 0


def draw(number: int) -> np.ndarray:
    """A bright square that grows with age, larger in a girl of the same age; grain of its own."""
    rng = np.random.default_rng(number)
    film = 0.1 + 0.05 * rng.random((SIZE, SIZE), np.float32)
    grown = age_of(number) * (1.0 if is_male(number) else 1.15)
    half = 2 + grown / 20
    y, x = np.mgrid[:SIZE, :SIZE]
    inside = np.maximum(np.abs(y - 15.5), np.abs(x - 15.5))
    film += 0.8 * np.clip(half - inside, 0, 1)
    return film.astype(np.float32)


def make_set(n: int = 96) -> tuple[dict[str, Callable[[], np.ndarray]], pd.DataFrame]:
    films = {f"boneage-training-dataset/{100 + k}": partial(draw, k) for k in range(n)}
    table = pd.DataFrame(
        {
            "id": [100 + k for k in range(n)],
            "boneage": [age_of(k) for k in range(n)],
            "male": [is_male(k) for k in range(n)],
        }
    )
    # another order than that of the films
    return films, table.iloc[::-1]


class Kept(MemoryDataset):
    """A dataset that a test reads after the run, though another node has read it last."""

    def _release(self) -> None:
        pass


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> DataCatalog:
    """The whole pipeline, run in memory."""
    folder = tmp_path_factory.mktemp("bone_age")
    films, table = make_set()
    films["boneage-training-dataset/999"] = partial(draw, 3)
    catalog = DataCatalog(
        {
            "rsna_bone_age.films": MemoryDataset(films, copy_mode="assign"),
            "rsna_bone_age.tables": MemoryDataset(
                {"boneage-training-dataset": lambda: table}, copy_mode="assign"
            ),
            "bone_age.arrays": ArrayCacheDataset(path=str(folder / "arrays")),
            "split_table": SplitTableDataset(),
            "encoder_weights": EncoderWeightsDataset(path=str(folder / "encoders")),
            **{
                f"bone_age.{protocol}.{name}": CheckpointsDataset(
                    path=str(folder / protocol / name)
                )
                for protocol in ("published", "honest")
                for name in ("checkpoints", "studies")
            },
            "params:bone_age.cohort": MemoryDataset(COHORT),
            "params:bone_age.training": MemoryDataset(TRAINING),
            "params:bone_age.published": MemoryDataset(PUBLISHED),
            "params:bone_age.honest": MemoryDataset(HONEST),
            "params:bone_age.evaluation": MemoryDataset(
                AgeEvaluationParams(
                    n_resamples=50,
                    n_shown=2,
                    n_moved=8,
                    anchors={"winner": Anchor(mae=4.2, note="200 films")},
                )
            ),
            "params:bone_age.release": MemoryDataset(AgeReleaseParams(familiarity=FEW)),
        }
    )
    for name in create_pipeline().all_outputs() - set(catalog.keys()):
        catalog[name] = Kept(copy_mode="assign")
    SequentialRunner().run(create_pipeline(), catalog)
    return catalog


def test_ages_are_learned_far_better_than_the_mean_age(catalog: DataCatalog) -> None:
    metrics = Metrics.validate(catalog["bone_age.metrics"].load())
    mae = metrics[(metrics["split"] == "test") & (metrics["metric"] == "mae")]
    honest = mae[mae["protocol"] == "honest"].set_index("model")["value"]
    assert honest["modern"] < 0.5 * honest["mean_age"]
    assert set(honest.index) == {"modern", "cnn", "mean_age", "border_only"}


def test_every_metric_can_be_computed_again(catalog: DataCatalog) -> None:
    predictions = Predictions.validate(catalog["bone_age.predictions"].load())
    metrics = catalog["bone_age.metrics"].load()
    rows = predictions.query("protocol == 'honest' and model == 'modern' and split == 'test'")
    single = rows[rows["arm"] == "single"]
    error = (single["prediction"] - single["target"]).abs()
    found = metrics.query("protocol == 'honest' and model == 'modern' and split == 'test'")
    value = found.set_index("metric")["value"]
    assert value["mae"] == pytest.approx(error.mean())
    assert value["share_within_12"] == pytest.approx((error <= 12).mean())
    assert value["mae_female"] == pytest.approx(error[single["sex"] == "F"].mean())
    inside = single["target"].between(single["interval_low"], single["interval_high"])
    assert value["coverage"] == pytest.approx(inside.mean())
    folds = rows[rows["arm"] != "single"]
    by_fold = (folds["prediction"] - folds["target"]).abs().groupby(folds["arm"]).mean()
    assert value["mae_fold_mean"] == pytest.approx(by_fold.mean())
    assert value["mae_fold_sd"] == pytest.approx(by_fold.std())


def test_the_honest_test_films_are_in_no_other_part_of_any_training(catalog: DataCatalog) -> None:
    cohort = Cohort.validate(catalog["bone_age.honest.cohort"].load())
    single = cohort[cohort["arm"] == "single"]
    test = set(single.loc[single["split"] == "test", "image_id"])
    others = cohort[cohort["arm"] != "single"]
    assert test
    assert not test & set(others["image_id"])
    tested = others[others["split"] == "test"]
    assert sorted(tested["image_id"]) == sorted(set(others["image_id"]))  # each in one fold


def test_as_published_a_fold_stops_and_tunes_by_the_films_that_it_reports(
    catalog: DataCatalog,
) -> None:
    cohort = catalog["bone_age.published.cohort"].load()
    assert set(cohort["split"]) == {"train", "test"}
    models = catalog["bone_age.published.models"].load()
    rows = catalog["bone_age.published.predictions"].load()
    for fold in (0, 1):
        part = rows[(rows["model"] == "cnn") & (rows["arm"] == f"fold_{fold}")]
        error = (part["prediction"] - part["target"]).abs().mean()
        assert models[f"cnn_fold_{fold}"].card["metrics"]["val_mae"] == pytest.approx(
            error, rel=1e-3
        )
    assert rows["interval_low"].isna().all()  # no film is left to calibrate by
    metrics = catalog["bone_age.metrics"].load()
    best = metrics.query("protocol == 'published' and model == 'cnn' and metric == 'mae_best_fold'")
    assert best["value"].item() <= min(
        model.card["metrics"]["val_mae"] for model in models.values()
    ) * (1 + 1e-3)


def test_a_tuned_network_is_the_one_that_its_trials_found(catalog: DataCatalog) -> None:
    best = catalog["bone_age.best_hyperparams"].load()
    assert best[["protocol", "model", "arm"]].to_numpy().tolist() == [
        ["published", "cnn", "fold_0"], ["published", "cnn", "fold_1"], ["honest", "cnn", "single"],
    ]  # fmt: skip
    trials = catalog["bone_age.trials"].load()
    of_honest = trials[trials["protocol"] == "honest"]
    assert len(of_honest) == 2
    complete = of_honest[of_honest["state"] == "complete"].sort_values("value").iloc[0]
    assert best["val_loss"].iloc[2] == pytest.approx(complete["value"])
    card = catalog["bone_age.honest.models"].load()["cnn"].card
    assert card["network"]["blocks"] == complete["blocks"]
    assert card["covariates"] == ["male"]  # and never a chronological age


@pytest.fixture(scope="module")
def predictor(catalog: DataCatalog) -> Predictor:
    """The bundle that the pipeline has packed."""
    return open_predictor(catalog["bone_age.bundle"].load(), RELEASE)


def test_a_bundle_says_of_a_film_what_the_network_has_said(
    catalog: DataCatalog, predictor: Predictor
) -> None:
    rows = catalog["bone_age.honest.predictions"].load()
    rows = rows[(rows["model"] == "modern") & (rows["arm"] == "single") & (rows["split"] == "test")]
    assert set(rows["sex"]) == {"F", "M"}
    films = {name: partial(draw, int(name) - 100) for name in rows["image_id"]}
    sexes = {name: (sex, "table") for name, sex in zip(rows["image_id"], rows["sex"], strict=True)}
    found = read_films(predictor, films, sexes)
    assert not any(each.doubts for each in found.values())
    outputs = pd.DataFrame([each.outputs for each in found.values()])
    assert list(outputs) == [column.name for column in predictor.reader.columns]
    assert outputs["months"].tolist() == pytest.approx(rows["prediction"].tolist(), abs=0.01)
    for name in ("interval_low", "interval_high"):  # as wide as those of the sex
        assert outputs[name].tolist() == pytest.approx(rows[name].tolist(), abs=0.01)
    assert outputs["sex"].tolist() == rows["sex"].tolist()
    assert outputs["sex_from"].eq("table").all()
    assert outputs["coverage"].eq(0.8).all()
    assert outputs[["months_if_female", "months_if_male"]].isna().all(axis=None)
    assert predictor.bundle.card["notice"] == "Research software. Not a medical device."


def test_new_films_are_read_by_their_sex_or_for_either(predictor: Predictor) -> None:
    new = {"a/7": partial(draw, 7), "8": partial(draw, 8)}
    tables = {"x": lambda: pd.DataFrame({"Case ID": [7], "Sex": ["F"]})}
    sexes = read_film_sexes(new, tables, COHORT)
    assert sexes == {"a/7": "F"}
    found = read_films(predictor, new, {"a/7": ("F", "table")})
    girl, either = found["a/7"].outputs, found["8"].outputs
    assert abs(girl["months"] - age_of(7)) < 40
    assert (girl["sex"], girl["sex_from"]) == ("F", "table")
    by_sex = {
        sex: read_films(predictor, {"8": new["8"]}, {"8": (sex, "argument")})["8"].outputs
        for sex in ("F", "M")
    }
    assert (either["sex"], either["sex_from"]) == ("", "unknown")
    assert either["months_if_female"] == pytest.approx(by_sex["F"]["months"], abs=1e-3)
    assert either["months_if_male"] == pytest.approx(by_sex["M"]["months"], abs=1e-3)
    assert by_sex["F"]["months"] != pytest.approx(
        by_sex["M"]["months"], abs=1e-2
    )  # the sex is read
    ends = [by_sex[sex]["months"] for sex in by_sex]
    assert either["months"] == pytest.approx(np.mean(ends), abs=1e-3)
    low, high = (
        choose(by_sex[sex][name] for sex in by_sex)
        for choose, name in ((min, "interval_low"), (max, "interval_high"))
    )
    assert (either["interval_low"], either["interval_high"]) == pytest.approx((low, high), abs=1e-3)
    assert "the sex is not known" in found["8"].doubts[0]


def test_maps_show_where_a_network_looks_for_the_age(predictor: Predictor) -> None:
    films = {"7": partial(draw, 7), "8": partial(draw, 8)}
    loaded = [load_film(name, film, predictor.intake) for name, film in films.items()]
    maps = predictor.reader.heat(loaded, [("F", "table"), ("", "unknown")])
    assert maps.shape == (2, SIZE, SIZE)
    assert 0 <= maps.min() < maps.max() <= 1


def test_a_released_network_is_named_knows_its_preprocessing_and_may_have_no_interval(
    catalog: DataCatalog,
) -> None:
    arrays, cohort, models, rows = (
        catalog[f"bone_age.{name}"].load()
        for name in ("arrays", "honest.cohort", "honest.models", "honest.predictions")
    )

    def pack(rows: pd.DataFrame, models: dict[str, ModelState], model: str = "modern"):
        params = AgeReleaseParams(model=model, familiarity=FEW)
        return pack_bundle(arrays, cohort, models, rows, HONEST, params)

    with pytest.raises(ValueError, match=r"release.model 'best' is none of the trained modern"):
        pack(rows, models, "best")
    card = models["modern"].card
    other = {**card, "preprocess": {**card["preprocess"], "equalise": "histogram"}}
    with pytest.raises(ValueError, match=r"was trained on films prepared with .*'histogram'"):
        pack(rows, {"modern": replace(models["modern"], card=other)})
    # girls without a validation part, and too few of them to calibrate by
    for end in (np.nan, np.inf):
        girls = rows["sex"] == "F"
        ends = {"interval_low": rows["interval_low"].mask(girls, -end)}
        ends |= {"interval_high": rows["interval_high"].mask(girls, end)}
        predictor = open_predictor(pack(rows.assign(**ends), models), RELEASE)
        assert predictor.bundle.card["radii"]["F"] is None
        sexes = {"girl": ("F", "table"), "boy": ("M", "table")}
        found = read_films(predictor, dict.fromkeys(sexes, partial(draw, 7)), sexes)
        assert np.isnan(found["girl"].outputs["interval_low"])
        boy = found["boy"].outputs
        assert boy["interval_low"] < boy["months"] < boy["interval_high"]


def test_what_moves_a_prediction_is_a_table(catalog: DataCatalog) -> None:
    table = catalog["bone_age.stability"].load().set_index("change")
    assert table.loc["none", "mean_abs_shift"] == 0
    assert table.loc["flip", "mean_abs_shift"] < 1e-3  # both views are averaged
    assert table.loc["invert", "mean_abs_shift"] > 1
    assert (table["n"] == 8).all()


def test_figures_are_drawn_and_others_stand_beside_us(catalog: DataCatalog) -> None:
    heat = catalog["bone_age.heat_maps_figure"].load()
    assert len([ax for ax in heat.axes if ax.images]) >= 4
    agreement = catalog["bone_age.bland_altman_figure"].load()
    titles = [ax.get_title(loc="left") for ax in agreement.axes if ax.get_visible()]
    assert (
        titles == ["cnn, published, n = 96", "modern, honest, n = 24", "cnn, honest, n = 24"]
        or len(titles) == 3
    )
    comparison = catalog["bone_age.comparison"].load()
    assert comparison.iloc[-1][["protocol", "model", "mae"]].tolist() == [
        "literature",
        "winner",
        4.2,
    ]
    assert comparison["model"].tolist()[:4] == ["cnn_fold_0", "cnn_fold_1", "modern", "cnn"]
    rejected = catalog["bone_age.rejected"].load()
    assert rejected.to_numpy().tolist() == [["999", "has no label"]]


def make_cohort(n: int = 40) -> pd.DataFrame:
    ids = [str(k) for k in range(n)]
    return pd.DataFrame(
        {
            "image_id": ids, "group_id": ids, "sex": ["M", "F"] * (n // 2),
            "target": np.arange(n, dtype=float), "official_split": "train",
            "source": ids, "digest": ids, "duplicate_cluster": ids, "split": "", "fold": -1,
        }
    )  # fmt: skip


def test_official_parts_are_kept_but_for_copies() -> None:
    cohort = make_cohort()
    cohort.loc[30:34, "official_split"] = "val"
    cohort.loc[35:, "official_split"] = "test"
    cohort.loc[39, "digest"] = "0"  # the pixels of a training film lie in the test part
    split, leaks = split_cohort(cohort, HONEST.model_copy(update={"n_folds": 0}))
    found = split.set_index("image_id")["split"]
    assert found.value_counts().to_dict() == {"train": 29, "test": 6, "val": 5}
    assert found["0"] == found["39"] == "test"
    assert len(leaks)
    hashed, _ = split_cohort(
        cohort, HONEST.model_copy(update={"n_folds": 0, "split": GroupsSplit()})
    )
    assert set(hashed["split"]) == {"train", "val", "test"}
    assert hashed["split"].tolist() != split["split"].tolist()


def test_a_table_gives_the_parts_and_no_folds_beside_them() -> None:
    cohort = make_cohort()
    ids = tuple(cohort["image_id"])
    parts = tuple(["train", "train", "val", "test"][k % 4] for k in range(len(ids)))
    table = SplitTable("split.csv", tuple(f"boneage/{each}.png" for each in ids), parts)
    split, leaks = split_cohort(cohort, HONEST, table)
    assert HONEST.n_folds > 0
    assert split["split"].tolist() == list(parts)
    assert set(split["arm"]) == {"single"}
    assert leaks.empty
    published, _ = split_cohort(cohort, PUBLISHED, table)
    pd.testing.assert_frame_equal(published, split_cohort(cohort, PUBLISHED)[0])


def test_a_copy_in_two_folds_is_reported_or_stops_the_run() -> None:
    cohort = make_cohort()
    cohort.loc[1, "digest"] = "0"
    protocol = PUBLISHED.model_copy(update={"split": FoldsSplit(n_folds=10)})
    split, leaks = split_cohort(cohort, protocol)
    assert len(split) == 400
    apart = split[split["image_id"].isin(["0", "1"])].groupby("arm")["split"].agg(set).map(len) > 1
    assert set(leaks["arm"]) == set(apart.index[apart])
    assert apart.any()
    with pytest.raises(LeakError):
        split_cohort(
            cohort, PUBLISHED.model_copy(update={"split": FoldsSplit(n_folds=10, on_leak="fail")})
        )


def test_bands_and_sexes_are_measured_by_hand() -> None:
    rows = pd.DataFrame(
        {
            "model": "m", "image_id": list("abcd"), "group_id": list("abcd"), "arm": "single",
            "split": "test", "fold": -1, "sex": list("MFMF"), "target": [10.0, 50.0, 60.0, 100.0],
            "prediction": [13.0, 49.0, 60.0, 90.0], "interval_low": np.nan, "interval_high": np.nan,
        }
    )  # fmt: skip
    table = combine_tables({"honest": rows})
    params = AgeEvaluationParams(n_resamples=0, age_bands=(0, 60, 240))
    bands = evaluate_bands(table, params).set_index(["sex", "band", "metric"])
    assert bands.loc[("all", "0 to 60", "mae"), "value"] == 2
    assert bands.loc[("M", "60 to 240", "bias"), "value"] == 0
    assert bands.loc[("F", "60 to 240", "bias"), "value"] == -10
    metrics = evaluate(table, params).set_index("metric")["value"]
    assert metrics["mae"] == 3.5
    assert metrics["share_within_6"] == 0.75
    assert "coverage" not in metrics
    others = rows.assign(arm="fold_0", prediction=0.0)
    both = combine_tables({"honest": pd.concat([rows, others])})
    assert set(reported(both)["arm"]) == {"single"}
    trained = pd.DataFrame(
        {"protocol": "honest", "model": ["m"], "name": "m", "arm": "single", "fold": -1}
    )
    (row,) = compare_networks(trained, evaluate(both, params), params).to_dict("records")
    assert (row["mae"], row["n"]) == (3.5, 4)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: AgeModel(recipe=Recipe(loss="bce")), "takes the loss 'mse' or 'l1', got 'bce'"),
        (
            lambda: AgeModel(
                network=BoneAgeNetworkParams(encoder="resnet18"), search=SearchParams()
            ),
            "encoder 'resnet18' has none",
        ),
        (
            lambda: ProtocolParams(
                split={"kind": "folds", "on_leak": "regroup"}, models={"m": MODERN}
            ),
            "should be 'report' or 'fail'",
        ),
        (
            lambda: ProtocolParams(split=GroupsSplit(), n_folds=1, models={"m": MODERN}),
            "n_folds must be 0, or 2 and more beside split 'groups', got 1",
        ),
        (
            lambda: ProtocolParams(split=GroupsSplit(), models={"mean_age": MODERN}),
            "'mean_age' is a baseline",
        ),
        (lambda: SearchParams(blocks=Choice(choices=(0,))), "greater than or equal to 1"),
        (lambda: AgeEvaluationParams(age_bands=(0, 60, 60)), "age_bands must rise"),
    ],
)
def test_bad_parameters_are_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        make()
