import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

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
from xraylab.evaluation.tables import Cohort, Metrics, Predictions, Rejected
from xraylab.flow.compare import combine_tables, compare_with_probes
from xraylab.flow.params import ClassifierEvaluationParams, ModelReleaseParams
from xraylab.flow.split import GroupsSplit, OfficialSplit
from xraylab.imaging import FilmFolder
from xraylab.imaging.array_cache import ArrayCache, read_cache, write_cache
from xraylab.imaging.preprocess import PreprocessParams
from xraylab.models.classifiers import ClassifierParams
from xraylab.models.state import ModelState
from xraylab.pipelines.fracture.audit import audit_files, plot_copies
from xraylab.pipelines.fracture.cohort import cache_films, index_cohort, split_cohort
from xraylab.pipelines.fracture.evaluation import evaluate
from xraylab.pipelines.fracture.params import (
    CLASS_NAMES,
    PROBES,
    FractureCohortParams,
    FractureModel,
    ProtocolParams,
)
from xraylab.pipelines.fracture.pipeline import create_pipeline
from xraylab.pipelines.fracture.probes import predict_by_shortcut
from xraylab.pipelines.fracture.release import RELEASE, pack_bundle
from xraylab.pipelines.fracture.task import KEPT, weight_of
from xraylab.prediction.intake import load_film
from xraylab.records.split_table import SplitTable
from xraylab.training.params import Recipe, TrainingParams

SIZE = 64
COHORT = FractureCohortParams(
    splits={"train": "train", "val": "val", "test": "test"},
    classes={"fractured": 1, "fracture": 1, "not fractured": 0, "normal": 0},
    preprocess=PreprocessParams(size_px=SIZE, equalise="none"),
)
MODEL = FractureModel(
    network=ClassifierParams(widths=(8, 16), dense=16, dropout=0.0),
    recipe=Recipe(loss="bce", learning_rate=1e-2, batch_size=8, draws_per_group=1),
)
TRAINING = TrainingParams(max_epochs=8, precision="32", accelerator="cpu", progress=False)
PUBLISHED = ProtocolParams(split=OfficialSplit(), models={"cnn": MODEL})
HONEST = ProtocolParams(split=GroupsSplit(n_folds=2, val_fraction=0.25), models={"robust": MODEL})
TOP = "Bone_Fracture_Binary_Classification"

Film = Callable[[], np.ndarray]


def draw(number: int, fractured: bool, angle: float = 0.0) -> np.ndarray:
    """A bone with texture of its own; a fractured one is crossed by a dark line. Turned within its square."""
    import cv2

    rng = np.random.default_rng(number)
    film = np.full((SIZE, SIZE), 0.1, np.float32)
    film[4:60, 20:44] = 0.5
    coarse = cv2.resize(rng.random((9, 9)).astype(np.float32), (SIZE, SIZE))
    film += 0.35 * coarse + 0.1 * cv2.resize(rng.random((24, 24)).astype(np.float32), (SIZE, SIZE))
    if fractured:
        row = int(rng.integers(24, 40))
        film[row : row + 5, 18:46] = 0.05
    turn = cv2.getRotationMatrix2D(((SIZE - 1) / 2, (SIZE - 1) / 2), angle, 1.0)
    return np.clip(cv2.warpAffine(film, turn, (SIZE, SIZE)), 0, 1)


def make_set(n: int = 40) -> dict[str, Film]:
    """Distinct films in the published folders, three quarters of them to train."""
    films: dict[str, Film] = {}
    for number in range(n):
        split = ("train", "train", "train", "train", "val", "test")[number // 2 % 6]
        label = "fractured" if number % 2 else "not fractured"
        films[f"{TOP}/{split}/{label}/{number}.jpg"] = partial(draw, number, bool(number % 2))
    return films


def leak(films: dict[str, Film]) -> dict[str, str]:
    """Put an exact and a turned copy of two training films into the test part; return original by copy."""
    exact = f"{TOP}/test/fractured/1 (1).jpg"
    turned = f"{TOP}/test/not fractured/2-rotated1.jpg"
    films[exact] = partial(draw, 1, True)
    films[turned] = partial(draw, 2, False, 37.0)
    return {
        exact: f"{TOP}/train/fractured/1.jpg",
        turned: f"{TOP}/train/not fractured/2.jpg",
    }


def write(
    films: dict[str, Film], folder: Path, params: FractureCohortParams = COHORT
) -> ArrayCache:
    write_cache(cache_films(films, params), str(folder))
    return read_cache(str(folder))


@pytest.fixture(scope="module")
def leaked(tmp_path_factory) -> tuple[ArrayCache, pd.DataFrame, pd.DataFrame, dict[str, str]]:
    """Arrays, cohort and copies of a set with two leaks."""
    films = make_set()
    copies = leak(films)
    arrays = write(films, tmp_path_factory.mktemp("leaked") / "arrays")
    cohort, pairs, _ = index_cohort(arrays, COHORT)
    return arrays, cohort, pairs, copies


def test_any_folder_of_split_and_class_is_read() -> None:
    film = partial(draw, 0, False)
    films = FilmFolder(
        {f"{TOP}/{TOP}/Train/Fracture/a.png": film, "test/Normal/b.jpg": film},
        {"test/Normal/desktop.ini": "a file of the operating system"},
    )
    plan = cache_films(films, COHORT)
    assert list(plan.films) == [f"{TOP}/{TOP}/Train/Fracture/a.png", "test/Normal/b.jpg"]
    assert plan.rejected == {"test/Normal/desktop.ini": "ignored: a file of the operating system"}
    left_out = COHORT.model_copy(update={"classes": {**COHORT.classes, "unsure": None}})
    plan = cache_films({**films, "val/unsure/c.png": film}, left_out)
    assert plan.rejected == {"val/unsure/c.png": "its folder 'unsure' is left out"}


@pytest.mark.parametrize("name", ["Non_fractured", "Not-Fractured", "NORMAL", "no_fracture"])
def test_a_class_folder_may_be_spelled_in_any_way(name: str) -> None:
    film = partial(draw, 0, False)
    classes = {
        "fractured": 1,
        "Non_Fractured": 0,
        "no-fracture": 0,
        "not fractured": 0,
        "normal": 0,
    }
    params = FractureCohortParams(**{**COHORT.model_dump(), "classes": classes})
    plan = cache_films({"train/Fractured/a.png": film, f"train/{name}/b.png": film}, params)
    assert len(plan.films) == 2


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["train/fractured/a.png", "train/healthy/b.png"], "'healthy' .* is no folder of the classes"),
        (["extra/fractured/a.png", "train/normal/b.png"], r"'extra' \(1 films\) is no folder of the splits"),
        (["train/fractured/a.png", "test/fractured/b.png"], "all 2 films are of one class; their folders"),
        (["a.png"], r"'' \(1 films\) is no folder of the splits"),
        ([], "there is no film"),
    ],
)  # fmt: skip
def test_folders_of_no_known_name_stop_the_run(names: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        cache_films(dict.fromkeys(names, partial(draw, 0, False)), COHORT)


def test_the_cohort_knows_label_split_and_whose_copy_a_film_is(leaked) -> None:
    _, cohort, pairs, copies = leaked
    Cohort.validate(cohort)
    rows = cohort.set_index("image_id")
    assert len(rows) == 42
    for copy, original in copies.items():
        assert rows.loc[copy, "duplicate_cluster"] == rows.loc[original, "duplicate_cluster"]
        assert rows.loc[copy, "target"] == rows.loc[original, "target"]
    assert cohort["duplicate_cluster"].nunique() == 40  # and no other two films are one
    exact, turned = copies
    assert rows.loc[exact, "digest"] == rows.loc[copies[exact], "digest"]
    assert rows.loc[turned, "digest"] != rows.loc[copies[turned], "digest"]
    assert rows.loc[turned, "named_family"] == rows.loc[copies[turned], "named_family"] == "whole 2"
    (pair,) = pairs.to_dict("records")
    assert {pair["image_id_a"], pair["image_id_b"]} == {turned, copies[turned]}
    angle = pair["angle_deg"]
    assert min(abs(angle - 37), abs(360 - angle - 37)) < 2
    assert not pair["mirrored"]


def test_the_audit_counts_every_file_once(leaked) -> None:
    cohort = leaked[1]
    truncated = f"{TOP}/test/fractured/x.jpg"
    rejected = pd.DataFrame(
        {"image_id": [truncated, "odd/place/y.jpg"], "reason": ["is truncated", "names no split"]}
    )
    audit, summary = audit_files(cohort, rejected, COHORT)
    assert audit["n"].sum() == len(cohort) + 1
    n = audit.set_index(["split", "label", "kind"])["n"]
    assert n["test", "fractured", "exact copy of a training film"] == 1
    assert n["test", "not fractured", "turned copy of a training film"] == 1
    assert n["test", "fractured", "unreadable"] == 1
    assert set(audit.loc[audit["split"] == "train", "kind"]) == {"unique"}
    values = summary.set_index("name")["value"]
    n_test = int((cohort["official_split"] == "test").sum())
    assert values["test films without any copy in training or validation"] == n_test - 2
    assert values["unique files"] == 41
    assert values["pairs of one family by file name that are found"] == 1
    assert values["pairs found that are one family by file name"] == 1
    assert values["files that lie in both classes"] == 0


def test_copies_are_shown_with_what_joins_them(leaked) -> None:
    arrays, cohort, pairs, _ = leaked
    texts = [
        text.get_text() for ax in plot_copies(arrays, cohort, pairs).axes for text in ax.texts
    ] + [ax.get_xlabel() for ax in plot_copies(arrays, cohort, pairs).axes]
    assert any("the same bytes" in text for text in texts)
    assert any("37°" in text for text in texts)


def test_published_keeps_the_folders_and_says_what_leaks(leaked) -> None:
    _, cohort, _, copies = leaked
    split, leakage = split_cohort(cohort, PUBLISHED)
    assert split["split"].tolist() == cohort["official_split"].tolist()
    assert {"same_bytes", "near_duplicate"} <= set(leakage["kind"])
    assert set(leakage["action"]) == {"reported"}
    rows = split.set_index("image_id")
    for copy, original in copies.items():  # intervals draw families all the same
        assert rows.loc[copy, "group_id"] == rows.loc[original, "group_id"]
        assert not rows.loc[copy, "unseen"]
    assert rows["unseen"].sum() == (cohort["official_split"] == "test").sum() - 2
    with pytest.raises(
        LeakError, match=r"'.*' \(test\) and '.*' \(train\).*Split by group, or set on_leak"
    ):
        split_cohort(cohort, PUBLISHED.model_copy(update={"split": OfficialSplit(on_leak="fail")}))
    with pytest.raises(ValueError, match="no film lies in a folder of the split 'val'"):
        split_cohort(cohort[cohort["official_split"] != "val"], PUBLISHED)


def test_honest_tests_each_film_once_apart_from_its_copies(leaked) -> None:
    _, cohort, _, copies = leaked
    split, leakage = split_cohort(cohort, HONEST)
    assert sorted(split["arm"].unique()) == ["fold_0", "fold_1"]
    tested = split[split["split"] == "test"]
    assert sorted(tested["image_id"]) == sorted(cohort["image_id"])
    for _, rows in split.groupby("arm"):
        assert len(rows.drop_duplicates(["group_id", "split"])) == rows["group_id"].nunique()
        assert set(rows["split"]) == {"train", "val", "test"}
        by_id = rows.set_index("image_id")["split"]
        assert all(by_id[copy] == by_id[original] for copy, original in copies.items())
    assert set(leakage["action"]) <= {"regrouped"}
    n_tested = tested.groupby(["arm", "target"])["group_id"].nunique()
    assert n_tested.max() - n_tested.min() <= 1  # each fold has its share of each class, by family
    single, _ = split_cohort(cohort, HONEST.model_copy(update={"split": GroupsSplit()}))
    assert len(single) == len(cohort)
    assert set(single["split"]) == {"train", "val", "test"}


def test_a_film_in_both_classes_is_in_no_honest_split(leaked, tmp_path: Path) -> None:
    films = make_set()
    twin = f"{TOP}/train/not fractured/1.jpg"
    films[twin] = films[f"{TOP}/train/fractured/1.jpg"]
    cohort, _, _ = index_cohort(write(films, tmp_path / "arrays"), COHORT)
    pair = cohort["image_id"].isin([twin, f"{TOP}/train/fractured/1.jpg"])
    assert pair.sum() == 2
    assert cohort.loc[pair, "conflict"].all()
    assert not cohort.loc[~pair, "conflict"].any()
    split, _ = split_cohort(cohort, HONEST)
    assert set(split.loc[split["conflict"], "split"]) == {""}


def test_a_table_gives_the_parts_of_the_honest_protocol(leaked) -> None:
    _, cohort, _, copies = leaked
    ids = cohort["image_id"]
    whole = {name: "test" for pair in copies.items() for name in pair}  # copies lie in one part
    parts = [whole.get(name, ["train", "train", "val"][k % 3]) for k, name in enumerate(ids)]
    # as an audit of the folder names them
    table = SplitTable("split.csv", tuple(ids.str.removeprefix(f"{TOP}/")), tuple(parts))
    split, leakage = split_cohort(cohort, HONEST, table)
    assert split["split"].tolist() == parts
    assert set(split["arm"]) == {"single"}
    assert split.loc[split["split"] == "test", "unseen"].all()
    assert leakage.empty
    published, _ = split_cohort(cohort, PUBLISHED, table)
    pd.testing.assert_frame_equal(published, split_cohort(cohort, PUBLISHED)[0])
    copy, original = next(iter(copies.items()))
    parts[ids.tolist().index(copy)] = "train"
    with pytest.raises(LeakError, match=f"{re.escape(original)}' \\(test\\)"):
        split_cohort(cohort, HONEST, SplitTable("split.csv", table.films, tuple(parts)))


def predict_by_baselines(
    arrays: ArrayCache, cohort: pd.DataFrame, params: ProtocolParams
) -> pd.DataFrame:
    split, _ = split_cohort(cohort, params)
    return pd.concat(predict_by_shortcut(arrays, split, params, KEPT, weight_of(params)))


def test_look_ups_shine_where_the_split_leaks(leaked) -> None:
    arrays, cohort, _, copies = leaked
    rows = predict_by_baselines(arrays, cohort, PUBLISHED)
    found = rows[rows["model"] == "md5_look_up"].set_index("image_id")
    exact, turned = copies
    assert found.loc[exact, "prediction"] == 1
    assert 0 < found.loc[turned, "prediction"] < 1  # another file: the share of fractured films
    assert rows["prediction"].between(0, 1).all()
    honest = predict_by_baselines(arrays, cohort, HONEST)
    look_up = honest[(honest["model"] == "md5_look_up") & (honest["split"] == "test")]
    assert len(look_up.drop_duplicates(["arm", "prediction"])) == 2  # all of a fold alike


class Kept(MemoryDataset):
    """A dataset that a test reads after the run, though another node has read it last."""

    def _release(self) -> None:
        pass


def run_protocol(films: dict[str, Film], protocols: dict[str, ProtocolParams], folder: Path):
    """Run the pipeline on an in-memory catalog, up to tables and figures."""
    catalog = DataCatalog(
        {
            "fracture_multi_region.films": MemoryDataset(films, copy_mode="assign"),
            "fracture.arrays": ArrayCacheDataset(path=str(folder / "arrays")),
            "split_table": SplitTableDataset(),
            "encoder_weights": EncoderWeightsDataset(path=str(folder / "none")),
            "params:fracture.cohort": MemoryDataset(COHORT),
            "params:fracture.training": MemoryDataset(TRAINING),
            "params:fracture.evaluation": MemoryDataset(
                ClassifierEvaluationParams(n_resamples=20, n_shown=1, n_checked=8)
            ),
            "params:fracture.release": MemoryDataset(ModelReleaseParams(familiarity=FEW)),
        }
    )
    for name, params in protocols.items():
        catalog[f"params:fracture.{name}"] = MemoryDataset(params)
        catalog[f"fracture.{name}.checkpoints"] = CheckpointsDataset(path=str(folder / name))
    pipeline = create_pipeline()
    for name in pipeline.all_outputs() - set(catalog.keys()):
        catalog[name] = Kept(copy_mode="assign")
    SequentialRunner().run(pipeline, catalog)
    return catalog


def test_both_protocols_run_from_films_to_figures(tmp_path: Path) -> None:
    films = make_set(48)
    leak(films)
    catalog = run_protocol(films, {"published": PUBLISHED, "honest": HONEST}, tmp_path)
    predictions = Predictions.validate(catalog["fracture.predictions"].load())
    metrics = Metrics.validate(catalog["fracture.metrics"].load())
    Rejected.validate(catalog["fracture.rejected"].load())
    assert set(predictions["model"]) == {
        "cnn", "robust", "md5_look_up", "hash_look_up", "border_only",
    }  # fmt: skip
    honest = predictions[(predictions["protocol"] == "honest") & (predictions["split"] == "test")]
    assert set(honest.groupby("model")["image_id"].nunique()) == {50}

    value = metrics.set_index(["protocol", "model", "split", "metric"])["value"]
    assert value["honest", "robust", "test", "auroc"] > 0.8  # the line is there to be seen
    assert {"auroc_by_group", "auroc_fold_mean", "ece", "auprc", "f1"} <= set(metrics["metric"])
    assert "test_unseen" in set(metrics.loc[metrics["protocol"] == "published", "split"])

    history = catalog["fracture.history"].load()
    assert {"train_accuracy", "val_accuracy", "train_loss", "val_loss"} <= set(history)
    models = catalog["fracture.honest.models"].load()
    assert set(models) == {"robust_fold_0", "robust_fold_1"}
    assert 0 <= models["robust_fold_0"].card["threshold"] <= 1
    assert models["robust_fold_0"].card["notice"] == "Research software. Not a medical device."
    checks = catalog["fracture.saliency_checks"].load().set_index("check")
    assert checks.loc["ssim_after_randomisation", "value"] < 0.95
    assert 0 <= checks.loc["share_on_border", "value"] <= 1

    check_released(catalog["fracture.bundle"].load(), predictions, models, films)
    comparison = catalog["fracture.comparison"].load()
    assert comparison["model"].tolist() == ["cnn", "robust_fold_0", "robust_fold_1"]
    probes = catalog["fracture.probes"].load()
    assert len(probes) == 2 * 3


def check_released(
    states: dict[str, ModelState],
    predictions: pd.DataFrame,
    models: dict[str, ModelState],
    films: dict[str, Film],
) -> None:
    """Check that the bundle says of films what the networks of all folds have said of them, on average."""
    predictor = open_predictor(states, RELEASE)
    assert predictor.bundle.card["notice"] == "Research software. Not a medical device."
    assert list(predictor.bundle.members) == list(models)
    rows = predictions[(predictions["protocol"] == "honest") & (predictions["model"] == "robust")]
    said = rows.groupby("image_id")["prediction"].agg(["mean", "size", np.ptp])
    said = said[said["size"] == 2].iloc[
        :4
    ]  # in the test part of one fold, the validation part of the other
    assert len(said) == 4
    found = read_films(predictor, {name: films[name] for name in said.index})
    outputs = pd.DataFrame([each.outputs for each in found.values()])
    assert outputs["probability"].tolist() == pytest.approx(said["mean"].tolist(), abs=1e-5)
    assert outputs["spread"].tolist() == pytest.approx((said["ptp"] / 2).tolist(), abs=1e-5)
    threshold = np.mean([state.card["threshold"] for state in models.values()])
    assert outputs["threshold"].tolist() == pytest.approx([threshold] * 4)
    above = outputs["probability"] >= threshold
    assert outputs["finding"].tolist() == [CLASS_NAMES[int(each)] for each in above]
    assert list(outputs) == [column.name for column in predictor.reader.columns]

    new = {"a.png": partial(draw, 900, True), "b.png": partial(draw, 901, False)}
    loaded = [load_film(name, film, predictor.intake) for name, film in new.items()]
    maps = predictor.reader.heat(loaded, [("", "unknown")] * 2)
    assert maps.shape == (2, SIZE, SIZE)
    assert 0 <= maps.min() < maps.max() <= 1


def test_a_network_that_says_what_its_probe_says_has_shown_nothing(leaked) -> None:
    arrays, cohort, _, _ = leaked
    rows = predict_by_baselines(arrays, cohort, HONEST)
    copied = rows[rows["model"] == "border_only"].assign(model="network")
    table = combine_tables({"honest": pd.concat([rows, copied])})
    params = ClassifierEvaluationParams(n_resamples=50)
    probes = compare_with_probes(table, params, PROBES).set_index("probe")
    assert probes.loc["border_only", "difference"] == 0
    assert probes.loc["border_only", "equals_probe"]
    metrics = evaluate(table, ClassifierEvaluationParams(n_resamples=10))
    assert set(metrics["protocol"]) == {"honest"}


def test_a_released_network_is_named_and_knows_its_preprocessing(leaked) -> None:
    arrays, cohort, _, _ = leaked
    card = {"preprocess": {**arrays.preprocess, "equalise": "histogram"}}
    models = {"robust_fold_0": ModelState({**card, "name": "robust", "arm": "fold_0"})}
    with pytest.raises(ValueError, match=r"release.model 'best' is none of the trained robust"):
        pack_bundle(arrays, cohort, models, ModelReleaseParams(model="best"))
    with pytest.raises(ValueError, match=r"was trained on films prepared with .*'histogram'"):
        pack_bundle(arrays, cohort, models, ModelReleaseParams())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"split": {"kind": "official", "on_leak": "regroup"}}, "should be 'report' or 'fail'"),
        ({"split": {"kind": "official", "n_folds": 3}}, "unknown key 'n_folds'; valid keys: kind, on_leak"),
        ({"split": {"kind": "sites"}}, "'official', 'groups'"),
        ({"models": {"border_only": MODEL}}, "'border_only' is a baseline"),
        (
            {"split": {"kind": "groups", "val_fraction": 0.5, "test_fraction": 0.5}},
            "must be under 1, got 0.5 \\+ 0.5",
        ),
        ({"split": {"kind": "groups", "n_folds": 1}}, "n_folds must be 0, or 2 and more"),
    ],
)  # fmt: skip
def test_bad_protocols_are_refused(change: dict, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ProtocolParams(**{"split": {"kind": "official"}, "models": {"cnn": MODEL}} | change)


def test_a_protocol_is_a_tag_and_the_bundle_is_of_the_honest_one() -> None:
    published = create_pipeline().only_nodes_with_tags("published").nodes
    names = {node.name for node in published}
    assert {"fracture.published.train", "fracture.index_cohort", "fracture.evaluate"} <= names
    assert not any(".honest." in name for name in names)
    assert "fracture.pack_bundle" not in names
    honest = create_pipeline().only_nodes_with_tags("honest").nodes
    assert "fracture.pack_bundle" in {node.name for node in honest}


def test_the_gate_finds_the_copies_planted_among_phantoms(tmp_path: Path) -> None:
    from xraylab.datasets import RadiographFolderDataset
    from xraylab.phantoms.fracture_multi_region import (
        FractureMultiRegionPhantomParams,
        write_fracture_multi_region_phantom,
    )

    folder = tmp_path / "fracture_multi_region"
    folder.mkdir()
    write_fracture_multi_region_phantom(
        folder, FractureMultiRegionPhantomParams(n_films=80, size_px=96)
    )
    films = RadiographFolderDataset(path=str(folder), folders=["*/*/*"], id="path").load()
    params = COHORT.model_copy(update={"preprocess": PreprocessParams(size_px=96, equalise="none")})
    cohort, _, rejected = index_cohort(write(films, tmp_path / "arrays", params), params)
    truth = pd.read_csv(folder / "truth.csv").set_index("file")
    unread = rejected[~rejected["reason"].str.startswith("ignored: ")]
    assert unread["image_id"].tolist() == truth.index[truth["planted"] == "truncated"].tolist()
    assert set(rejected["image_id"]) - set(unread["image_id"]) <= {
        str(path.relative_to(folder)) for path in folder.rglob("desktop.ini")
    }
    known = truth[["family", "planted"]].assign(source_of=truth["source"])
    rows = cohort.set_index("image_id").join(known)
    # no two distinct films are one
    assert (
        len(rows.drop_duplicates(["duplicate_cluster", "family"]))
        == rows["duplicate_cluster"].nunique()
    )
    clusters = rows["duplicate_cluster"].to_dict()
    copies = rows[rows["source_of"].isin(clusters)]
    found = copies["duplicate_cluster"] == copies["source_of"].map(clusters)
    by_kind = found.groupby(copies["planted"]).mean()
    assert by_kind["exact"] == by_kind["label_conflict"] == 1
    assert by_kind["rotated"] >= 0.95
    assert found.mean() >= 0.95
    assert cohort.loc[cohort["conflict"], "image_id"].nunique() == 2


@pytest.mark.real_films
def test_the_real_set_is_leaked_and_the_gate_finds_it(real_data: Path, tmp_path: Path) -> None:
    from xraylab.datasets import RadiographFolderDataset

    films = RadiographFolderDataset(
        path=str(real_data / "fracture_multi_region"), folders=["*/*", "*/*/*"], id="path"
    ).load()
    arrays = write(films, tmp_path / "arrays", COHORT.model_copy(
        update={"preprocess": PreprocessParams(size_px=224, equalise="none")}
    ))  # fmt: skip
    cohort, _, rejected = index_cohort(arrays, COHORT)
    unread = rejected[~rejected["reason"].str.startswith("ignored: ")]
    assert len(cohort) + len(unread) == len(films)
    truncated = rejected["reason"].str.contains("truncated")
    assert truncated.sum() == 6
    values = audit_files(cohort, rejected, COHORT)[1].set_index("name")["value"]
    assert values["test films with an exact copy in training"] == 62
    assert values["test films without any copy in training or validation"] == 0
    assert values["pairs of one family by file name that are found"] > 0.99
    assert values["pairs found that are one family by file name"] > 0.99
    split, _ = split_cohort(cohort, HONEST)
    for _, rows in split.groupby("arm"):
        used = rows[rows["split"] != ""]
        assert len(used.drop_duplicates(["source", "split"])) == used["source"].nunique()
