from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DatasetError

from xraylab.datasets.summary_dataset import Summary, SummaryDataset


def test_a_summary_comes_back_with_its_figures_in_order(tmp_path: Path) -> None:
    dataset = SummaryDataset(filepath=str(tmp_path / "deep" / "summary.zip"))
    assert dataset.load() is None
    assert not dataset.exists()
    metrics = pd.DataFrame({"protocol": ["honest"], "model": ["01"], "value": [0.1 + 0.2]})
    dataset.save(Summary(metrics, {"roc": b"one", "confusion": b"two"}))
    found = dataset.load()
    assert found is not None
    pd.testing.assert_frame_equal(found.metrics, metrics)
    assert list(found.figures.items()) == [("roc", b"one"), ("confusion", b"two")]
    dataset.save(Summary(pd.DataFrame()))
    found = dataset.load()
    assert found is not None
    assert found.metrics.empty
    assert found.figures == {}


def test_tables_come_back_with_text_as_text(tmp_path: Path) -> None:
    dataset = SummaryDataset(filepath=str(tmp_path / "summary.zip"))
    trainings = pd.DataFrame(
        {"model": ["01", "02"], "cut_short": ["", "stopped by the clock"], "minutes": [0.5, None]}
    )
    nobody = pd.DataFrame({"image_id": pd.Series(dtype=str), "reason": pd.Series(dtype=str)})
    dataset.save(Summary(pd.DataFrame(), {}, {"trainings": trainings, "rejected": nobody}))
    found = dataset.load()
    assert found is not None
    pd.testing.assert_frame_equal(found.tables["trainings"], trainings)
    assert found.tables["rejected"].empty
    assert list(found.tables["rejected"]) == ["image_id", "reason"]
    assert list(found.tables) == ["trainings", "rejected"]


def test_another_file_is_no_summary(tmp_path: Path) -> None:
    path = tmp_path / "summary.zip"
    path.write_text("text")
    with pytest.raises(DatasetError, match="is no summary of a pipeline"):
        SummaryDataset(filepath=str(path)).load()
