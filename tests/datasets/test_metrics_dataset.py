from pathlib import Path

import pandas as pd
import pytest
from kedro.io.core import Version, generate_timestamp

from xraylab.datasets import MetricsDataset
from xraylab.evaluation.tables import Metrics


@pytest.fixture
def metrics() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "protocol": ["honest"], "model": ["1"], "split": ["test"], "metric": ["r2"],
            "value": [0.5], "ci_low": [float("nan")], "ci_high": [0.6], "n": [7],
        }
    )  # fmt: skip


def test_round_trip_keeps_text_as_text(tmp_path: Path, metrics: pd.DataFrame) -> None:
    dataset = MetricsDataset(filepath=str(tmp_path / "metrics.csv"))
    dataset.save(metrics)
    loaded = dataset.load()
    pd.testing.assert_frame_equal(loaded, metrics.astype(loaded.dtypes))
    assert loaded["model"].item() == "1"
    assert (
        (tmp_path / "metrics.csv")
        .read_text()
        .startswith("protocol,model,split,metric,value,ci_low,ci_high,n\n")
    )


def test_what_was_never_saved_is_empty_and_does_not_exist(tmp_path: Path) -> None:
    dataset = MetricsDataset(filepath=str(tmp_path / "metrics.csv"))
    Metrics.validate(dataset.load())
    assert dataset.load().empty
    assert not dataset.exists()


def test_versions(tmp_path: Path, metrics: pd.DataFrame) -> None:
    path = str(tmp_path / "metrics.csv")
    unsaved = MetricsDataset(filepath=path, version=Version(None, None))
    assert not unsaved.exists()
    assert unsaved.load().empty
    MetricsDataset(filepath=path, version=Version(None, generate_timestamp())).save(metrics)
    assert len(MetricsDataset(filepath=path, version=Version(None, None)).load()) == 1


def test_protocol(metrics: pd.DataFrame) -> None:
    dataset = MetricsDataset(filepath="memory:///reports/metrics.csv")
    dataset.save(metrics)
    assert len(dataset.load()) == 1
