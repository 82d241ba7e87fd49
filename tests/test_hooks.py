import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import Node, Pipeline

from xraylab.datasets import SplitTableDataset
from xraylab.hooks import PredictHooks, SplitHooks


def run(project: Path, pipeline: str, env: str = "test", **params: object) -> None:
    bootstrap_project(project)
    with KedroSession.create(project, env=env, runtime_params=params) as session:
        session.run(pipeline_names=[pipeline])


@pytest.fixture(scope="module")
def simulated(
    copy_project: Callable[[Path, pytest.MonkeyPatch], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A project in which dose_simulation has run once."""
    folder = tmp_path_factory.mktemp("simulated")
    with pytest.MonkeyPatch.context() as patch:
        copy_project(folder, patch)
        run(folder, "dose_simulation")
    return folder


def test_phantoms_are_written_once(simulated: Path, project_copy: Path) -> None:
    shutil.copytree(simulated / "data", project_copy / "data")
    folder = project_copy / "data/01_raw/phantoms_test/nih_chest_xray14"
    films = sorted((folder / "images").iterdir())
    assert len(films) > 10
    stamps = {path: path.stat().st_mtime_ns for path in films if path.is_file()}
    run(project_copy, "dose_simulation")
    assert stamps == {path: path.stat().st_mtime_ns for path in films if path.is_file()}


def test_nothing_is_generated_under_a_root_of_the_user(project_copy: Path, tmp_path: Path) -> None:
    root = tmp_path / "mine"
    root.mkdir()
    with pytest.raises(ValueError, match=r"mine' has no folder 'nih_chest_xray14'"):
        run(project_copy, "dose_simulation", raw=str(root))
    assert list(root.iterdir()) == []


def test_public_generates_nothing(project_copy: Path) -> None:
    with pytest.raises(ValueError, match=r"01_raw' has no folder 'nih_chest_xray14'"):
        run(project_copy, "dose_simulation", env="public")
    assert not (project_copy / "data" / "01_raw").exists()


def test_parameter_wins_over_environment_variable(
    simulated: Path,
    project_copy: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    shutil.copytree(simulated / "data/01_raw", project_copy / "data/01_raw")
    phantoms = project_copy / "data/01_raw/phantoms_test"
    moved = project_copy / "elsewhere"
    phantoms.rename(moved)
    monkeypatch.setenv("XRAYLAB_RAW", str(project_copy / "nowhere"))
    logging.getLogger("xraylab").propagate = True
    with caplog.at_level(logging.INFO, logger="xraylab"):
        run(project_copy, "dose_simulation", raw=str(moved))
    assert f"Raw root: {moved} (real data, from --params raw)" in caplog.text
    monkeypatch.setenv("XRAYLAB_RAW", str(moved))
    run(project_copy, "dose_simulation")
    assert not phantoms.exists()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"dose_simulation": {"sed": 3}}, "unknown key 'sed'.*did you mean 'seed'"),
        (
            {"dose_simulaton": {"seed": 3}},
            r"unknown parameter 'dose_simulaton'\. Did you mean 'dose_simulation'",
        ),
        ({"dose_simulation": {"seed": -1}}, "greater than or equal to 0"),
        ({"dose_simulation": {"recipes": ["adittive"]}}, "'additive' or 'quantum'"),
    ],
)
def test_bad_parameters_stop_before_anything_runs(
    project_copy: Path, params: dict[str, object], message: str
) -> None:
    with pytest.raises(Exception, match=message):
        run(project_copy, "dose_simulation", **params)
    assert not (project_copy / "data").exists()


def test_an_unknown_protocol_is_refused(project_copy: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown parameter 'dose_estimation\.honets'"):
        run(project_copy, "dose_estimation", dose_estimation={"honets": {"seed": 1}})


def test_the_registry_stays_as_it_is(project_copy: Path) -> None:
    bootstrap_project(project_copy)
    before = {name: {node.name for node in pipeline.nodes} for name, pipeline in pipelines.items()}
    params = {"dose_estimation": {"fair": {"seed": 7}}}
    with KedroSession.create(project_copy, env="test", runtime_params=params) as session:
        session.load_context()
    after = {name: {node.name for node in pipeline.nodes} for name, pipeline in pipelines.items()}
    assert before == after


def test_phantom_stamp_tells_the_parameters(simulated: Path) -> None:
    stamp = json.loads(
        (simulated / "data/01_raw/phantoms_test/nih_chest_xray14/phantom.json").read_text()
    )
    assert "n_patients" in json.dumps(stamp)


def test_one_pipeline_runs_on_a_fresh_clone_with_what_it_needs(project_copy: Path) -> None:
    run(project_copy, "dose_estimation")
    data = project_copy / "data/test"
    assert (data / "07_model_output/dose_estimation/predictions.parquet").exists()
    # what it reads was made, what it does without was not
    assert (data / "04_feature/feature_extraction/features.parquet").exists()
    assert not (data / "08_reporting/dose_simulation/metrics.csv").exists()
    assert not (data / "08_reporting/feature_extraction/correlations.png").exists()
    # and is not made again where only what is missing is asked for
    with KedroSession.create(project_copy, env="test") as session:
        session.run(pipeline_names=["dose_estimation"], only_missing_outputs=True)
    assert len(list((data / "04_feature/feature_extraction/features.parquet").iterdir())) == 1


def test_the_report_alone_makes_nothing_else(project_copy: Path) -> None:
    run(project_copy, "reporting")
    assert (
        "No pipeline has run yet."
        in (project_copy / "data/test/08_reporting/report.html").read_text()
    )
    assert not (project_copy / "data/01_raw").exists()


def test_a_parameter_of_a_run_is_refused_in_a_file_where_nothing_would_read_it(
    project_copy: Path,
) -> None:
    (project_copy / "conf" / "test" / "parameters.yml").write_text("minutes: 20\n")
    with pytest.raises(ValueError, match=r"'minutes' is set in the files .* --params minutes=…"):
        run(project_copy, "dose_simulation")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"films": "films"}, "out must be named"),
        ({"out": "out"}, "films must be named"),
        ({}, "films and out must be named"),
        ({"films": "nowhere", "out": "out"}, r"no folder or file 'nowhere' \(films\)"),
        ({"films": "films", "out": "films/out"}, "the results would lie among the films"),
        ({"films": "films", "out": "films"}, "the results would lie among the films"),
    ],
)
def test_a_run_that_predicts_asks_for_films_and_a_place_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "films").mkdir()
    predicts = Pipeline([Node(len, "films", "out", name="predict", tags="predict")])
    with pytest.raises(ValueError, match=message):
        PredictHooks().before_pipeline_run({"runtime_params": given}, predicts)


def test_other_runs_are_asked_for_nothing(tmp_path: Path) -> None:
    trains = Pipeline([Node(len, "films", "out", name="train")])
    PredictHooks().before_pipeline_run({}, trains)
    named = {"films": str(tmp_path), "out": str(tmp_path.parent / "out")}
    predicts = Pipeline([Node(len, "films", "out", name="predict", tags="predict")])
    PredictHooks().before_pipeline_run({"runtime_params": named}, predicts)


def test_a_split_that_nothing_reads_or_that_is_none_stops_before_anything_runs(
    tmp_path: Path,
) -> None:
    path = tmp_path / "split.csv"
    given = {"runtime_params": {"split": str(path)}}
    catalog = DataCatalog({"split_table": SplitTableDataset(filepath=str(path))})
    trains = Pipeline([Node(len, "cohort", "models", name="train")])
    splits = Pipeline([Node(len, "split_table", "cohort", name="split"), *trains.nodes])
    SplitHooks().before_pipeline_run({}, trains, catalog)
    with pytest.raises(ValueError, match=r"split\.csv changes nothing: no node of this run splits"):
        SplitHooks().before_pipeline_run(given, trains, catalog)
    with pytest.raises(DatasetError, match="there is no such file"):
        SplitHooks().before_pipeline_run(given, splits, catalog)
    path.write_text("image_id,split\na,train\n")
    SplitHooks().before_pipeline_run(given, splits, catalog)
