import numpy as np
import pandas as pd
import pytest
from tests.plots.drawn import draw

from xraylab import plots


def test_loss_curves_are_logarithmic_and_leave_gaps() -> None:
    history = pd.DataFrame(
        {"protocol": "honest", "model": ["mlp"] * 3 + ["trees"] * 2, "epoch": [1, 2, 3, 1, 2],
         "train_loss": [1.0, 0.1, 0.01, 2.0, 1.0], "val_loss": [np.nan] * 5}
    )  # fmt: skip
    figure = plots.plot_loss_curves(history)
    draw(figure)
    assert [ax.get_yscale() for ax in figure.axes] == ["log", "log"]
    assert figure.axes[0].lines[0].get_ydata().tolist() == [1.0, 0.1, 0.01]


def test_metric_curves_are_linear_and_mark_lone_epochs() -> None:
    history = pd.DataFrame(
        {"protocol": "honest", "model": ["a"] * 4 + ["b"] * 2, "epoch": [1, 2, 3, 4, 1, 2],
         "train_auroc": [0.5, 0.6, 0.7, 0.8, 0.5, 0.6], "val_auroc": [0.5, np.nan, 0.6, np.nan, np.nan, np.nan]}
    )  # fmt: skip
    figure = plots.plot_metric_curves(history, "auroc")
    draw(figure)
    first, second = figure.axes
    assert first.get_yscale() == "linear"
    assert first.get_ylabel() == "Area under ROC"
    train, val, lone = first.lines
    assert train.get_linewidth() < val.get_linewidth()
    assert lone.get_xydata().tolist() == [[1, 0.5], [3, 0.6]]
    assert len(second.lines) == 2
    with pytest.raises(ValueError, match="val_f1"):
        plots.plot_metric_curves(history, "f1")
