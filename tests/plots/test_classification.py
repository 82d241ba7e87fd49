import numpy as np
import pandas as pd
import pytest
from tests.plots.drawn import draw, text_of

from xraylab import plots


def bins() -> pd.DataFrame:
    return pd.DataFrame(
        {"mean_prediction": [0.9, 0.1, np.nan], "share_positive": [0.8, 0.2, np.nan], "ci_low": [0.7, 0.1, np.nan],
         "ci_high": [0.9, 0.4, np.nan], "n": [30, 20, 0]}
    )  # fmt: skip


def test_reliability_draws_filled_bins_with_their_intervals_and_counts() -> None:
    figure = plots.plot_reliability(
        {"honest, a": bins(), "b": bins()}, {"honest, a": 0.0421}, "fractured"
    )
    draw(figure)
    diagram, counts = figure.axes[0], figure.axes[2]
    assert diagram.lines[1].get_xydata().tolist() == [[0.1, 0.2], [0.9, 0.8]]
    assert [s[:, 1].tolist() for s in diagram.collections[0].get_segments()] == [
        [0.1, 0.4],
        [0.7, 0.9],
    ]
    assert [s[:, 1].tolist() for s in counts.collections[0].get_segments()] == [[0, 20], [0, 30]]
    assert diagram.get_xlim() == counts.get_xlim()
    written = text_of(figure)
    assert "ECE 0.042, n = 50" in written
    assert "\nn = 50" in written
    with pytest.raises(ValueError, match="bins of 'x': none of 1 holds a film"):
        plots.plot_reliability({"x": bins().iloc[2:]})
    with pytest.raises(ValueError, match="bins of 'x' lacks"):
        plots.plot_reliability({"x": bins().drop(columns="ci_low")})
    with pytest.raises(ValueError, match="no table"):
        plots.plot_reliability({})


def test_confusion_gives_shares_of_rows_and_counts() -> None:
    table = pd.DataFrame([[3, 1], [2, 6]])
    figure = plots.plot_confusion(
        {"as a table": table, "as counts": (3, 1, 2, 6), "no negative": (0, 0, 1, 1)},
        ("healthy", "fractured"),
    )
    draw(figure)
    drawn = [
        [t.get_text() for t in ax.texts if t.get_text() != ax.get_title()][1:] for ax in figure.axes
    ]
    assert drawn[0] == drawn[1] == ["75.0 %", "3", "25.0 %", "1", "25.0 %", "2", "75.0 %", "6"]
    assert drawn[2] == ["–", "0", "–", "0", "50.0 %", "1", "50.0 %", "1"]
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == [
        "healthy",
        "fractured",
    ]
    for bad, message in (((1, 2, 3), "2 × 2"), ((1, 2, 3, -1), "at least 0")):
        with pytest.raises(ValueError, match=f"counts of 'x' must be {message}"):
            plots.plot_confusion({"x": bad}, ("a", "b"))
    with pytest.raises(ValueError, match="no counts"):
        plots.plot_confusion({}, ("a", "b"))
