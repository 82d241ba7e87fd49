import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from xraylab import plots


def make_rows() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    target = rng.uniform(0, 200, 60)
    rows = pd.DataFrame({"target": target, "prediction": target + 2})
    return pd.concat(
        [
            rows.assign(protocol="published", model="cnn"),
            rows.assign(protocol="honest", model="cnn", prediction=target - 4),
            rows.assign(protocol="honest", model="modern"),
        ]
    )


def notes(figure: Figure) -> list[str]:
    return [text.get_text() for ax in figure.axes if ax.get_visible() for text in ax.texts]


def test_limits_of_agreement_are_those_of_the_errors() -> None:
    figure = plots.plot_bland_altman(make_rows(), "age", "months")
    assert notes(figure) == [
        "bias +2.0, limits +2.0 to +2.0", "bias -4.0, limits -4.0 to -4.0", "bias +2.0, limits +2.0 to +2.0",
    ]  # fmt: skip
    rows = pd.DataFrame(
        {"protocol": "honest", "model": "m", "target": [0.0, 0.0], "prediction": [-1.0, 1.0]}
    )
    assert notes(plots.plot_bland_altman(rows)) == [
        "bias +0.0, limits -2.8 to +2.8"
    ]  # 1.96 sqrt(2)


def test_every_error_is_in_the_histogram() -> None:
    figure = plots.plot_error_histogram(make_rows(), "months")
    shown = [ax for ax in figure.axes if ax.get_visible()]
    assert len(shown) == 3
    assert sum(bar.get_height() for ax in shown for bar in ax.patches) == 180
    assert notes(figure)[1] == "mean -4.0\nmedian of sizes 4.0"


def test_bands_stand_in_the_order_of_age() -> None:
    rows = [
        {"sex": sex, "band": band, "metric": metric, "value": 5.0, "ci_low": 4.0, "ci_high": 7.0, "n": 3}
        for sex in ("M", "F")
        for band in ("120 to 168", "0 to 60")
        for metric in ("mae", "bias")
    ]  # fmt: skip
    figure = plots.plot_error_by_band(pd.DataFrame(rows), "modern", "months")
    labels = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert labels == ["0 to 60", "120 to 168"]
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert texts == ["F, n = 6", "M, n = 6"]


def test_a_table_without_rows_or_columns_is_named() -> None:
    for draw in (plots.plot_bland_altman, plots.plot_error_histogram):
        with pytest.raises(ValueError, match="predictions lacks the column"):
            draw(make_rows().drop(columns="target"))
        with pytest.raises(ValueError, match="no rows"):
            draw(make_rows().iloc[:0])


def test_a_sentence_where_there_is_nothing_to_draw() -> None:
    assert plots.plot_message("nothing").texts[0].get_text() == "nothing"
