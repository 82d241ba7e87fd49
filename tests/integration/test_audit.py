"""What audit wrote in the default run, and how it ends a run."""

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project
from tests.integration.results import Results

from xraylab.cli import cli

FOLDER = "08_reporting/audit/fracture_multi_region"


@pytest.fixture(scope="module")
def findings(results: Results) -> pd.DataFrame:
    return pd.read_csv(results.workspace / FOLDER / "findings.csv").set_index("finding")


def test_planted_copies_are_found_across_the_parts(
    results: Results, findings: pd.DataFrame
) -> None:
    across = findings.loc["copies_across_parts"]
    assert across["severity"] == "error"
    clusters = pd.read_csv(results.workspace / FOLDER / "clusters.csv", dtype=str)
    found = clusters.set_index("image_id")["cluster"]
    truth = results.truth("fracture_multi_region")
    exact = truth[truth["planted"] == "exact"]
    assert len(exact) > 0
    assert found[exact["file"]].tolist() == found[exact["source"]].tolist()
    for pair in json.loads(across["examples"]):
        assert found[pair[0]] == found[pair[1]]


def test_the_planted_broken_film_is_named(results: Results, findings: pd.DataFrame) -> None:
    truth = results.truth("fracture_multi_region")
    (truncated,) = truth.loc[truth["planted"] == "truncated", "file"]
    assert json.loads(findings.loc["truncated", "examples"]) == [[truncated]]


def test_every_file_of_the_set_is_listed(results: Results) -> None:
    films = pd.read_csv(results.workspace / FOLDER / "films.csv", dtype=str)
    root = results.project / "data/01_raw/phantoms_test/fracture_multi_region"
    there = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    listed = set(films["image_id"])
    assert {each for each in there if not Path(each).name.startswith(".")} <= listed
    assert films["image_id"].is_unique


def test_the_proposed_split_keeps_copies_together(results: Results) -> None:
    folder = results.workspace / FOLDER
    split = pd.read_csv(folder / "split.csv", keep_default_na=False).set_index("image_id")["split"]
    clusters = pd.read_csv(folder / "clusters.csv", keep_default_na=False)
    assert {"train", "val", "test"} <= set(split)
    parts = clusters["image_id"].map(split).groupby(clusters["cluster"]).nunique()
    assert len(parts) > 0
    assert parts.max() == 1


def test_the_page_holds_itself(results: Results) -> None:
    page = (results.workspace / FOLDER / "audit.html").read_text(encoding="utf-8")
    assert "fracture_multi_region" in page
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_an_audit_may_fail_and_writes_its_results_before(
    project_copy: Path, tmp_path: Path, results: Results
) -> None:
    bootstrap_project(project_copy)
    films = results.project / "data/01_raw/phantoms_test/fracture_multi_region"
    options = f"films={films},out={tmp_path / 'found'},audit.fail_on=error"
    ended = CliRunner().invoke(cli, ["run", "--env=test", "--pipelines=audit", "--params", options])
    assert ended.exit_code == 1
    assert "the audit fails (audit.fail_on: error)" in ended.output
    assert "Traceback" not in ended.output
    names = {path.name for path in (tmp_path / "found").iterdir()}
    assert {"audit.html", "findings.csv", "films.csv", "clusters.csv", "split.csv"} <= names


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("audit.data_set=bone", "there is no data set 'bone' (audit.data_set)"),
        ("films=/nowhere/at/all", "/nowhere/at/all"),
        ("audit.fail_on=sometimes", "fail_on"),
        ("audit.tabel=x.csv", "did you mean 'table'"),
    ],
)
def test_what_cannot_be_audited_is_said_in_one_sentence(
    project_copy: Path, options: str, said: str
) -> None:
    bootstrap_project(project_copy)
    ended = CliRunner().invoke(cli, ["run", "--env=test", "--pipelines=audit", "--params", options])
    assert ended.exit_code == 1
    assert said in " ".join(ended.output.split())
    assert "Traceback" not in ended.output
