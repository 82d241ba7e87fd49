import numpy as np
import pandas as pd
import pytest

from xraylab import plots


def test_each_fold_has_a_colour_and_each_panel_its_scores() -> None:
    rows = pd.DataFrame(
        {"protocol": "honest", "model": ["a"] * 4 + ["b"] * 4, "fold": [0, 0, 1, 1] * 2, "target": [0.0, 1, 2, 3] * 2,
         "prediction": [0.0, 1, 2, 3, 3, 2, 1, 0]}
    )  # fmt: skip
    metrics = pd.DataFrame(
        {
            "protocol": "honest",
            "model": ["a", "a", "b"],
            "metric": ["r2", "rmse", "r2"],
            "value": [0.5, 0.25, np.nan],
        }
    )
    figure = plots.plot_fold_scatter(rows, metrics)
    titles = [ax.get_title(loc="left") for ax in figure.axes if ax.get_visible()]
    assert titles == ["honest: a\nR² 0.500, RMSE 0.25, n = 4", "honest: b\nR² not defined, n = 4"]
    assert len(figure.axes[0].collections) == 2
    with pytest.raises(ValueError, match="no rows"):
        plots.plot_fold_scatter(rows.iloc[:0], metrics)
