"""The command line: what a mistake on it says."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project

from xraylab.cli import cli

MISTAKES = {
    "pipeline": (["--pipelines=fractur"], "there is no pipeline 'fractur'. Did you mean 'fracture'?"),
    "tag": (["--pipelines=dose_simulation", "--tags=predct"], "contains no nodes"),
    "node": (
        ["--pipelines=dose_simulation", "--to-nodes=dose_simulation.idex_cohort"],
        "Did you mean 'dose_simulation.index_cohort'?",
    ),
    "environment": (["--env=tst"], "Environments: base, local, public, test"),
    "key": (["--pipelines=dose_simulation", "--params=dose_simulation.sed=3"], "did you mean 'seed'"),
    "value": (
        ["--pipelines=dose_simulation", "--params=dose_simulation.seed=-3"],
        "dose_simulation.seed: input should be greater than or equal to 0, got -3",
    ),
    "raw root": (["--pipelines=dose_simulation", "--params=raw=/no, where"], "the raw root '/no, where' has no folder"),
    "predict pipeline": (["--pipeline=fracture_predic"], "Did you mean 'fracture_predict'?"),
    "no films": (["--pipeline=fracture_predict"], "films and out must be named: --params films=FOLDER_OF_FILMS,out="),
    "no out": (["--pipeline=fracture_predict", "--params=films=conf"], "out must be named"),
    "films that are not there": (
        ["--pipeline=fracture_predict", "--params=films=/no/films,out=results"],
        "there is no folder or file '/no/films' (films)",
    ),
    "out among the films": (
        ["--pipeline=fracture_predict", "--params=films=conf,out=conf/results"],
        "the results would lie among the films: out=conf/results is in films=conf",
    ),
    "no model": (
        ["--pipeline=fracture_predict", "--params=films=conf,out=results"],
        "there is no trained model of fracture yet. Train one first: kedro run --pipeline=fracture",
    ),
    "no such model": (
        ["--pipeline=fracture_predict", "--params=films=conf,out=results,model=./nowhere"],
        "'./nowhere' is no bundle: it holds no card 'bundle.json'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistake_on_the_command_line_says_what_to_do(project_copy: Path, kind: str) -> None:
    arguments, words = MISTAKES[kind]
    bootstrap_project(project_copy)
    env = [] if any(each.startswith("--env") for each in arguments) else ["--env=test"]
    result = CliRunner().invoke(cli, ["run", *env, *arguments])
    assert result.exit_code == 1
    shown = result.stderr
    assert words in shown
    assert len(shown.splitlines()) <= 5
    for noise in ("Traceback", "pydantic", "input_value", "╭"):
        assert noise not in shown


def test_a_bundle_that_is_not_there_cannot_be_zipped(project_copy: Path) -> None:
    bootstrap_project(project_copy)
    result = CliRunner().invoke(cli, ["bundle", "fracture"])
    assert result.exit_code == 1
    assert "there is no trained model of fracture yet. Train one first" in result.stderr
    assert not list(project_copy.glob("*.zip"))


def test_verbose_shows_all_of_an_error(project_copy: Path) -> None:
    bootstrap_project(project_copy)
    result = CliRunner().invoke(cli, ["run", "--env=tst", "--verbose"])
    assert result.exit_code == 1
    assert isinstance(result.exception, Exception)
    assert not isinstance(result.exception, SystemExit)


def test_a_misspelt_key_in_conf_stops_the_run(project_copy: Path) -> None:
    bootstrap_project(project_copy)
    path = project_copy / "conf/local/parameters.yml"
    path.write_text("lung_segmentatoin:\n  seed: 3\n")
    result = CliRunner().invoke(cli, ["run", "--pipelines=dose_simulation"])
    assert (
        "unknown parameter 'lung_segmentatoin' in the files of parameters under conf/"
        in result.stderr
    )
    assert "Did you mean 'lung_segmentation'?" in result.stderr
