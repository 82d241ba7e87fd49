import json
from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DatasetError
from tests.test_provenance import SOURCE

from xraylab.datasets.versions_dataset import VersionsDataset

A, B, C = (f"2026-11-2{day}T10.00.00.000Z" for day in (1, 2, 3))


def save(root: Path, pipeline: str, version: str, value: float) -> None:
    folder = root / f"08_reporting/{pipeline}/metrics.csv/{version}"
    folder.mkdir(parents=True)
    row = {"protocol": "honest", "model": "01", "split": "test", "metric": "mae", "value": value}
    table = pd.DataFrame([{**row, "ci_low": value, "ci_high": value, "n": 3, "n_groups": 3}])
    table.to_csv(folder / "metrics.csv", index=False)
    (folder / "metrics.csv.source.json").write_text(SOURCE.to_json())


def save_card(root: Path, pipeline: str, version: str, epochs: int) -> None:
    folder = root / f"06_models/{pipeline}/honest/{version}/honest"
    folder.mkdir(parents=True)
    head = {"format": "xraylab.models/1", "models": ["01"], "files": {}}
    (folder / "01.json").write_text(json.dumps({**head, "card": {"epochs": epochs}}))


def test_both_versions_of_each_pipeline_that_has_them_are_read(tmp_path: Path) -> None:
    for pipeline, versions in {"bone_age": (A, B), "fracture": (A,), "tb": (A, B, C)}.items():
        for place, version in enumerate(versions):
            save(tmp_path, pipeline, version, float(place))
    save_card(tmp_path, "bone_age", A, 3)  # the second run has trained none
    (tmp_path / f"06_models/tb/honest/{B}").mkdir(parents=True)  # an interrupted one
    found = VersionsDataset(path=str(tmp_path), compare=[A, B]).load()
    assert list(found) == ["bone_age", "tb"]
    first, second = found["bone_age"]
    assert (first.name, second.name) == (A, B)
    assert second.metrics.loc[0, ["model", "value"]].tolist() == ["01", 1.0]
    assert first.source == SOURCE
    assert first.cards == second.cards == {"honest/01": {"epochs": 3}}
    assert found["tb"][1].cards == {}


def test_without_versions_there_is_nothing(tmp_path: Path) -> None:
    assert VersionsDataset(path=str(tmp_path)).load() == {}
    assert VersionsDataset(path=str(tmp_path)).exists()


def test_a_version_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="There is no version of any pipeline yet"):
        VersionsDataset(path=str(tmp_path), compare=[A, B]).load()
    for day in range(1, 6):
        save(tmp_path, "tb", f"2026-11-2{day}T10.00.00.000Z", 0.0)
    save(tmp_path, "fracture", C, 0.0)
    with pytest.raises(DatasetError) as caught:
        VersionsDataset(path=str(tmp_path), compare=[A, "B"]).load()
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"no pipeline has metrics of both versions '{A}' and 'B'")
    assert lines[3:] == [f"There is {C} (fracture, tb)", "and 2 older ones."]


@pytest.mark.parametrize("given", ["A", ["A"], ["A", "A"], ["A", "B", "C"]])
def test_other_than_two_versions_are_refused(tmp_path: Path, given: list[str]) -> None:
    with pytest.raises(DatasetError, match="compare=VERSION_A,VERSION_B"):
        VersionsDataset(path=str(tmp_path), compare=given).load()


def test_nothing_is_saved_through_it(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="versions are saved by"):
        VersionsDataset(path=str(tmp_path)).save({})  # type: ignore[arg-type]
