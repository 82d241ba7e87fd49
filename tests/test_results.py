"""The catalog of a finished run, opened from a notebook's folder."""

import warnings
from pathlib import Path

import pandas as pd
import pytest

from xraylab.results import find_metric, open_catalog

TABLE = pd.DataFrame({"name": ["test films"], "value": [6.0]})


def test_results_are_found_from_a_folder_below_the_project(
    project_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_catalog(env="test")["fracture.audit_summary"].save(TABLE)
    assert list((project_copy / "data/test/08_reporting/fracture/audit_summary.csv").iterdir())
    (project_copy / "notebooks").mkdir()
    monkeypatch.chdir(project_copy / "notebooks")
    monkeypatch.setenv("KEDRO_ENV", "test")
    pd.testing.assert_frame_equal(open_catalog()["fracture.audit_summary"].load(), TABLE)


def test_another_workspace_and_raw_root_are_read(project_copy: Path, tmp_path: Path) -> None:
    catalog = open_catalog(project_copy, workspace=str(tmp_path / "mine"), raw="memory://xray")
    catalog["fracture.audit_summary"].save(TABLE)
    assert (tmp_path / "mine/08_reporting/fracture/audit_summary.csv").exists()
    assert catalog["nih_chest_xray14.films"]._describe()["path"].startswith("memory://xray/")


def test_a_folder_without_a_project_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="no folder holds conf/base"):
        open_catalog()


def test_a_number_that_nobody_measured_has_no_value() -> None:
    metrics = pd.DataFrame(columns=["protocol", "model", "split", "metric", "value"])
    assert find_metric(metrics, "honest", "cnn", "mae").write() == "–"
