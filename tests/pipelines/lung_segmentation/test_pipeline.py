from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from kedro_datasets.pandas import CSVDataset
from pydantic import ValidationError
from tests.pipelines.released import FEW, open_predictor, read_films

from xraylab.datasets import (
    ArrayCacheDataset,
    CheckpointsDataset,
    EncoderWeightsDataset,
    SplitTableDataset,
)
from xraylab.evaluation.leakage import LeakError
from xraylab.evaluation.segmentation import clean_mask
from xraylab.evaluation.tables import Cohort, Metrics, Predictions, Rejected
from xraylab.flow.compare import combine_tables
from xraylab.flow.params import SitedCohortParams
from xraylab.flow.release import draw_mask, stack_films
from xraylab.flow.split import GroupsSplit, RowsSplit, SitesSplit
from xraylab.imaging.array_cache import ArrayCache, read_cache, write_cache
from xraylab.imaging.augment import vary
from xraylab.imaging.preprocess import PreprocessParams
from xraylab.models.networks import (
    NetworkParams,
    build_network,
    describe_network,
    restore_network,
)
from xraylab.pipelines.lung_segmentation.cohort import cache_films, index_cohort, split_cohort
from xraylab.pipelines.lung_segmentation.evaluation import (
    evaluate,
    measure_masks,
    plot_overlays,
    tabulate_sites,
)
from xraylab.pipelines.lung_segmentation.params import (
    LungEvaluationParams,
    LungReleaseParams,
    ProtocolParams,
    SegmentationModel,
)
from xraylab.pipelines.lung_segmentation.pipeline import (
    FIGURES,
    PROTOCOLS,
    create_pipeline,
)
from xraylab.pipelines.lung_segmentation.release import (
    RELEASE,
    cache_all_films,
    describe_lungs,
    measure_lungs,
    pack_bundle,
    predict_lungs,
)
from xraylab.prediction.intake import load_film
from xraylab.records.split_table import SplitTable
from xraylab.training.params import Recipe, TrainingParams
from xraylab.training.predict import predict_probabilities

SIZE = 16
COHORT = SitedCohortParams(
    sites={"MCUCXR": "montgomery", "CHNCXR": "shenzhen"},
    preprocess=PreprocessParams(size_px=SIZE, equalise="none"),
)
MODEL = SegmentationModel(
    network=NetworkParams(widths=(4, 8)),
    recipe=Recipe(loss="dice_bce", learning_rate=2e-2, batch_size=4),
)
TRAINING = TrainingParams(max_epochs=12, precision="32", accelerator="cpu", progress=False)
PUBLISHED = ProtocolParams(
    split=RowsSplit(),
    variants=("original", "contrast_v1", "geometric"),
    models={"unet": MODEL},
)
HONEST = ProtocolParams(
    split=GroupsSplit(val_fraction=0.2, test_fraction=0.3), models={"robust": MODEL}
)
SITES = HONEST.model_copy(update={"split": SitesSplit(val_fraction=0.2, test_fraction=0.3)})


def draw(number: int) -> tuple[np.ndarray, np.ndarray]:
    """A film with two dark lungs on a bright body, and their mask."""
    rng = np.random.default_rng(number)
    film = (0.75 + 0.25 * rng.random((32, 32))).astype(np.float32)
    # whole pixels of the network's grid, which is half as fine
    top, left, right = 2 * rng.integers(1, 5), 2 * rng.integers(1, 3), 2 * rng.integers(9, 11)
    mask = np.zeros((32, 32), np.float32)
    mask[top : top + 18, left : left + 8] = mask[top : top + 18, right : right + 8] = 1
    film[mask > 0] -= 0.6
    return film, mask


def make_set(n_shenzhen: int = 20, n_montgomery: int = 12) -> tuple[dict, dict]:
    """Films and masks as the catalog gives them."""
    films, masks = {}, {}
    for number in range(n_shenzhen + n_montgomery):
        far = number < n_shenzhen
        image_id = f"{'CHNCXR' if far else 'MCUCXR'}_{number:04}_{number % 2}"
        film, mask = draw(number)
        films[image_id] = partial(np.copy, film)
        masks[f"masks/{image_id}{'_mask' if far else ''}"] = partial(np.copy, mask)
    return films, masks


@pytest.fixture
def arrays(tmp_path: Path) -> ArrayCache:
    write_cache(cache_films(*make_set(), COHORT), str(tmp_path / "arrays"))
    return read_cache(str(tmp_path / "arrays"))


@pytest.fixture
def cohort(arrays: ArrayCache) -> pd.DataFrame:
    return index_cohort(arrays, {}, COHORT)[0]


def test_films_find_their_masks_whatever_their_names() -> None:
    films, masks = make_set(3, 1)
    single = masks.pop("masks/MCUCXR_0003_1")()
    left, right = single.copy(), single.copy()
    left[:, :16], right[:, 16:] = 0, 0
    masks["ManualMask/leftMask/MCUCXR_0003_1"] = lambda: left
    masks["ManualMask/rightMask/MCUCXR_0003_1"] = lambda: right
    del masks["masks/CHNCXR_0001_1_mask"]
    masks["masks/CHNCXR_0999_0_mask"] = lambda: single
    plan = cache_films(films, masks, COHORT)
    assert sorted(plan.films) == ["CHNCXR_0000_0", "CHNCXR_0002_0", "MCUCXR_0003_1"]
    assert [len(plan.masks[image_id]) for image_id in sorted(plan.masks)] == [1, 1, 2]
    assert plan.rejected == {"CHNCXR_0001_1": "has no mask"}
    assert plan.unpaired == {"CHNCXR_0999_0": "is a mask without a film"}


def test_a_folder_without_a_match_says_how_masks_are_named() -> None:
    films, masks = make_set(2, 0)
    with pytest.raises(
        ValueError, match="none of 2 films has a mask among 1: a mask is named as its film"
    ):
        cache_films(films, {"masks/other": next(iter(masks.values()))}, COHORT)


def test_the_cohort_says_site_label_and_truth(arrays: ArrayCache, cohort: pd.DataFrame) -> None:
    Cohort.validate(cohort)
    assert cohort["site"].value_counts().to_dict() == {"shenzhen": 20, "montgomery": 12}
    assert set(cohort["tuberculosis"]) == {0, 1}
    assert cohort["target"].iloc[0] == pytest.approx(draw(0)[1].mean())
    other = index_cohort(arrays, {}, COHORT.model_copy(update={"sites": {}}))[0]
    assert set(other["site"]) == {"other"}


def test_published_splits_variants_and_so_leaks(cohort: pd.DataFrame) -> None:
    from sklearn.model_selection import train_test_split

    split, leakage = split_cohort(cohort, PUBLISHED)
    assert len(split) == 3 * 32
    assert set(split["split"]) == {"train", "test"}
    _, held_out = train_test_split(np.arange(96), test_size=0.2, random_state=2018)
    assert sorted(np.flatnonzero(split["split"] == "test")) == sorted(held_out)
    assert "same_group" in set(leakage["kind"])
    assert set(leakage["action"]) == {"reported"}


def test_honest_splits_films_and_a_turned_copy_stays_with_its_film(tmp_path: Path) -> None:
    films, masks = make_set()
    names = sorted(films)
    clean = split_of(films, masks, tmp_path / "clean")
    train, test = (clean[clean["split"] == part]["image_id"].iloc[0] for part in ("train", "test"))
    films[test] = partial(np.flip, films[train](), 1)
    assert names == sorted(films)
    write_cache(cache_films(films, masks, COHORT), str(tmp_path / "copied"))
    cohort = index_cohort(read_cache(str(tmp_path / "copied")), {}, COHORT)[0]
    split, leakage = split_cohort(cohort, HONEST)
    assert leakage["kind"].tolist() == ["near_duplicate"]
    assert leakage["action"].tolist() == ["regrouped"]
    pair = split[split["image_id"].isin([train, test])]
    assert pair["split"].nunique() == pair["group_id"].nunique() == 1
    with pytest.raises(LeakError, match="near_duplicate"):
        split_cohort(cohort, HONEST.model_copy(update={"split": GroupsSplit(on_leak="fail")}))


def test_a_table_gives_the_parts_but_to_the_published_protocol_and_sites(
    cohort: pd.DataFrame,
) -> None:
    parts = [["train", "train", "val", "test"][k % 4] for k in range(len(cohort))]
    names = tuple(f"CXR_png/{each}.png" for each in cohort["image_id"])
    table = SplitTable("split.csv", names, tuple(parts))
    split, _ = split_cohort(cohort, HONEST, table)
    assert split["split"].tolist() == parts
    assert set(split["variant"]) == {"original"}
    for params in (PUBLISHED, SITES):
        with_table, _ = split_cohort(cohort, params, table)
        pd.testing.assert_frame_equal(with_table, split_cohort(cohort, params)[0])


def split_of(films: dict, masks: dict, folder: Path) -> pd.DataFrame:
    write_cache(cache_films(films, masks, COHORT), str(folder))
    return split_cohort(index_cohort(read_cache(str(folder)), {}, COHORT)[0], HONEST)[0]


def test_each_site_trains_in_turn_and_the_other_tests(cohort: pd.DataFrame) -> None:
    split, _ = split_cohort(cohort, SITES)
    assert sorted(split["arm"].unique()) == ["montgomery", "shenzhen"]
    for arm, rows in split.groupby("arm"):
        assert set(rows.loc[rows["site"] != arm, "split"]) == {"test"}
        assert set(rows.loc[rows["site"] == arm, "split"]) == {"train", "val", "test"}
    with pytest.raises(ValueError, match="there is only 'shenzhen'"):
        split_cohort(cohort[cohort["site"] == "shenzhen"], SITES)


def test_a_copy_at_the_other_site_tests_nothing(cohort: pd.DataFrame) -> None:
    first = cohort.index[cohort["site"] == "shenzhen"][0]
    last = cohort.index[cohort["site"] == "montgomery"][0]
    cohort.loc[last, "duplicate_cluster"] = cohort.loc[first, "duplicate_cluster"]
    split, leakage = split_cohort(cohort, SITES)
    assert set(leakage["kind"]) <= {"near_duplicate"}
    rows = split[split["arm"] == "shenzhen"].set_index("image_id")
    assert rows.loc[cohort.loc[last, "image_id"], "split"] == ""


def test_variants_are_the_same_in_training_and_prediction(arrays: ArrayCache) -> None:
    film, mask = np.asarray(arrays.films[0]), np.asarray(arrays.masks[0])
    first = vary(film, mask, "geometric", "a", 1)
    assert all(map(np.array_equal, first, vary(film, mask, "geometric", "a", 1)))
    assert not np.array_equal(first[0], vary(film, mask, "geometric", "b", 1)[0])
    assert np.array_equal(first[0], vary(film, np.zeros_like(mask), "geometric", "a", 1)[0])


def test_masks_are_measured_against_the_truth(arrays: ArrayCache, cohort: pd.DataFrame) -> None:
    split, _ = split_cohort(cohort, HONEST)
    held_out = split[split["split"] != "train"]
    masks = {
        f"robust/{image_id}": partial(np.asarray, arrays.masks[arrays.row_of(image_id)], np.float32)
        for image_id in held_out["image_id"]
    }
    first = held_out["image_id"].iloc[0]
    speck = np.array(arrays.masks[arrays.row_of(first)])
    speck[15, 15] = 1
    masks[f"robust/{first}"] = partial(np.asarray, speck, np.float32)
    rows = measure_masks(masks, arrays, split, HONEST).set_index("image_id")
    assert len(rows) == len(held_out) > 1
    assert rows["dice"].drop(first).eq(1).all()
    assert rows.loc[first, "dice"] < 1
    assert rows.loc[first, "dice_cleaned"] == 1
    assert rows["hd95_mm"].isna().all()  # no PNG knows its spacing

    known = split.assign(spacing_mm=0.2)
    with_spacing = measure_masks(masks, arrays, known, HONEST).set_index("image_id")
    # 32 rows at 0.2 mm on 16 pixels are 0.4 mm a pixel
    assert with_spacing["hd95_mm"].to_numpy() == pytest.approx(
        0.4 * with_spacing["hd95"].to_numpy()
    )

    predictions = combine_tables({"honest": rows.reset_index()})
    Predictions.validate(predictions)
    history = pd.DataFrame(
        {
            "protocol": ["honest"] * 2,
            "model": ["robust"] * 2,
            "epoch": [0, 1],
            "val_loss": [0.5, 0.2],
        }
    )
    metrics = evaluate(predictions, history, LungEvaluationParams(n_resamples=20))
    Metrics.validate(metrics)
    test = metrics[metrics["split"] == "test"].set_index("metric")["value"]
    assert {"dice", "dice_p5", "dice_worst", "hd95_right", "dice_cleaned", "dice_shenzhen"} <= set(
        test.index
    )
    assert metrics.set_index("metric").loc["val_loss", "value"] == 0.2


def test_held_out_films_of_the_training_site_are_not_the_other_site() -> None:
    base = {
        "protocol": "sites",
        "fold": -1,
        "target": 0.2,
        "prediction": 0.2,
        "iou": 0.5,
        "dice_cleaned": 0.9,
        "hd95": 2.0,
        "split": "test",
    }
    rows = pd.DataFrame(
        [
            {**base, "image_id": f"{arm}{site}{i}", "group_id": f"{site}{i}", "model": "robust", "arm": arm,
             "site": site, "dice": 0.95 if arm == site else 0.85}
            for arm in ("m", "s") for site in ("m", "s") for i in range(3)
        ]
    )  # fmt: skip
    matrix = tabulate_sites(rows, LungEvaluationParams(n_resamples=20))
    dice = matrix[matrix["metric"] == "dice"].set_index(["train_site", "test_site"])["value"]
    expected = {("m", "m"): 0.95, ("m", "s"): 0.85, ("s", "m"): 0.85, ("s", "s"): 0.95}
    assert dice.to_dict() == pytest.approx(expected)
    assert set(matrix["model"]) == {"robust"}


@pytest.mark.parametrize(
    ("base", "change", "rule"),
    [
        (HONEST, {"split": {"kind": "groups", "val_fraction": 0}}, "greater than 0"),
        (HONEST, {"split": {"kind": "groups", "val_fraction": 0.8}}, "must be under 1"),
        (PUBLISHED, {"split": {"kind": "rows", "on_leak": "regroup"}}, "'report' or 'fail'"),
        (
            PUBLISHED,
            {"split": {"kind": "rows", "val_fraction": 0.1}},
            "keeps the public demo's two parts",
        ),
        (PUBLISHED, {"variants": ["original", "original"]}, "variants must differ"),
        (PUBLISHED, {"variants": ["contrast"]}, "'contrast_v1'"),
        (
            PUBLISHED,
            {"models": {"unet": {"variants": ["noise"]}}},
            "are those of the protocol, not of a model",
        ),
        (HONEST, {"models": {}}, "at least 1 item"),
    ],
)
def test_contradictory_parameters_are_refused(
    base: ProtocolParams, change: dict[str, object], rule: str
) -> None:
    with pytest.raises(ValidationError, match=rule):
        ProtocolParams.model_validate({**base.model_dump(), **change})


@pytest.fixture
def outputs_and_folder(tmp_path: Path) -> tuple[dict, Path]:
    films, masks = make_set()
    films["CHNCXR_0099_0"] = partial(np.ones, (40, 60), np.float32)  # without a mask
    catalog = DataCatalog(
        {
            "montgomery_shenzhen.films": MemoryDataset(films, copy_mode="assign"),
            "montgomery_shenzhen.masks": MemoryDataset(masks, copy_mode="assign"),
            "montgomery_shenzhen.readings": MemoryDataset({}),
            "lung_segmentation.arrays": ArrayCacheDataset(path=str(tmp_path / "arrays")),
            "lung_segmentation.new_arrays": ArrayCacheDataset(path=str(tmp_path / "new_arrays")),
            "lung_segmentation.lung_masks": MemoryDataset(copy_mode="assign"),
            "lung_segmentation.lungs": CSVDataset(filepath=str(tmp_path / "lungs.csv")),
            "split_table": SplitTableDataset(),
            "encoder_weights": EncoderWeightsDataset(path=str(tmp_path / "weights")),
            "params:lung_segmentation.cohort": MemoryDataset(COHORT),
            "params:lung_segmentation.training": MemoryDataset(TRAINING),
            "params:lung_segmentation.evaluation": MemoryDataset(
                LungEvaluationParams(n_resamples=20)
            ),
            "params:lung_segmentation.release": MemoryDataset(LungReleaseParams(familiarity=FEW)),
            **{
                f"params:lung_segmentation.{name}": MemoryDataset(params)
                for name, params in zip(PROTOCOLS, (PUBLISHED, HONEST, SITES), strict=True)
            },
            **{
                f"lung_segmentation.{name}.masks": MemoryDataset(copy_mode="assign")
                for name in PROTOCOLS
            },
            **{
                f"lung_segmentation.{name}.checkpoints": CheckpointsDataset(
                    path=str(tmp_path / "work" / name)
                )
                for name in PROTOCOLS
            },
        }
    )
    return SequentialRunner().run(create_pipeline(), catalog), tmp_path


def test_slice_runs_on_an_in_memory_catalog(outputs_and_folder: tuple[dict, Path]) -> None:
    outputs, folder = outputs_and_folder
    loaded = {
        name.removeprefix("lung_segmentation."): dataset.load() for name, dataset in outputs.items()
    }
    assert "bundle" in loaded
    assert tuple(loaded["summary"].figures) == FIGURES
    assert set(loaded["summary"].tables) == {
        "trainings",
        "rejected",
        "leakage",
        "cohort",
        "comparison",
    }
    comparison = loaded["summary"].tables["comparison"].set_index(["protocol", "model"])
    assert set(comparison.index) == {
        ("published", "unet"), ("honest", "robust"), ("sites", "robust_montgomery"), ("sites", "robust_shenzhen")
    }  # fmt: skip
    assert comparison.loc[("honest", "robust"), "dice"] > 0.8
    assert len(set(comparison["n_parameters"])) == 1
    assert (comparison["epochs"] == 12).all()
    Rejected.validate(loaded["summary"].tables["rejected"])
    lungs = pd.read_csv(folder / "lungs.csv").set_index("image_id")
    films = {**make_set()[0], "CHNCXR_0099_0": partial(np.ones, (40, 60), np.float32)}
    assert set(lungs.index) == set(films)  # with or without a mask
    own = "CHNCXR_0000_0"
    assert lungs.loc[own, "lung_fraction"] == pytest.approx(draw(0)[1].mean(), abs=0.12)
    assert not lungs.loc["CHNCXR_0099_0", "plausible"]  # a white film has no lungs

    # the bundle draws what the pipeline has drawn
    predictor = open_predictor(loaded["bundle"], RELEASE)
    assert predictor.bundle.card["notice"] == "Research software. Not a medical device."
    few = [*list(films)[:3], "CHNCXR_0099_0"]
    found = read_films(predictor, {name: films[name] for name in few})
    for name, each in found.items():
        assert list(each.outputs) == [column.name for column in predictor.reader.columns]
        assert each.mask is not None
        assert each.mask.shape == films[name]().shape
        for measured in ("lung_fraction", "right_fraction", "left_fraction", "n_components"):
            assert each.outputs[measured] == pytest.approx(lungs.loc[name, measured], abs=1e-6)
        assert (each.doubts == ()) == lungs.loc[name, "plausible"]
    assert found["CHNCXR_0099_0"].doubts == ("these are not two lungs of a usual size",)


def test_overlays_show_a_film_once(arrays: ArrayCache) -> None:
    names = arrays.index["image_id"].tolist()
    rows = pd.DataFrame(
        {
            "image_id": [names[0], *names[20:22], *names[2:6]],
            "site": ["one"] + ["two"] * 2 + ["many"] * 4,
            "dice": [0.9, 0.8, 0.7, 0.6, 0.9, 0.95, 0.5],
        }
    ).assign(model="robust", split="test", variant="original", hd95=1.0)
    masks = {f"robust/{name}": partial(np.ones, (SIZE, SIZE), np.float32) for name in names}
    figure = plot_overlays(arrays, masks, rows, LungEvaluationParams())
    titles = [ax.get_title(loc="left").split(":")[0] for ax in figure.axes if ax.get_visible()]
    assert sorted(titles) == sorted(["best", "best", "worst", "best", "median", "worst"])
    with pytest.raises(ValueError, match="no original film in the test part"):
        plot_overlays(arrays, masks, rows.assign(split="val"), LungEvaluationParams())


def test_tags_choose_a_protocol_and_the_release_is_of_the_honest_one() -> None:
    def tagged(tag: str) -> set[str]:
        nodes = create_pipeline().only_nodes_with_tags(tag).nodes
        return {node.name.removeprefix("lung_segmentation.") for node in nodes}

    release = {"pack_bundle", "cache_all_films", "predict_lungs", "describe_lungs"}
    assert not {*release, "plot_sites", "honest.train"} & tagged("published")
    assert {"index_cohort", "published.train", "evaluate"} <= tagged("published")
    assert release <= tagged("honest")


def test_a_released_network_is_named_and_knows_its_preprocessing(
    arrays: ArrayCache, cohort: pd.DataFrame
) -> None:
    split = split_cohort(cohort, HONEST)[0]
    card = {
        "network": MODEL.network.model_dump(mode="json"), "views": 1, "name": "robust", "arm": "single",
        "lung_fraction_range": [0.1, 0.5],
        "preprocess": {**COHORT.preprocess.model_dump(mode="json"), "equalise": "histogram"},
    }  # fmt: skip
    models = {"robust": describe_network(build_network(MODEL.network, 0), card)}
    prepared = r"was trained on films prepared with .*'histogram'.*these are prepared with .*'none'"
    for release in (
        lambda params: predict_lungs(arrays, models, TRAINING, params),
        lambda params: pack_bundle(arrays, split, models, params),
    ):
        with pytest.raises(ValueError, match=r"release.model 'best' is none of the trained robust"):
            release(LungReleaseParams(model="best"))
        with pytest.raises(ValueError, match=prepared):
            release(LungReleaseParams())


@pytest.mark.parametrize("clean", [False, True])
def test_folds_draw_their_median_at_the_size_of_the_film(
    arrays: ArrayCache, cohort: pd.DataFrame, clean: bool
) -> None:
    ranges = ([0.1, 0.5], [0.2, 0.4], [0.15, 0.3])
    models = {
        f"robust_fold_{fold}": describe_network(
            build_network(MODEL.network, fold),
            {
                "network": MODEL.network.model_dump(mode="json"), "views": 1, "name": "robust", "arm": f"fold_{fold}",
                "lung_fraction_range": limits, "preprocess": arrays.preprocess,
            },
        )
        for fold, limits in enumerate(ranges)
    }  # fmt: skip
    params = LungReleaseParams(clean=clean, familiarity=FEW)
    predictor = open_predictor(
        pack_bundle(arrays, split_cohort(cohort, HONEST)[0], models, params), RELEASE
    )
    films = {
        **dict(list(make_set()[0].items())[:2]),
        "large": partial(np.ones, (40, 60), np.float32),
    }
    found = read_films(predictor, films)
    loaded = [load_film(name, film, predictor.intake) for name, film in films.items()]
    maps = predictor.reader.heat(loaded, [("", "unknown")] * 3)
    by_hand = np.median(
        [predict_probabilities(restore_network(state), stack_films(loaded)) for state in models.values()],
        axis=0,
    )  # fmt: skip
    np.testing.assert_allclose(maps, by_hand, atol=1e-6)
    for (name, film), seen in zip(films.items(), by_hand, strict=True):
        drawn = draw_mask(seen.astype(np.float32), film().shape, 0.5)
        expected = clean_mask(drawn) if clean else drawn
        np.testing.assert_array_equal(found[name].mask, expected)
        # a fifth below the smallest lungs of the training, and a fifth beyond the largest
        measured = measure_lungs(expected, (0.8 * 0.1, 1.2 * 0.5))
        assert (found[name].doubts == ()) == measured.pop("plausible")
        assert found[name].outputs == {"mask": "", **measured}

    # and the same for the films of the set
    masks = predict_lungs(arrays, models, TRAINING, params)
    own = next(iter(films))
    np.testing.assert_array_equal(masks[own](), found[own].mask)
    lungs = describe_lungs(
        {k: partial(np.asarray, v(), np.float32) for k, v in masks.items()}, arrays, models, params
    )
    assert len(lungs) == 32
    assert lungs.set_index("image_id").loc[own, "lung_fraction"] == pytest.approx(
        found[own].outputs["lung_fraction"]
    )


@pytest.mark.real_films
def test_real_films_are_paired_prepared_and_free_of_copies(real_data: Path, tmp_path: Path) -> None:
    from xraylab.datasets import RadiographFolderDataset

    folder = str(real_data / "montgomery_shenzhen")
    films = RadiographFolderDataset(path=folder, folders=["CXR_png"]).load()
    masks = RadiographFolderDataset(path=folder, folders=["masks"], id="relative").load()
    params = COHORT.model_copy(update={"preprocess": PreprocessParams(size_px=64)})
    write_cache(cache_films(films, masks, params), str(tmp_path / "arrays"))
    arrays = read_cache(str(tmp_path / "arrays"))
    cohort, rejected = index_cohort(arrays, {}, params)
    assert len(cohort) == 196
    assert cohort["site"].value_counts().to_dict() == {"shenzhen": 158, "montgomery": 38}
    assert rejected["reason"].tolist() == ["has no mask"] * 21
    assert cohort["target"].between(0.08, 0.5).all()
    assert cohort["duplicate_cluster"].nunique() == 196
    plan = cache_all_films(films, params, LungReleaseParams())
    assert len(plan.films) == 217
