from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from kedro_datasets.pandas import CSVDataset
from tests.pipelines.released import FEW, open_predictor, read_films

from xraylab.datasets import (
    ArrayCacheDataset,
    CheckpointsDataset,
    EncoderWeightsDataset,
    SplitTableDataset,
)
from xraylab.evaluation.decoding import mask_threshold
from xraylab.evaluation.leakage import LeakError
from xraylab.evaluation.regression import tabulate_folds
from xraylab.evaluation.tables import Cohort, Metrics, Predictions, Rejected
from xraylab.features.lesions import measure_lesions
from xraylab.flow.compare import combine_tables
from xraylab.flow.params import EvaluationParams, ReleaseParams
from xraylab.flow.release import draw_mask, stack_films
from xraylab.flow.split import GroupsSplit
from xraylab.imaging.array_cache import ArrayCache, read_cache, write_cache
from xraylab.imaging.preprocess import PreprocessParams
from xraylab.models.networks import (
    NetworkParams,
    build_network,
    describe_network,
    restore_network,
)
from xraylab.pipelines.lesion_regression.boxes import draw_boxes
from xraylab.pipelines.lesion_regression.cohort import cache_films, index_cohort, read_tables
from xraylab.pipelines.lesion_regression.evaluation import (
    add_network,
    evaluate,
    join_trainings,
    plot_overlays,
)
from xraylab.pipelines.lesion_regression.params import (
    CLINICAL_FEATURES,
    LesionCohortParams,
    ProtocolParams,
    SegmentationParams,
    TableParams,
)
from xraylab.pipelines.lesion_regression.pipeline import (
    FIGURES,
    PROTOCOLS,
    create_pipeline,
)
from xraylab.pipelines.lesion_regression.release import RELEASE, pack_bundle
from xraylab.pipelines.lesion_regression.task import measure_films, split_cohort, train
from xraylab.prediction.intake import load_film
from xraylab.records.split_table import SplitTable
from xraylab.tabular.kinds import restore_tabular_model
from xraylab.tabular.tree_params import KINDS
from xraylab.tabular.tuning import TuningParams
from xraylab.training.fit import TrainingData
from xraylab.training.params import Recipe, TrainingParams
from xraylab.training.predict import predict_probabilities

SIZE = 16
COHORT = LesionCohortParams(
    box_frame_px=(32, 32), preprocess=PreprocessParams(size_px=SIZE, equalise="none")
)
SEGMENTATION = SegmentationParams(
    network=NetworkParams(widths=(4, 8)),
    recipe=Recipe(loss="dice_bce", learning_rate=2e-2, batch_size=4),
    split=GroupsSplit(n_folds=3, val_fraction=0.25),
    seed=2,
)
TRAINING = TrainingParams(max_epochs=12, precision="32", accelerator="cpu", progress=False)
TWO = {"low": 5, "high": 10, "step": 5}
TUNING = TuningParams(
    n_trials=2,
    progress=False,
    xgboost={"n_estimators": TWO, "max_depth": {"low": 2, "high": 3}},
    lightgbm={"n_estimators": TWO, "min_child_samples": {"low": 3, "high": 5}},
    random_forest={"n_estimators": TWO},
)
PUBLISHED = ProtocolParams(
    rows="patients", target="predicted_ratio", folds="rows", tuning="reported", on_leak="report",
    features=("age", "sex", "num_lesions", "mean_area", "mean_centroid_distance"), n_folds=3,
)  # fmt: skip
HONEST = ProtocolParams(
    rows="films", target="true_ratio", folds="groups", tuning="nested", n_inner_folds=2
)
BOX_HEAD = "Image Index,Finding Label,Bbox [x,y,w,h],,,"


def draw(number: int) -> tuple[np.ndarray, np.ndarray]:
    """A dark film with one bright square lesion, and its mask; both of whole pixels of the network's grid."""
    rng = np.random.default_rng(number)
    film = (0.2 * rng.random((32, 32))).astype(np.float32)
    edge = 2 * int(rng.integers(3, 7))
    top, left = (2 * int(rng.integers(0, (32 - edge) // 2 + 1)) for _ in range(2))
    mask = np.zeros((32, 32), np.float32)
    mask[top : top + edge, left : left + edge] = 1
    return np.clip(film + 0.7 * mask, 0, 1), mask


def make_set(n_box: int = 12, n_mask: int = 18) -> dict[str, dict]:
    """Films, masks and tables as the catalog gives them."""
    box_films, mask_films, masks, lungs = {}, {}, {}, {}
    entries, boxes = [], []
    for number in range(n_box + n_mask):
        film, mask = draw(number)
        if number < n_box:
            image_id = f"{number // 2:08}_{number % 2:03}"
            rows, columns = np.nonzero(mask)
            edge = int(np.sqrt(mask.sum()))
            boxes.append(
                [f"{image_id}.png", "Pneumonia", columns[0], rows[0], edge, edge, "", "", ""]
            )
            entries.append(
                [
                    f"{image_id}.png",
                    number // 2,
                    40 + number // 2,
                    "FM"[number % 4 // 2],
                    "PA",
                    number % 2,
                ]
            )
            box_films[image_id] = partial(np.copy, film)
        else:
            image_id = f"film_{number:02}"
            mask_films[image_id] = partial(np.copy, film)
            masks[f"{image_id}_mask"] = partial(np.copy, mask)
            lungs[image_id] = partial(np.ones, (32, 32), np.float32)
    head = [
        "Image Index",
        "Patient ID",
        "Patient Age",
        "Patient Gender",
        "View Position",
        "Follow-up #",
    ]
    table = pd.DataFrame(entries, columns=head)
    listed = pd.DataFrame(boxes, columns=BOX_HEAD.split(","))
    tables = {
        "nih_chest_xray14/Data_Entry_2017": table.copy,
        "nih_chest_xray14/BBox_List_2017": listed.copy,
        "rsna_bone_age/boneage-training-dataset": pd.DataFrame,
    }
    return {"tables": tables, "box": box_films, "mask": mask_films, "masks": masks, "lungs": lungs}


@pytest.fixture
def data() -> dict[str, dict]:
    return make_set()


@pytest.fixture
def arrays(data: dict, tmp_path: Path) -> ArrayCache:
    _, boxes = read_tables(data["tables"], COHORT)
    plan = cache_films(data["box"], data["mask"], data["masks"], boxes, COHORT)
    write_cache(plan, str(tmp_path / "arrays"))
    return read_cache(str(tmp_path / "arrays"))


@pytest.fixture
def cohort(arrays: ArrayCache, data: dict) -> pd.DataFrame:
    entries, boxes = read_tables(data["tables"], COHORT)
    return index_cohort(arrays, boxes, entries, COHORT)[0]


def test_boxes_are_read_from_the_published_head(tmp_path: Path) -> None:
    rows = [
        "a.png,Pneumonia,10.5,20,30,40",  # as NIH writes a row
        "a.png,Pneumonia,1,2,3,4,,,",  # as a row under the whole head
        "b.png,Effusion,1,2,3,4,,,",
    ]
    path = tmp_path / "boxes.csv"
    path.write_text("\n".join([BOX_HEAD, *rows]) + "\n")
    tables = {"nih_chest_xray14/BBox_List_2017": partial(pd.read_csv, path)}
    entries, boxes = read_tables(tables, COHORT)
    assert entries.empty
    assert boxes["image_id"].tolist() == ["a", "a"]
    assert boxes[["left", "top", "width", "height"]].to_numpy().tolist() == [
        [10.5, 20, 30, 40],
        [1, 2, 3, 4],
    ]
    both = LesionCohortParams(labels=("Effusion", "Pneumonia"))
    assert len(read_tables(tables, both)[1]) == 3

    with pytest.raises(ValueError, match=r"no list of boxes BBox_List_2017.* tables there: none"):
        read_tables({}, COHORT)
    path.write_text(f"{BOX_HEAD}\na.png,Pneumonia,1,2,0,4\n")
    with pytest.raises(
        ValueError, match=r"box of 'a' must be numbers with a width .* got \[1.0, 2.0, 0.0, 4.0\]"
    ):
        read_tables(tables, COHORT)
    path.write_text("Image Index,Finding Label,x,y,w,h\n")
    with pytest.raises(ValueError, match=r"lacks the column 'Bbox \[x'"):
        read_tables(tables, COHORT)


def test_clinical_tables_are_read_with_their_oddities() -> None:
    table = pd.DataFrame(
        {
            "Image Index": ["a.png", "b.png", "c.png"], "Patient ID": [7, None, 9.0], "Patient Age": ["058Y", 411, 30],
            "Patient Gender": ["F", "M", "O"], "View Position": ["PA", "AP", "LL"], "Follow-up #": [0, 1, 2],
        }
    )  # fmt: skip
    tables = dict(make_set()["tables"]) | {"covid_lesions/Data_Entry": table.copy}
    entries, _ = read_tables(tables, COHORT)
    own = entries[entries["data_set"] == "covid_lesions"].set_index("image_id")
    assert own["patient_id"].tolist() == ["7", "b", "9"]
    assert own["age"].fillna(-1).tolist() == [58, -1, 30]
    assert own["sex"].fillna(-1).tolist() == [1, 0, -1]
    assert own["view"].fillna(-1).tolist() == [0, 1, -1]
    tables["covid_lesions/Data_Entry"] = pd.concat([table, table]).copy
    with pytest.raises(ValueError, match="lists 'a' more than once"):
        read_tables(tables, COHORT)


def test_boxes_of_a_size_that_is_not_known_are_refused() -> None:
    films = {"a": partial(np.zeros, (160, 160), np.float32)}
    box = {"image_id": "a", "left": 40.0, "top": 60.0, "width": 48.0, "height": 40.0}
    boxes = pd.DataFrame([{**box, "frame_width": 2500.0, "frame_height": 2500.0}])
    # all boxes lie in the corner of a film of 1024 px: they were drawn on smaller ones
    (found,) = draw_boxes(boxes, films, None)
    assert found[0] == "a"
    assert "reach no further than 88 x 100 px" in found[1]
    assert "lesion_regression.cohort.box_frame_px" in found[1]
    ((_, mask),) = draw_boxes(boxes, films, (256, 256))
    assert mask().mean() == pytest.approx(48 * 40 / 256**2, rel=0.05)


def test_films_are_joined_by_image_and_the_rest_is_named(data: dict, tmp_path: Path) -> None:
    entries, boxes = read_tables(data["tables"], COHORT)
    data["mask"]["bare"] = partial(np.zeros, (32, 32), np.float32)
    data["masks"]["ghost"] = partial(np.zeros, (32, 32), np.float32)
    data["box"]["no_box"] = partial(np.zeros, (32, 32), np.float32)
    missing = boxes.iloc[:1].assign(image_id="not_there")
    plan = cache_films(
        data["box"], data["mask"], data["masks"], pd.concat([boxes, missing]), COHORT
    )
    assert plan.rejected == {
        "bare": "has no lesion mask", "no_box": "ignored: has no box labelled Pneumonia",
    }  # fmt: skip
    assert plan.unpaired == {
        "ghost": "is a lesion mask without a film", "not_there": "has a box and no film",
    }  # fmt: skip
    write_cache(plan, str(tmp_path / "arrays"))
    cohort, rejected = index_cohort(read_cache(str(tmp_path / "arrays")), boxes, entries, COHORT)
    Cohort.validate(cohort)
    Rejected.validate(rejected)
    assert len(cohort) == 30  # one row a film, whatever the patient's other films
    assert cohort["annotation"].value_counts().to_dict() == {"mask": 18, "box": 12}
    own = cohort.set_index("image_id")
    assert own.loc["00000003_001", ["group_id", "age", "follow_up"]].tolist() == [
        "nih_chest_xray14/3",
        43,
        1,
    ]
    assert own.loc["film_20", "group_id"] == "covid_lesions/film_20"
    assert own.loc["film_20", ["age", "sex", "view"]].isna().all()
    for number, image_id in ((3, "00000001_001"), (20, "film_20")):
        assert own.loc[image_id, "target"] == pytest.approx(draw(number)[1].mean())

    with pytest.raises(ValueError, match="image id 'film_20' is in nih_chest_xray14 and in covid"):
        cache_films(
            {**data["box"], "film_20": plan.films["film_20"]},
            data["mask"],
            data["masks"],
            boxes,
            COHORT,
        )
    with pytest.raises(
        ValueError, match="none of 1 films has a box labelled Pneumonia or a lesion"
    ):
        cache_films({}, {"bare": data["mask"]["bare"]}, {}, boxes, COHORT)


def test_folds_keep_patients_and_copies_whole(cohort: pd.DataFrame) -> None:
    split, leaks = split_cohort(cohort, SEGMENTATION)
    folds = split[split["split"] == "test"]
    assert sorted(folds["image_id"]) == sorted(cohort["image_id"])
    assert len(folds[["group_id", "fold"]].drop_duplicates()) == folds["group_id"].nunique()
    assert set(folds["fold"]) == {0, 1, 2}
    assert leaks.empty
    fold = folds.set_index("image_id")["fold"]
    other = fold[fold != fold["film_20"]].index[-1]
    copied = cohort.assign(
        digest=cohort["digest"].where(
            cohort["image_id"] != other, cohort.set_index("image_id").loc["film_20", "digest"]
        )
    )
    again, leaks = split_cohort(copied, SEGMENTATION)
    assert "same_pixels" in set(leaks["kind"])
    pair = again[again["image_id"].isin(["film_20", other])]
    assert pair.groupby("arm")["split"].nunique().eq(1).all()
    assert len(set(pair["group_id"])) == 1
    with pytest.raises(LeakError, match="both sides"):
        split_cohort(
            copied,
            SEGMENTATION.model_copy(update={"split": GroupsSplit(n_folds=3, on_leak="fail")}),
        )


def test_a_table_gives_the_test_films_and_the_others_have_folds(
    cohort: pd.DataFrame, arrays: ArrayCache
) -> None:
    part_of = {
        group: ["train", "test", "train", "val"][k % 4]
        for k, group in enumerate(sorted(cohort["group_id"].unique()))
    }
    parts = cohort["group_id"].map(part_of)
    table = SplitTable("split.csv", tuple(cohort["image_id"]), tuple(parts))
    split, _ = split_cohort(cohort, SEGMENTATION, table)
    assert split["arm"].unique().tolist() == ["single", "fold_0", "fold_1", "fold_2"]
    assert split.loc[split["arm"] == "single", "split"].tolist() == parts.tolist()
    tested = split[split["split"] == "test"]
    # every film is predicted once, by a network that has not seen its patient
    assert sorted(tested["image_id"]) == sorted(cohort["image_id"])
    truth = {
        image_id: partial(np.asarray, arrays.masks[arrays.row_of(image_id)], np.float32)
        for image_id in cohort["image_id"]
    }
    films = measure_films(truth, {}, arrays, split, COHORT)
    expected = films["image_id"].map(dict(zip(cohort["image_id"], parts, strict=True)))
    assert films["split"].tolist() == expected.tolist()
    assert ((films["fold"] == -1) == (films["split"] == "test")).all()


def test_films_with_pixel_masks_are_shown_more_often(
    arrays: ArrayCache, cohort: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = {}

    def look(_network: object, data: TrainingData, *_: object, **__: object):
        shown.update(train=data.train.rows.tolist(), val=data.val.rows.tolist())
        raise InterruptedError

    monkeypatch.setattr("xraylab.training.fit.fit", look)
    params = SEGMENTATION.model_copy(update={"mask_draws": 3})
    folds, _ = split_cohort(cohort, params)
    with pytest.raises(InterruptedError):
        train(arrays, folds, {}, tmp_path, TRAINING, params)
    masked = set(arrays.rows_of(cohort.loc[cohort["annotation"] == "mask", "image_id"]))
    times = {row: shown["train"].count(row) for row in shown["train"]}
    assert {row for row, n in times.items() if n == 3} == masked & set(times)
    assert set(times.values()) == {1, 3}
    assert len(shown["val"]) == len(set(shown["val"]))
    assert not set(shown["val"]) & set(times)


def test_films_are_measured_inside_the_lungs_and_against_their_annotation(
    cohort: pd.DataFrame, arrays: ArrayCache
) -> None:
    folds, _ = split_cohort(cohort, SEGMENTATION)
    truth = {
        image_id: partial(np.asarray, arrays.masks[arrays.row_of(image_id)], np.float32)
        for image_id in folds["image_id"]
    }
    half = np.zeros((32, 32), np.float32)
    half[:, :16] = 1
    lungs = {"film_20_mask": half.copy}
    films = measure_films(truth, lungs, arrays, folds, COHORT).set_index("image_id")
    assert len(films) == len(cohort) > 0
    assert (films["dice"] == 1).all()
    whole = films.drop("film_20")
    np.testing.assert_allclose(whole["lesion_ratio"], whole["target"])
    assert films["in_lungs"].sum() == 1
    expected = arrays.masks[arrays.row_of("film_20")][:, :8].sum() / SIZE**2
    assert films.loc["film_20", "lesion_ratio"] == pytest.approx(expected)
    outside = COHORT.model_copy(update={"inside_lungs": False})
    films = measure_films(truth, lungs, arrays, folds, outside).set_index("image_id")
    assert films.loc["film_20", "lesion_ratio"] == pytest.approx(films.loc["film_20", "target"])


def make_predictions() -> tuple[pd.DataFrame, pd.DataFrame]:
    n = 12
    target = np.linspace(0, 1, n)
    films = pd.DataFrame(
        {
            "image_id": [f"f{i}" for i in range(n)], "group_id": [f"g{i}" for i in range(n)], "data_set": "set",
            "annotation": ["box", "mask"] * 6, "split": "test", "fold": np.arange(n) % 3, "target": target,
            "lesion_ratio": target / 2, "dice": [0.1, 0.7] * 6, "iou": [0.05, 0.6] * 6, "false_area": np.nan,
            "empty_agreement": np.nan,
        }
    )  # fmt: skip
    rows = films.drop(columns=["lesion_ratio", "dice", "iou", "false_area", "empty_agreement"])
    tables = [
        rows.assign(model="random_forest", prediction=target + 0.1 * (-1) ** np.arange(n)),
        rows.assign(model="predicted_ratio", prediction=target + 0.2 * (-1) ** np.arange(n)),
        rows.assign(model="mean", prediction=target.mean()),
    ]
    return films, pd.concat(tables, ignore_index=True)


def test_of_a_table_the_test_films_of_the_network_count_alone() -> None:
    films, rows = make_predictions()
    part = np.array(["train", "val", "test"])[np.arange(len(films)) % 3]
    predictions = add_network(combine_tables({"honest": rows}), films.assign(split=part))
    network = predictions[predictions["model"] == "network"]
    assert network["image_id"].tolist() == films["image_id"][2::3].tolist()
    assert network["prediction"].tolist() == films["lesion_ratio"][2::3].tolist()


def test_metrics_by_hand() -> None:
    films, rows = make_predictions()
    predictions = add_network(combine_tables({"honest": rows}), films)
    Predictions.validate(predictions)
    history = pd.DataFrame(
        {
            "model": ["fold_0"] * 2 + ["fold_1"],
            "val_loss": [0.5, 0.3, 0.7],
            "val_dice": [0.2, 0.6, 0.4],
        }
    )
    metrics = evaluate(predictions, history, EvaluationParams(n_resamples=50))
    Metrics.validate(metrics)
    found = metrics.set_index(["model", "metric"])["value"]
    spread = np.var(np.linspace(0, 1, 12))
    assert found["random_forest", "r2"] == pytest.approx(1 - 0.01 / spread)
    assert found["random_forest", "r2_gain"] == pytest.approx(0.03 / spread)
    assert ("predicted_ratio", "r2_gain") not in found.index
    assert found["network", "dice"] == pytest.approx(0.7)
    assert found["network", "dice_box"] == pytest.approx(0.1)
    assert found["network", "val_loss"] == pytest.approx(0.5)  # the mean of 0.3 and 0.7
    assert found["network", "val_dice"] == pytest.approx(0.5)
    only = np.linspace(0, 1, 12)[1::2]
    assert found["random_forest", "r2_mask"] == pytest.approx(1 - 0.01 / np.var(only))
    folds = tabulate_folds(predictions).set_index(["model", "fold"])
    assert folds.loc[("random_forest", 0), "mse"] == pytest.approx(0.01)
    assert folds.loc[("random_forest", 0), "n"] == 4
    assert folds.loc[("mean", 1), "rmse"] == pytest.approx(
        np.sqrt(np.mean((np.linspace(0, 1, 12)[1::3] - 0.5) ** 2))
    )


def test_a_regression_says_what_its_network_and_its_searches_lacked() -> None:
    clock = "stopped by the clock"
    network = pd.DataFrame(
        {
            "protocol": "segmentation", "model": ["network_fold_0", "network_fold_1"], "name": "network",
            "arm": ["fold_0", "fold_1"], "fold": [0, 1], "stopped_by": ["minutes", "epochs"], "cut_short": [clock, ""],
        }
    )  # fmt: skip
    searches = pd.DataFrame(
        {
            "protocol": "honest", "model": ["xgboost", "xgboost", "lightgbm"], "fold": [0, 1, 0],
            "stopped_by": ["trials", "minutes", "trials"], "cut_short": ["", clock, ""],
        }
    )  # fmt: skip
    found = join_trainings(network, searches).set_index("model")
    assert found["protocol"].tolist() == ["honest"] * 4
    assert found["cut_short"].to_dict() == {
        "network_fold_0": clock, "network_fold_1": "", "xgboost": f"network {clock}; search {clock}",
        "lightgbm": f"network {clock}",
    }  # fmt: skip
    assert found.loc["xgboost", "stopped_by"] == "trials, minutes"
    # an empty text is missing in a table that was read from a file
    read = [
        each.assign(cut_short=each["cut_short"].replace("", np.nan)) for each in (network, searches)
    ]
    again = join_trainings(*read).set_index("model")["cut_short"].fillna("")
    assert again.to_dict() == found["cut_short"].to_dict()
    nothing = network.iloc[:0]
    assert join_trainings(nothing, searches.iloc[:0]).empty


def test_a_film_is_shown_once(arrays: ArrayCache, cohort: pd.DataFrame) -> None:
    films = cohort.assign(dice=np.linspace(0, 1, len(cohort)))
    masks = {name: partial(np.ones, (SIZE, SIZE), np.float32) for name in films["image_id"]}
    few = pd.concat(
        [films[films["annotation"] == "box"].head(2), films[films["annotation"] == "mask"]]
    )
    figure = plot_overlays(arrays, masks, few)
    titles = [ax.get_title(loc="left").split("\n")[0] for ax in figure.axes if ax.get_visible()]
    assert len(titles) == len(set(titles)) == 2 + 4


def test_released_networks_agree_on_average(arrays: ArrayCache, cohort: pd.DataFrame) -> None:
    split, _ = split_cohort(cohort, SEGMENTATION)
    card = {
        "network": SEGMENTATION.network.model_dump(mode="json"), "views": 2,
        "preprocess": COHORT.preprocess.model_dump(mode="json"), "name": "network",
    }  # fmt: skip
    models = {
        f"network_fold_{seed}": describe_network(
            build_network(SEGMENTATION.network, seed), {**card, "arm": f"fold_{seed}"}
        )
        for seed in range(3)
    }
    params = ReleaseParams(familiarity=FEW)
    predictor = open_predictor(
        pack_bundle(arrays, split, models, {}, SEGMENTATION, params), RELEASE
    )
    films = {
        "own": partial(lambda: draw(20)[0]),
        "large": partial(np.ones, (40, 60), np.float32),
    }
    found = read_films(predictor, films)
    loaded = [load_film(name, film, predictor.intake) for name, film in films.items()]
    by_hand = np.median(
        [
            predict_probabilities(restore_network(state), stack_films(loaded), views=2)
            for state in models.values()
        ],
        axis=0,
    ).astype(np.float32)
    maps = predictor.reader.heat(loaded, [("", "unknown")] * 2)
    np.testing.assert_allclose(maps, by_hand, atol=1e-6)
    for (name, film), seen in zip(films.items(), by_hand, strict=True):
        level = mask_threshold(seen, SEGMENTATION.threshold)
        drawn = found[name].mask
        assert drawn is not None
        assert drawn.shape == film().shape  # the film's own size
        np.testing.assert_array_equal(drawn, draw_mask(seen, film().shape, level))
        # and measured on the networks' grid
        expected = measure_lesions(np.asarray(seen >= level, np.uint8))
        for measured in ("lesion_ratio", "num_lesions", "left_share"):
            assert found[name].outputs[measured] == pytest.approx(expected[measured], nan_ok=True)
        assert found[name].doubts == ()

    other = {**card, "preprocess": {**card["preprocess"], "equalise": "histogram"}}
    first = models["network_fold_0"]
    changed = {"a": replace(first, card={**first.card, **other})}
    with pytest.raises(
        ValueError, match=r"'network' was trained on films prepared with .*histogram"
    ):
        pack_bundle(arrays, split, changed, {}, SEGMENTATION, params)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict:
    folder = tmp_path_factory.mktemp("slice")
    data = make_set()
    table = pd.DataFrame(
        {"PatientAge": range(20), "SexEncoded": [0, 1] * 10, "NumLesions": np.arange(20) // 2 + 1, "MeanArea": 9.5,
         "MeanCentroidDist": 400.0}
    )  # fmt: skip
    table["LesionRatio"] = table["NumLesions"] * table["MeanArea"] / 1024**2
    params = {
        "cohort": COHORT, "training": TRAINING, "segmentation": SEGMENTATION, "tuning": TUNING, "published": PUBLISHED,
        "honest": HONEST, "release": ReleaseParams(familiarity=FEW), "evaluation": EvaluationParams(n_resamples=20),
        "seed_table": TableParams(n_folds=3, xgboost={"n_estimators": 5}, lightgbm={"n_estimators": 5}),
    }  # fmt: skip
    catalog = DataCatalog(
        {
            "lesion_tables": MemoryDataset(data["tables"], copy_mode="assign"),
            "nih_chest_xray14.films": MemoryDataset(data["box"], copy_mode="assign"),
            "covid_lesions.films": MemoryDataset(data["mask"], copy_mode="assign"),
            "covid_lesions.lesion_masks": MemoryDataset(data["masks"], copy_mode="assign"),
            "covid_lesions.lung_masks": MemoryDataset(data["lungs"], copy_mode="assign"),
            "seed_lesion_results.features_and_target": MemoryDataset(table),
            "split_table": SplitTableDataset(),
            "lesion_regression.arrays": ArrayCacheDataset(path=str(folder / "arrays")),
            "lesion_regression.segmentation.masks": MemoryDataset(copy_mode="assign"),
            "lesion_regression.segmentation.checkpoints": CheckpointsDataset(path=str(folder / "work")),
            **{
                f"lesion_regression.{name}.studies": CheckpointsDataset(path=str(folder / name))
                for name in ("published", "honest")
            },
            "lesion_regression.segmentation.films": CSVDataset(
                filepath=str(folder / "films.csv"), save_args={"index": False}, load_args={"dtype": {"patient_id": str}}
            ),
            **{
                f"lesion_regression.{name}": CSVDataset(filepath=str(folder / f"{name}.csv"))
                for name in ("metrics", "best_hyperparams")
            },
            "encoder_weights": EncoderWeightsDataset(path=str(folder / "weights")),
            **{f"params:lesion_regression.{name}": MemoryDataset(value) for name, value in params.items()},
        }
    )  # fmt: skip
    run = SequentialRunner().run(create_pipeline(), catalog)
    found = {
        name.removeprefix("lesion_regression."): dataset.load() for name, dataset in run.items()
    }
    return {
        **found,
        "films": pd.read_csv(folder / "films.csv"),
        **{name: pd.read_csv(folder / f"{name}.csv") for name in ("metrics", "best_hyperparams")},
    }


def test_slice_runs_on_an_in_memory_catalog(outputs: dict) -> None:
    assert {"best_hyperparams", "bundle"} <= set(outputs)
    assert tuple(outputs["summary"].figures) == FIGURES
    assert set(outputs["summary"].tables) == {
        "trainings", "rejected", "leakage", "cohort", "cv_metrics", "export_check",
    }  # fmt: skip
    check = outputs["summary"].tables["export_check"]
    assert check["protocol"].tolist() == ["published", "honest"]
    assert (check["max_difference"] < 1e-5).all()
    films = outputs["films"]
    assert len(films) == 30
    assert films["dice"].mean() > 0.6  # out of fold: no network has seen its films
    metrics = outputs["metrics"].set_index(["protocol", "model", "metric"])["value"]
    assert metrics["honest", "network", "dice"] > 0.6
    assert metrics["published", "identity", "r2"] == pytest.approx(1)
    assert metrics["seed_table", "identity", "r2"] == pytest.approx(1)
    assert ("honest", "identity", "r2") not in metrics.index
    best = outputs["best_hyperparams"]
    assert set(best[best["protocol"] == "honest"]["fold"]) == {-1, 0, 1, 2}
    assert set(best[best["protocol"] == "published"]["fold"]) == {-1}


def test_the_bundle_finds_the_lesions_of_a_film_and_estimates_their_ratio(outputs: dict) -> None:
    predictor = open_predictor(outputs["bundle"], RELEASE)
    card, members = predictor.bundle.card, predictor.bundle.members
    assert card["notice"] == "Research software. Not a medical device."
    assert card["networks"] == [f"network_fold_{fold}" for fold in range(3)]
    assert set(card["regressors"]) == {*KINDS}
    films = dict(list(make_set()["mask"].items())[:4])
    found = read_films(predictor, films)
    measured = []
    for name, film in films.items():
        outcome = found[name].outputs
        assert list(outcome) == [column.name for column in predictor.reader.columns]
        truth = draw(int(name.removeprefix("film_")))[1]
        mask = found[name].mask
        assert mask is not None
        assert mask.shape == film().shape
        assert 2 * (mask * truth).sum() / (mask.sum() + truth.sum()) > 0.6
        assert outcome["lesion_ratio"] == pytest.approx(truth.mean(), abs=0.06)
        (loaded,) = [load_film(name, film, predictor.intake)]
        (seen,) = predictor.reader.heat([loaded], [("", "unknown")])
        level = mask_threshold(seen, card["threshold"])
        measured.append(measure_lesions(np.asarray(seen >= level, np.uint8)))
    # of new films the clinical tables say nothing
    table = pd.DataFrame(measured).assign(**dict.fromkeys(CLINICAL_FEATURES, np.nan))
    for kind in KINDS:
        expected = restore_tabular_model(members[f"estimate-{kind}"]).predict(table)
        estimates = [each.outputs[f"estimated_{kind}"] for each in found.values()]
        assert estimates == pytest.approx(expected.tolist(), abs=1e-6)
        assert all(0 <= each <= 0.3 for each in estimates)


def test_tags_choose_a_protocol_and_the_release_is_of_the_honest_one() -> None:
    def tagged(tag: str) -> set[str]:
        nodes = create_pipeline().only_nodes_with_tags(tag).nodes
        return {node.name.rpartition(".")[2] for node in nodes}

    assert "pack_bundle" not in tagged("published")
    assert "pack_bundle" in tagged("honest")
    # the demo's own table needs no films
    films = {"train", "cache_films", "plot_overlays", "plot_shap_importance_xgboost"}
    assert films.isdisjoint(tagged("seed_table"))
    assert films <= tagged("honest")
    assert PROTOCOLS == ("published", "honest", "seed_table")


@pytest.mark.real_films
def test_real_films_are_found_joined_and_free_of_leaks(real_data: Path, tmp_path: Path) -> None:
    from xraylab.datasets import RadiographFolderDataset

    nih, covid = real_data / "nih_chest_xray14", real_data / "covid_lesions"
    tables = {
        f"nih_chest_xray14/{name}": partial(pd.read_csv, nih / f"{name}.csv")
        for name in ("Data_Entry_2017", "BBox_List_2017", "BBox_List_rsna")
    }
    params = LesionCohortParams(preprocess=PreprocessParams(size_px=32))
    entries, boxes = read_tables(tables, params)
    films = RadiographFolderDataset(path=str(nih), folders=["images"]).load()
    mask_films, masks, lungs = (
        RadiographFolderDataset(path=str(covid), folders=[name]).load()
        for name in ("images", "lesion_masks", "lung_masks")
    )
    plan = cache_films(films, mask_films, masks, boxes, params)
    assert len(plan.films) == 59 + 29
    assert (
        sum(reason.startswith("ignored: has no box") for reason in plan.rejected.values())
        == 96 - 59
    )
    write_cache(plan, str(tmp_path / "arrays"))
    cohort, _ = index_cohort(read_cache(str(tmp_path / "arrays")), boxes, entries, params)
    assert cohort["annotation"].value_counts().to_dict() == {"box": 59, "mask": 29}
    assert (
        cohort.loc[cohort["annotation"] == "box", ["age", "sex", "view", "follow_up"]]
        .notna()
        .all()
        .all()
    )
    # one film of the pixel masks has none
    assert cohort.loc[cohort["target"] == 0, "image_id"].tolist() == ["3896e093ca04"]
    assert cohort["target"].max() < 0.6
    split, _ = split_cohort(cohort, SEGMENTATION)
    folds = split[split["split"] == "test"]
    assert len(folds[["patient_id", "fold"]].drop_duplicates()) == folds["patient_id"].nunique()
    # one film by hand: its two boxes on 1024 x 1024 pixels
    one = cohort.set_index("image_id").loc["00004342_054", "target"]
    assert one == pytest.approx((213 * 415 + 150 * 425) / 1024**2, rel=0.05)
    assert set(lungs) == set(mask_films)
