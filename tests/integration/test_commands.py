"""Each way in which the documentation says that a part of the project is run."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project
from tests.integration.commands import run
from tests.integration.results import Results

SIMULATION = {
    "03_primary/dose_simulation/exposures.parquet",
    "05_model_input/dose_simulation/cohort.parquet",
    "07_model_output/dose_simulation/physics_curves.parquet",
    "07_model_output/dose_simulation/physics_spectra.parquet",
    "08_reporting/dose_simulation/metrics.csv",
    "08_reporting/dose_simulation/physics_validation.png",
    "08_reporting/dose_simulation/rejected.csv",
    "08_reporting/dose_simulation/summary.zip",
}
EXTRACTION = {
    "04_feature/feature_extraction/features.parquet",
    "08_reporting/feature_extraction/correlations.png",
    "08_reporting/feature_extraction/dose_strip.png",
    "08_reporting/feature_extraction/noise_against_dose.png",
    "08_reporting/feature_extraction/rejected.csv",
    "08_reporting/feature_extraction/summary.zip",
}


def test_the_log_of_the_default_run_can_be_read(finished_run: Path) -> None:
    lines = (finished_run / "terminal.log").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 400
    bootstrap_project(finished_run)
    n_nodes = len(pipelines["__default__"].nodes)
    assert sum(" INFO " in line and line.endswith(" s)") for line in lines) >= n_nodes
    (summary,) = (place for place, line in enumerate(lines) if "Summary: all pipelines" in line)
    assert 15 < len(lines) - summary <= 35
    assert max(map(len, lines[summary:])) <= 100
    assert not [line for line in lines if "Deprecat" in line or "Loading data" in line]


def test_one_pipeline(project_copy: Path) -> None:
    assert run(project_copy, "--pipeline=dose_simulation") == SIMULATION


def test_several_pipelines(project_copy: Path) -> None:
    written = run(project_copy, "--pipelines=dose_simulation,feature_extraction")
    assert written == SIMULATION | EXTRACTION


def test_a_released_model_reads_a_folder_of_films(finished_copy: Path) -> None:
    """Its results lie in the folder that was named, and nothing of the training's has changed."""
    top = "fracture_multi_region/Bone_Fracture_Binary_Classification"
    films = finished_copy / "data/01_raw/phantoms_test" / top / "test"
    out = finished_copy / "results"
    params = f"--params=films={films},out={out}"
    assert run(finished_copy, "--pipeline=fracture_predict", params) == set()
    assert {"predictions.csv", "predictions.parquet", "summary.html"} <= {
        path.name for path in out.iterdir()
    }


def test_a_pipeline_brings_what_it_reads(project_copy: Path) -> None:
    written = run(project_copy, "--pipeline=feature_extraction")
    made = {
        "03_primary/dose_simulation/exposures.parquet",
        "05_model_input/dose_simulation/cohort.parquet",
        "08_reporting/dose_simulation/rejected.csv",
    }
    assert written == EXTRACTION | made


def test_a_protocol_is_a_tag(finished_copy: Path, results: Results) -> None:
    written = run(finished_copy, "--pipelines=dose_estimation", "--tags=honest")
    protocols = {path.split("/")[2] for path in written if path.count("/") > 2}
    assert "honest" in protocols
    assert not {"published", "fair"} & protocols
    assert "08_reporting/dose_estimation/metrics.csv" in written
    # those that ran before on the same films are compared too
    found = Results(finished_copy).metrics("dose_estimation")
    pd.testing.assert_frame_equal(found, results.metrics("dose_estimation"))


def test_a_protocol_alone_is_compared_with_nothing(project_copy: Path) -> None:
    run(project_copy, "--pipelines=lesion_regression", "--tags=seed_table")
    metrics = Results(project_copy).metrics("lesion_regression")
    assert set(metrics["protocol"]) == {"seed_table"}
    assert not (project_copy / "data/01_raw/phantoms_test/covid_lesions").exists()


def test_one_namespace(finished_copy: Path) -> None:
    name = "dose_estimation.honest"
    assert run(finished_copy, "--pipelines=dose_estimation", f"--namespaces={name}") == {
        "05_model_input/dose_estimation/honest/cohort.parquet",
        "06_models/dose_estimation/honest",
        "07_model_output/dose_estimation/honest/predictions.parquet",
        "08_reporting/dose_estimation/honest/history.csv",
        "08_reporting/dose_estimation/honest/leakage.csv",
    }


def test_from_a_node_on(finished_copy: Path) -> None:
    written = run(
        finished_copy,
        "--pipelines=feature_extraction",
        "--from-nodes=feature_extraction.plot_noise_against_dose",
    )
    assert written == {
        "08_reporting/feature_extraction/noise_against_dose.png",
        "08_reporting/feature_extraction/summary.zip",
    }
    node = "--from-nodes=dose_simulation.plan_exposures"
    written = run(finished_copy, "--pipelines=dose_simulation", node)
    assert written == {"03_primary/dose_simulation/exposures.parquet"}


def test_what_is_made_of_earlier_results_says_their_source(finished_copy: Path) -> None:
    run(finished_copy, "--pipelines=dose_estimation", "--from-nodes=dose_estimation.evaluate")
    path = Results(finished_copy).newest("08_reporting/dose_estimation/metrics.csv")
    source = json.loads(path.with_name(f"{path.name}.source.json").read_text())
    assert set(source["data_sets"]) == {"nih_chest_xray14"}
    assert source["n_films"] > 0


def test_what_is_missing(finished_copy: Path) -> None:
    pipelines = "--pipelines=dose_simulation,feature_extraction"
    assert run(finished_copy, pipelines, "--only-missing-outputs") == set()
    shutil.rmtree(finished_copy / "data/test/04_feature/feature_extraction/features.parquet")
    assert run(finished_copy, pipelines, "--only-missing-outputs") == {
        "04_feature/feature_extraction/features.parquet",
        "08_reporting/feature_extraction/rejected.csv",
    }


def test_nothing_is_missing_after_the_default_run(finished_copy: Path) -> None:
    assert run(finished_copy, "--only-missing-outputs") == set()


def test_an_earlier_version_is_loaded(finished_copy: Path, results: Results) -> None:
    folder = finished_copy / "data/test/03_primary/dose_simulation/exposures.parquet"
    (first,) = (path.name for path in folder.iterdir())
    node = "--from-nodes=dose_simulation.plan_exposures"
    run(finished_copy, "--pipelines=dose_simulation", node, "--params=dose_simulation.seed=7")
    copy, place = Results(finished_copy), "03_primary/dose_simulation/exposures.parquet"
    assert not copy.table(place)["noise_key"].equals(results.table(place)["noise_key"])
    run(
        finished_copy,
        "--pipelines=feature_extraction",
        "--from-nodes=feature_extraction.extract_features",
        "--to-nodes=feature_extraction.extract_features",
        f"--load-versions=dose_simulation.exposures:{first}",
    )
    place = "04_feature/feature_extraction/features.parquet"
    assert len(list((finished_copy / "data/test" / place).iterdir())) == 2
    pd.testing.assert_frame_equal(copy.table(place), results.table(place))


def test_threads(project_copy: Path, results: Results) -> None:
    written = run(project_copy, "--pipelines=dose_simulation", "--runner=ThreadRunner")
    assert written == SIMULATION
    found = Results(project_copy).metrics("dose_simulation")
    pd.testing.assert_frame_equal(found, results.metrics("dose_simulation"))


def test_a_second_run_with_the_same_seed_gives_the_same_tables(
    project_copy: Path, results: Results
) -> None:
    run(project_copy, "--pipelines=dose_simulation,feature_extraction,dose_estimation")
    for place in (
        "04_feature/feature_extraction/features.parquet",
        "07_model_output/dose_estimation/predictions.parquet",
    ):
        pd.testing.assert_frame_equal(Results(project_copy).table(place), results.table(place))


def test_kedro_viz_builds_a_page(project_copy: Path) -> None:
    """What it shows is tested without the command (`tests/test_kedro_viz.py`)."""
    build = [sys.executable, "-m", "kedro", "viz", "build"]
    subprocess.run(build, cwd=project_copy, check=True, capture_output=True)
    assert (project_copy / "build/index.html").is_file()
    assert "reporting" in json.loads((project_copy / "build/api/main").read_text())["layers"]
