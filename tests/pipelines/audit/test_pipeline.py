"""The whole audit on an in-memory catalog, and what its hook makes of the findings."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from tests.pipelines.audit.films import PARAMS, draw, write

from xraylab.audit_hooks import AuditError, AuditHooks
from xraylab.datasets import ArrayCacheDataset, RadiographFolderDataset
from xraylab.models.frozen import FrozenEncoderParams
from xraylab.pipelines.audit.params import AuditParams, LabelsParams
from xraylab.pipelines.audit.pipeline import create_pipeline
from xraylab.records.split_table import SplitTable, parse_split_table

OUTPUTS = ("findings", "all_findings", "clusters", "split", "film_list", "page", "recognised")
QUICK = PARAMS.model_copy(
    update={"labels": LabelsParams(encoder=FrozenEncoderParams(encoder="hog", grid=2))}
)
NAME = "Doe^Jane"


class Kept(MemoryDataset):
    """A data set that a runner does not release once all nodes have read it."""

    def _release(self) -> None:
        pass


def audit(
    films: Path, tables: dict[str, Any], split: SplitTable | None, params: AuditParams
) -> dict[str, Any]:
    """Run the pipeline, and return its outputs."""
    given = {
        "audit.films": RadiographFolderDataset(
            path=str(films), folders=["**"], id="path", allow_empty=True
        ),
        "audit.tables": MemoryDataset(tables),
        "audit.place": MemoryDataset("/data/my <set>"),
        "audit.arrays": ArrayCacheDataset(path=str(films.parent / "arrays")),
        "split_table": MemoryDataset(split),
        "encoder_weights": MemoryDataset({}),
        "params:audit": MemoryDataset(params),
    }
    catalog = DataCatalog({**given, **{f"audit.{name}": Kept() for name in OUTPUTS}})
    SequentialRunner().run(create_pipeline(), catalog)
    return {name: catalog.load(f"audit.{name}") for name in OUTPUTS}


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set in which patients and copies lie on both sides, and a shortcut gives the class away."""
    folder = tmp_path_factory.mktemp("leaky") / "films"
    films: dict[str, np.ndarray | bytes] = {}
    for k in range(60):
        label = ("whole", "broken")[k % 2]
        part = "train" if k < 40 else "test"
        film = draw(k, 96)
        if label == "broken":
            film[:8] = 255  # a white upper border
        films[f"{part}/{label}/{k}.png"] = film
    films["test/broken/turned.png"] = np.rot90(films["train/broken/1.png"])
    films["train/whole/cut.png"] = b"\x89PNG\r\n\x1a\nxx"
    write(folder, films)
    return folder


@pytest.fixture(scope="module")
def found(leaky: Path) -> dict[str, Any]:
    return audit(leaky, {"labels": lambda: patients_of(leaky)}, None, QUICK)


def patients_of(folder: Path) -> pd.DataFrame:
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png"))
    table = pd.DataFrame({"image": names, "patient_id": [f"P{k}" for k in range(len(names))]})
    ends = [name.endswith(("/2.png", "/42.png")) for name in names]
    table.loc[ends, "patient_id"] = NAME  # one patient in train and in test
    return table


def test_every_planted_fault_is_found(found: dict[str, Any]) -> None:
    findings = found["all_findings"].set_index("finding")
    for name in ("copies_across_parts", "patients_across_parts", "shortcut_border"):
        assert findings.loc[name, "severity"] == "error", name
    assert findings.loc["copies_across_parts", "n"] == 2
    assert findings.loc["patients_across_parts", "n"] == 1
    assert findings.loc["shortcut_border", "value"] > 0.95
    broken = findings[findings["check"] == "files"]
    assert broken["affected"].tolist() == ['["train/whole/cut.png"]']
    assert findings.loc["names_as_ids", "n"] == 2
    assert list(dict.fromkeys(findings["check"])) == [
        "files", "copies", "groups", "splits", "shortcuts", "labels"
    ]  # fmt: skip


def test_every_file_is_listed_with_its_findings(found: dict[str, Any], leaky: Path) -> None:
    films = found["film_list"].set_index("image_id")
    assert sorted(films.index) == sorted(
        str(path.relative_to(leaky)) for path in leaky.rglob("*.png")
    )
    assert films.loc["train/whole/cut.png", "status"] == "unreadable"
    assert "copies_across_parts" in films.loc["test/broken/turned.png", "findings"].split("; ")


def test_no_id_of_a_patient_reaches_any_output(found: dict[str, Any]) -> None:
    tables = [found[name].to_csv() for name in OUTPUTS if name != "page"]
    for text in (*tables, found["page"]):
        assert NAME not in text
        assert "P17" not in text


def test_the_page_names_the_set_and_its_faults(found: dict[str, Any]) -> None:
    page = found["page"]
    assert "my &lt;set&gt;" in page
    assert "my <set>" not in page
    assert "1 patient lies in several parts" in page


def test_the_proposed_split_leaks_nowhere(found: dict[str, Any], leaky: Path) -> None:
    split = found["split"]
    assert split.groupby("group_id")["split"].nunique().max() == 1
    by_id = split.set_index("image_id")
    assert by_id.loc["train/broken/1.png", ["split", "moved"]].tolist() == ["test", True]
    given = parse_split_table(split[["image_id", "split"]], "split.csv")
    again = audit(leaky, {"labels": lambda: patients_of(leaky)}, given, QUICK)
    left = again["all_findings"]
    leaks = left[left["check"].isin(["copies", "groups"]) & (left["severity"] == "error")]
    assert leaks["finding"].tolist() == []
    assert not again["split"]["moved"].any()


def test_two_runs_find_the_same(found: dict[str, Any], leaky: Path) -> None:
    again = audit(leaky, {"labels": lambda: patients_of(leaky)}, None, QUICK)
    for name in ("findings", "clusters", "split", "film_list"):
        pd.testing.assert_frame_equal(found[name], again[name])


def test_an_empty_folder_is_an_answer(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    found = audit(tmp_path / "films", {}, None, QUICK)
    assert len(found["film_list"]) == len(found["split"]) == len(found["clusters"]) == 0
    assert "error" not in set(found["findings"]["severity"])
    assert found["page"].startswith("<!")


def test_one_film_is_an_answer(tmp_path: Path) -> None:
    write(tmp_path / "films", {"a.png": draw(0)})
    found = audit(tmp_path / "films", {}, None, QUICK)
    assert found["film_list"]["status"].tolist() == ["ok"]
    assert found["split"]["image_id"].tolist() == ["a.png"]


@pytest.mark.parametrize(
    ("fail_on", "severities", "fails"),
    [
        ("never", ["error"], False),
        ("error", ["warning", "info"], False),
        ("error", ["info", "error"], True),
        ("warning", ["warning"], True),
        ("warning", ["info"], False),
    ],
)
def test_findings_end_a_run_as_asked(fail_on: str, severities: list[str], fails: bool) -> None:
    hooks = AuditHooks()
    params = AuditParams(fail_on=fail_on)  # type: ignore[arg-type] - of a parametrised test
    hooks.before_pipeline_run(
        create_pipeline(), DataCatalog({"params:audit": MemoryDataset(params)})
    )
    table = pd.DataFrame({"severity": severities, "title": [f"a {each}" for each in severities]})
    hooks.after_dataset_saved("audit.all_findings", table)
    if fails:
        with pytest.raises(AuditError, match=f"fail_on: {fail_on}"):
            hooks.after_pipeline_run()
    else:
        hooks.after_pipeline_run()


def test_a_run_without_an_audit_is_left_alone() -> None:
    from kedro.pipeline import Pipeline

    hooks = AuditHooks()
    hooks.before_pipeline_run(Pipeline([]), DataCatalog({}))
    hooks.after_dataset_saved("fracture.metrics", pd.DataFrame())
    hooks.after_pipeline_run()
