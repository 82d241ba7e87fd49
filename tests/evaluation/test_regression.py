"""Regressions beside each other, by hand."""

import numpy as np
import pandas as pd
import pytest

from xraylab.evaluation.regression import r2_gains, tabulate_folds

TARGET = np.linspace(0, 1, 12)


def rows(model: str, error: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "protocol": "honest", "model": model, "group_id": [f"g{k // 2}" for k in range(12)],
            "fold": np.arange(12) % 3, "target": TARGET,
            "prediction": TARGET + error * (-1) ** np.arange(12),
        }
    )  # fmt: skip


def test_a_gain_is_the_difference_of_r2_on_the_same_rows() -> None:
    both = pd.concat([rows("line", 0.2), rows("forest", 0.1), rows("network", 0.0)])
    (gain,) = r2_gains(both, "line", ("network",), 50, 0).to_dict("records")
    assert (gain["model"], gain["metric"], gain["split"]) == ("forest", "r2_gain", "test")
    assert gain["value"] == pytest.approx(0.03 / np.var(TARGET))
    assert gain["ci_low"] < gain["value"] < gain["ci_high"]


def test_there_is_no_gain_without_a_baseline_or_on_other_rows() -> None:
    assert r2_gains(rows("forest", 0.1), "line", (), 0, 0).empty
    fewer = pd.concat([rows("line", 0.2), rows("forest", 0.1).head(6)])
    assert r2_gains(fewer, "line", (), 0, 0).empty


def test_folds_are_measured_alone() -> None:
    found = tabulate_folds(rows("forest", 0.1)).set_index("fold")
    assert found["n"].tolist() == [4, 4, 4]
    assert found.loc[1, "mse"] == pytest.approx(0.01)
    assert found.loc[1, "r2"] == pytest.approx(1 - 0.01 / np.var(TARGET[1::3]))
    constant = rows("forest", 0.1).assign(target=0.5)
    assert tabulate_folds(constant)["r2"].isna().all()
