"""One run of everything, as `kedro run --env test` does it, and what users do with what it wrote."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from xraylab.evaluation.tables import Metrics, Predictions

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


@pytest.fixture(scope="module")
def finished_run(
    copy_project: Callable[[Path, pytest.MonkeyPatch], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A copy of the project in which everything has run once; read it, write elsewhere."""
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        copy_project(folder, patch)
        bootstrap_project(folder)
        with KedroSession.create(folder, env="test") as session:
            session.run()
    return folder


def latest(folder: Path) -> Path:
    """The newest version of a data set, beside which lies its source."""
    path, source = sorted(sorted(folder.iterdir())[-1].iterdir())
    assert source.name == f"{path.name}.source.json"
    return path


def counted(rejected: pd.DataFrame) -> pd.DataFrame:
    """The inputs that were left out, without files that are none."""
    return rejected[~rejected["reason"].str.startswith("ignored: ")]


def test_default_run_writes_what_every_pipeline_promises(finished_run: Path) -> None:
    data = finished_run / "data/test"

    report = (data / "08_reporting/report.html").read_text()
    assert "Not a medical device" in report
    assert report.count("data:image/png;base64,") >= 8

    predictions = pd.read_parquet(
        latest(data / "07_model_output/dose_estimation/predictions.parquet")
    )
    Predictions.validate(predictions)
    assert set(predictions["protocol"]) == {"published", "honest", "fair"}
    metrics = pd.read_csv(latest(data / "08_reporting/dose_estimation/metrics.csv"))
    Metrics.validate(metrics)

    # the planted bad films are listed, each with its reason, and nothing else
    truth = pd.read_csv(data.parent / "01_raw/phantoms_test/nih_chest_xray14/truth.csv").dropna(
        subset=["planted"]
    )
    planted = dict(truth[["planted", "image_id"]].itertuples(index=False))
    simulation = pd.read_csv(data / "08_reporting/dose_simulation/rejected.csv")
    extraction = pd.read_csv(data / "08_reporting/feature_extraction/rejected.csv")
    simulation, extraction = (counted(table) for table in (simulation, extraction))
    assert set(simulation["image_id"]) == {planted["unlisted"], planted["without_film"]}
    assert set(extraction["image_id"]) == {planted["truncated"], planted["text"]}
    assert planted["rgba"] in set(predictions["image_id"])

    # the copy under another patient's name is one family with its original
    honest = predictions[predictions["protocol"] == "honest"]
    pair = honest[honest["image_id"].isin([planted["copy"], "90000001_000"])]
    assert pair["image_id"].nunique() == 2
    assert len(set(pair["group_id"])) == 1
    assert len(set(pair["split"])) == 1

    check_lungs(data)
    check_lesions(data)
    check_fractures(data)
    check_tuberculosis(data)
    check_bone_ages(data)

    # a model is data: safetensors or the booster's own text, and a card that says what it is
    models = sorted((data / "06_models/dose_estimation/honest").iterdir())[-1]
    files = {path.name for path in models.rglob("*") if path.is_file()}
    assert {"mlp.safetensors", "mlp.json", "boosting.booster.json"} <= files
    (card,) = models.rglob("mlp.json")
    assert "noise_var" in json.dumps(json.loads(card.read_text()))


def check_lungs(data: Path) -> None:
    """What lung_segmentation wrote."""
    lungs = pd.read_parquet(latest(data / "07_model_output/lung_segmentation/predictions.parquet"))
    Predictions.validate(lungs)
    assert set(lungs["protocol"]) == {"published", "honest", "sites"}
    assert lungs["dice"].between(0, 1).all()
    truth = pd.read_csv(data.parent / "01_raw/phantoms_test/montgomery_shenzhen/truth.csv")
    planted = dict(
        truth.dropna(subset=["planted"])[["planted", "image_id"]].itertuples(index=False)
    )
    rejected = counted(pd.read_csv(data / "08_reporting/lung_segmentation/rejected.csv"))
    assert set(rejected["image_id"]) == {
        planted[kind] for kind in ("truncated", "without_mask", "odd_mask")
    }
    # the mirrored, recompressed copy is one family with its film
    cohort = pd.read_parquet(
        latest(data / "05_model_input/lung_segmentation/honest/cohort.parquet")
    )
    pair = cohort[cohort["image_id"].isin([planted["turned_copy"], truth["image_id"].iloc[0]])]
    assert len(pair) == 2
    assert len(set(pair["group_id"])) == len(set(pair["split"])) == 1
    # every film that can be read has a mask, the one that cannot is named
    folder = data / "07_model_output/lung_segmentation/masks"
    masks = {path.name.removesuffix(".png.png") for path in folder.glob("*.png")}
    assert masks == set(truth["image_id"]) - {planted["truncated"]}
    assert (
        planted["truncated"]
        in (data / "08_reporting/lung_segmentation/new_rejected.csv").read_text()
    )
    # nothing unfinished is left
    assert not any((data / "06_models/lung_segmentation/.unfinished").rglob("*.ckpt"))


def check_fractures(data: Path) -> None:
    """What fracture wrote."""
    rows = pd.read_parquet(latest(data / "07_model_output/fracture/predictions.parquet"))
    Predictions.validate(rows)
    assert set(rows["protocol"]) == {"published", "honest"}
    assert {"md5_look_up", "hash_look_up", "border_only"} < set(rows["model"])
    truth = pd.read_csv(data.parent / "01_raw/phantoms_test/fracture_multi_region/truth.csv")
    rejected = counted(pd.read_csv(data / "08_reporting/fracture/rejected.csv"))
    planted = truth.set_index("file")["planted"]
    assert rejected["image_id"].tolist() == planted.index[planted == "truncated"].tolist()
    # a copy with the same bytes is never on another side than its film
    cohort = pd.read_parquet(latest(data / "05_model_input/fracture/honest/cohort.parquet"))
    split = cohort.set_index("image_id")["split"]
    exact = truth[truth["planted"] == "exact"]
    assert len(exact) > 0
    assert split[exact["file"]].tolist() == split[exact["source"]].tolist()
    audit = pd.read_csv(latest(data / "08_reporting/fracture/audit.csv"))
    assert audit["n"].sum() == len(truth)
    fractures = pd.read_csv(data / "07_model_output/fracture/fractures.csv")
    assert fractures["probability"].between(0, 1).all()
    assert not any((data / "06_models/fracture/.unfinished").rglob("*.ckpt"))


def check_bone_ages(data: Path) -> None:
    """What bone_age wrote."""
    rows = pd.read_parquet(latest(data / "07_model_output/bone_age/predictions.parquet"))
    Predictions.validate(rows)
    assert set(rows["model"]) == {"modern", "cnn", "mean_age", "border_only"}
    phantoms = data.parent / "01_raw/phantoms_test/rsna_bone_age"
    truth = pd.read_csv(phantoms / "truth.csv", dtype={"image_id": str}).set_index("image_id")
    rejected = pd.read_csv(data / "08_reporting/bone_age/rejected.csv", dtype=str)["image_id"]
    kinds = truth["planted"].reindex([name.removesuffix(".5") for name in rejected])
    assert set(kinds) == {
        "duplicate_id", "without_film", "without_label", "non_integer_id", "out_of_range", "truncated", "test",
    }  # fmt: skip
    # labels are joined by id: what was drawn is what is learned
    used = rows.drop_duplicates("image_id").set_index("image_id")
    assert (used["target"] == truth.loc[used.index, "boneage"]).all()
    # the copy under another id is on its film's side
    copy = truth.index[truth["planted"] == "copy"][0]
    cohort = pd.read_parquet(latest(data / "05_model_input/bone_age/honest/cohort.parquet"))
    pair = cohort[(cohort["arm"] == "single") & cohort["image_id"].isin([copy, truth.index[0]])]
    assert len(pair) == 2
    assert len(set(pair["split"])) == 1
    # hands of no told age are read for the sex that their table names
    ages = pd.read_csv(data / "07_model_output/bone_age/bone_ages.csv", dtype={"image_id": str})
    asked = ages["image_id"].str.removesuffix(".png")
    assert set(asked) == set(truth.index[truth["planted"] == "test"])
    assert (ages["sex_from"] == "table").all()
    assert not any((data / "06_models/bone_age/.unfinished").rglob("*.ckpt"))


def check_tuberculosis(data: Path) -> None:
    """What tb_classification wrote."""
    reports = data / "08_reporting/tb_classification"
    rows = pd.read_parquet(latest(data / "07_model_output/tb_classification/predictions.parquet"))
    Predictions.validate(rows)
    assert set(rows["protocol"]) == {"published", "honest", "sites"}
    assert {"site_only", "size_and_border", "mean_intensity", "outside_lungs"} < set(rows["model"])
    truth = pd.read_csv(data.parent / "01_raw/phantoms_test/montgomery_shenzhen/truth.csv")
    planted = dict(
        truth.dropna(subset=["planted"])[["planted", "image_id"]].itertuples(index=False)
    )
    rejected = counted(pd.read_csv(reports / "rejected.csv"))
    assert rejected["image_id"].tolist() == [planted["truncated"]]
    # the lungs are those that lung_segmentation predicts, which ran before
    cohort = pd.read_parquet(latest(data / "05_model_input/tb_classification/cohort.parquet"))
    assert set(cohort["lungs"]) <= {"predicted", ""}
    assert (cohort["lungs"] == "predicted").sum() > 0
    assert cohort["age_years"].between(18, 80).all()
    # so is the encoder
    store = latest(data / "04_feature/tb_classification/embeddings")
    facts = json.loads((store / "lung.json").read_text())["facts"]
    assert facts["weights"] == "models/lung_segmentation/honest/resunet"
    # a mirrored copy is in the fold of its film
    split = pd.read_parquet(latest(data / "05_model_input/tb_classification/honest/cohort.parquet"))
    pair = split[split["image_id"].isin([planted["turned_copy"], truth["image_id"].iloc[0]])]
    assert pair.groupby("arm")["split"].nunique().eq(1).all()
    found = pd.read_csv(data / "07_model_output/tb_classification/tuberculosis.csv")
    assert found["probability"].between(0, 1).all()
    assert not any((data / "06_models/tb_classification/.unfinished").rglob("*.ckpt"))


def check_lesions(data: Path) -> None:
    """What lesion_regression wrote."""
    reports, models = data / "08_reporting/lesion_regression", data / "06_models/lesion_regression"
    rows = pd.read_parquet(latest(data / "07_model_output/lesion_regression/predictions.parquet"))
    Predictions.validate(rows)
    assert set(rows["protocol"]) == {"published", "honest", "seed_table"}
    honest = rows[(rows["protocol"] == "honest") & (rows["model"] == "xgboost")]
    assert not honest["image_id"].duplicated().any()  # one row a film
    Metrics.validate(pd.read_csv(latest(reports / "metrics.csv")))
    # the planted bad films are listed, the mirrored copy is one family with its film
    truth = pd.read_csv(data.parent / "01_raw/phantoms_test/covid_lesions/truth.csv")
    planted = dict(
        truth.dropna(subset=["planted"])[["planted", "image_id"]].itertuples(index=False)
    )
    rejected = set(pd.read_csv(reports / "rejected.csv")["image_id"])
    assert {planted[kind] for kind in ("truncated", "without_mask", "odd_mask")} <= rejected
    pair = honest[honest["image_id"].isin([planted["turned_copy"], truth["image_id"].iloc[0]])]
    assert len(pair) == 2
    assert len(set(pair["group_id"])) == len(set(pair["fold"])) == 1
    for kind in ("xgboost", "lightgbm", "random_forest"):
        assert (reports / f"cv_scatter_{kind}.png").stat().st_size > 0
        assert (reports / f"shap_importance_{kind}.png").stat().st_size > 0
        name = f"07_model_output/lesion_regression/shap_values_{kind}.parquet"
        assert set(pd.read_parquet(latest(data / name))["protocol"]) == {"published", "honest"}
    for table in ("best_hyperparams", "cv_metrics", "training_history", "leakage"):
        assert len(pd.read_csv(latest(reports / f"{table}.csv"))) > 0
    assert (models / "studies/studies.db").stat().st_size > 0
    files = {path.name for path in models.rglob("*") if path.is_file()}
    assert {"random_forest.onnx", "random_forest.safetensors", "xgboost.booster.json"} <= files
    assert not [name for name in files if name.endswith((".pkl", ".joblib", ".ckpt", ".pt"))]


def test_a_released_network_reads_a_folder_of_any_films(
    finished_run: Path, project_copy: Path
) -> None:
    import pydicom
    from pydicom.data import get_testdata_file

    shutil.copytree(finished_run / "data", project_copy / "data")
    films = project_copy / "my_films"
    models = data_versions(project_copy / "data/test/06_models/lung_segmentation/honest")
    reports = files_of(project_copy / "data/test/08_reporting")
    (films / "patient").mkdir(parents=True)
    pixels = (np.random.default_rng(0).random((60, 80)) * 255).astype(np.uint8)
    cv2.imwrite(str(films / "a.png"), pixels)
    cv2.imwrite(str(films / "b.jpg"), pixels[:, :50])
    pydicom.dcmread(get_testdata_file("CT_small.dcm")).save_as(films / "c.dcm")
    (films / "d.png").write_bytes(b"not a film")
    shutil.copy(films / "a.png", films / "patient/1")  # known by its content
    bootstrap_project(project_copy)
    with KedroSession.create(
        project_copy, env="test", runtime_params={"films": str(films)}
    ) as session:
        session.run(pipeline_names=["lung_segmentation"], tags=["predict"])
    # what a user's own films give lies apart, and nothing of the training's results has changed
    predictions = project_copy / "data/test/predictions"
    output = predictions / "07_model_output/lung_segmentation"
    names = ["a.png", "b.jpg", "c.dcm", "patient/1"]
    shapes = [cv2.imread(str(output / f"masks/{name}.png"), -1).shape for name in names]
    assert shapes == [(60, 80), (60, 50), (128, 128), (60, 80)]
    lungs = pd.read_csv(output / "lungs.csv")
    assert lungs["image_id"].tolist() == names
    rejected = pd.read_csv(predictions / "08_reporting/lung_segmentation/new_rejected.csv")
    assert rejected["image_id"].tolist() == ["d.png"]
    assert files_of(project_copy / "data/test/08_reporting") == reports
    assert (
        data_versions(project_copy / "data/test/06_models/lung_segmentation/honest") == models
    )  # nothing was trained


def files_of(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def data_versions(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_notebooks_run(
    finished_run: Path, project_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished_run / "data", project_copy / "data")
    shutil.copytree(
        NOTEBOOKS, project_copy / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints")
    )
    monkeypatch.setenv("KEDRO_ENV", "test")
    names = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    assert {"dose_estimation", "feature_extraction", "fracture", "lung_segmentation"} <= set(names)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbmake", "notebooks", "-q", "-p", "no:cacheprovider", "-c", "/dev/null"],
        cwd=project_copy, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
