"""Workspaces: each environment has its own, and data of another source are not read."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from xraylab.datasets import SplitTableDataset

STEP = ["dose_simulation.index_cohort"]


def run(project: Path, env: str = "test", params: dict[str, object] | None = None, **run: object):
    bootstrap_project(project)
    with KedroSession.create(project, env=env, runtime_params=params) as session:
        session.run(pipeline_names=["dose_simulation"], **run)


def sidecar(folder: Path) -> dict[str, object]:
    (path,) = sorted(folder.rglob("*.source.json"))[-1:]
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def indexed(
    copy_project: Callable[[Path, pytest.MonkeyPatch], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A project in which `test` has indexed its phantoms."""
    folder = tmp_path_factory.mktemp("indexed")
    with pytest.MonkeyPatch.context() as patch:
        copy_project(folder, patch)
        run(folder, to_nodes=STEP)
    return folder


@pytest.fixture
def cohort(indexed: Path, project_copy: Path) -> Path:
    """A copy of it."""
    shutil.copytree(indexed / "data", project_copy / "data")
    return project_copy


def test_a_table_says_where_it_comes_from(cohort: Path) -> None:
    source = sidecar(cohort / "data/test/05_model_input/dose_simulation/cohort.parquet")
    assert source["environment"] == "test"
    assert source["raw_root"] == "data/01_raw/phantoms_test"
    assert source["phantoms"] is True
    assert source["n_films"] == 18
    assert set(source["data_sets"]) == {"nih_chest_xray14"}
    assert source["seed"] == 2018
    assert len(source["data_digest"]) == 16
    rejected = sidecar(cohort / "data/test/08_reporting/dose_simulation")
    assert rejected["n_films"] == 18


def test_intermediate_data_of_another_root_are_refused(cohort: Path) -> None:
    mine = cohort / "mine"
    shutil.copytree(cohort / "data/01_raw/phantoms_test", mine)
    with pytest.raises(
        ValueError,
        match=r"'dose_simulation.cohort' in the workspace 'data/test' was made from raw root "
        r"'data/01_raw/phantoms_test', not '.*mine'.*--pipelines=dose_simulation\).*--params workspace=FOLDER",
    ):
        run(cohort, params={"raw": str(mine)}, from_nodes=["dose_simulation.plan_exposures"])
    # nor are they skipped as if they were made already
    with pytest.raises(ValueError, match="was made from raw root"):
        run(cohort, params={"raw": str(mine)}, to_nodes=STEP, only_missing_outputs=True)
    # a run from raw films replaces them, and says that these are phantoms, whatever the root is called
    run(cohort, params={"raw": str(mine)}, to_nodes=STEP)
    source = sidecar(cohort / "data/test/05_model_input/dose_simulation/cohort.parquet")
    assert source["raw_root"] == "mine"
    assert source["phantoms"] is True


def test_intermediate_data_are_refused_when_the_films_have_changed_since(cohort: Path) -> None:
    mine = cohort / "mine"
    shutil.copytree(cohort / "data/01_raw/phantoms_test", mine)
    params: dict[str, object] = {"raw": str(mine), "workspace": "mine_out"}
    run(cohort, params=params, to_nodes=STEP)
    run(cohort, params=params, to_nodes=STEP, only_missing_outputs=True)
    film = next((mine / "nih_chest_xray14/images").glob("*.png"))
    film.write_bytes(film.read_bytes() + b"more")
    with pytest.raises(ValueError, match="an earlier state of 'nih_chest_xray14'"):
        run(cohort, params=params, to_nodes=STEP, only_missing_outputs=True)
    with pytest.raises(ValueError, match="an earlier state of 'nih_chest_xray14'"):
        run(cohort, params=params, from_nodes=["dose_simulation.plan_exposures"])


def test_a_workspace_belongs_to_one_environment(cohort: Path) -> None:
    with pytest.raises(
        ValueError,
        match=r"'data/test' belongs to the environment 'test'.*is in 'public'.*--env test",
    ):
        run(
            cohort,
            env="public",
            params={"workspace": "data/test", "raw": "data/01_raw/phantoms_test"},
            to_nodes=STEP,
        )


def test_what_other_processes_save_says_where_it_comes_from(cohort: Path) -> None:
    from kedro.runner import ParallelRunner

    step = ["dose_simulation.plan_exposures"]
    run(cohort, from_nodes=step, to_nodes=step, runner=ParallelRunner(max_workers=1))
    source = sidecar(cohort / "data/test/03_primary/dose_simulation/exposures.parquet")
    assert source["raw_root"] == "data/01_raw/phantoms_test"
    assert set(source["data_sets"]) <= {"nih_chest_xray14"}


def test_a_workspace_that_is_a_pattern_is_refused(cohort: Path) -> None:
    with pytest.raises(ValueError, match=r"may not hold \[ \]: '.*out \[1\]'.*--params workspace"):
        run(cohort, params={"workspace": str(cohort / "out [1]")}, to_nodes=STEP)
    step = ["dose_simulation.plan_exposures"]
    params: dict[str, object] = {"workspace": str(cohort / "out, (1) ü #%")}
    run(cohort, params=params, to_nodes=STEP)
    run(cohort, params=params, from_nodes=step, to_nodes=step)


def test_data_that_do_not_say_where_they_come_from_are_refused(cohort: Path) -> None:
    for path in (cohort / "data/test/05_model_input").rglob("*.source.json"):
        path.unlink()
    with pytest.raises(ValueError, match=r"does not say from which data it was made"):
        run(cohort, from_nodes=["dose_simulation.plan_exposures"])


def test_a_project_can_be_moved(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    moved = tmp_path_factory.mktemp("elsewhere") / "project"
    shutil.copytree(cohort, moved)
    run(moved, from_nodes=["dose_simulation.plan_exposures"], to_nodes=["dose_simulation.plan_exposures"])  # fmt: skip
    assert (moved / "data/test/03_primary/dose_simulation/exposures.parquet").exists()


def test_each_environment_writes_to_its_own_place(cohort: Path) -> None:
    public = cohort / "data/01_raw"
    shutil.copytree(public / "phantoms_test/nih_chest_xray14", public / "nih_chest_xray14")
    run(cohort, env="public", to_nodes=STEP)
    assert (cohort / "data/public/05_model_input/dose_simulation/cohort.parquet").exists()
    assert not (cohort / "data/05_model_input").exists()


def test_results_of_another_split_are_told_apart(project_copy: Path) -> None:
    def run_fracture(split: str | None, **options: object) -> None:
        bootstrap_project(project_copy)
        given = None if split is None else {"split": split}
        with KedroSession.create(project_copy, env="test", runtime_params=given) as session:
            session.run(
                pipeline_names=["fracture"], to_nodes=["fracture.honest.split_cohort"], **options
            )

    run_fracture(None)
    places = project_copy / "data/test/05_model_input/fracture"
    first = pd.read_parquet(max(places.glob("honest/cohort.parquet/*/cohort.parquet")))
    assert sidecar(places / "honest")["split"] == ""
    elsewhere = project_copy.parent / "my split, (1).csv"
    moved = first["split"].map({"test": "val", "val": "test"}).fillna(first["split"])
    first.assign(split=moved)[["image_id", "split"]].to_csv(elsewhere, index=False)
    with pytest.raises(
        ValueError, match=r"'fracture.honest.cohort' .* was made with another split"
    ):
        run_fracture(str(elsewhere), only_missing_outputs=True)
    run_fracture(str(elsewhere))
    second = pd.read_parquet(max(places.glob("honest/cohort.parquet/*/cohort.parquet")))
    assert dict(zip(second["image_id"], second["split"], strict=True)) == dict(
        zip(first["image_id"], moved, strict=True)
    )
    digest = sidecar(places / "honest")["split"]
    assert digest == SplitTableDataset(filepath=str(elsewhere)).identify()
    # the films themselves are those of any split
    assert json.loads(max(places.glob("cohort.parquet/*/*.source.json")).read_text())["split"] == ""
    with pytest.raises(ValueError, match="was made with another split"):
        run_fracture(None, only_missing_outputs=True)
