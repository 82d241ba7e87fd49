from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.plots.drawn import draw, text_of

from xraylab import plots


def panels_of(figure: Any) -> list[Any]:
    return [ax for ax in figure.axes if ax.axison and ax.get_xlabel()]


def rows() -> pd.DataFrame:
    """Four films, ranked in order but for the two in the middle."""
    tables = [
        pd.DataFrame(
            {
                "protocol": protocol,
                "model": model,
                "split": "test",
                "group_id": list("abbc"),
                "target": [0, 1, 0, 1],
                "prediction": scores,
            }
        )
        for protocol in ("honest", "published")
        for model, scores in (("network_a", [0.1, 0.4, 0.6, 0.9]), ("guess", [0.5] * 4))
    ]
    return pd.concat(tables, ignore_index=True)


def metrics() -> pd.DataFrame:
    table = rows().drop_duplicates(["protocol", "model"])[["protocol", "model", "split"]]
    return pd.concat(
        [
            table.assign(metric=metric, value=value, ci_low=0.5, ci_high=[0.9, 0.9, np.nan, 0.9])
            for metric, value in (("auroc", 0.75), ("auprc", 0.83), ("auroc_by_group", 0.625))
        ]
    )


def test_roc_by_hand() -> None:
    figure = plots.plot_roc(rows(), metrics(), baselines=["guess"], positive="fractured")
    draw(figure)
    published, honest = panels_of(figure)
    network, guess, diagonal = honest.lines
    assert network.get_xdata().tolist() == [0, 0, 0.5, 0.5, 1]
    assert network.get_ydata().tolist() == [0, 0.5, 0.5, 1, 1]
    assert guess.get_xydata().tolist() == diagonal.get_xydata().tolist() == [[0, 0], [1, 1]]
    assert guess.get_linewidth() < network.get_linewidth()
    assert guess.get_linestyle() == "--"
    width, height = honest.get_window_extent().size
    assert width == pytest.approx(height)
    written = text_of(figure)
    for words in ("published", "n = 4, 2 fractured", "network a", "0.750 (0.500–0.900)", "0.750\n"):
        assert words in written
    assert "Area under ROC (95 % interval)" in written
    assert published.get_ylabel() == "Sensitivity"


def test_a_panel_has_six_curves_and_those_that_are_reported() -> None:
    names = [f"model_{number}" for number in range(8)] + [f"probe_{number}" for number in range(3)]
    one = rows().query("protocol == 'honest' and model == 'network_a'")
    tables = pd.concat([one.assign(model=name) for name in names])
    areas = tables.drop_duplicates("model")[["protocol", "model", "split"]].assign(
        metric="auroc", value=np.linspace(0.5, 0.9, len(names)), ci_low=np.nan, ci_high=np.nan
    )
    figure = plots.plot_roc(tables, areas, baselines=names[8:], reported=["model_0"])
    draw(figure)
    (panel,) = panels_of(figure)
    assert len(panel.lines) == 6 + 1  # and chance
    written = text_of(figure)
    assert "6 of 11 models" in written
    for name in ("model 0", "probe 1", "probe 2", "model 5", "model 6", "model 7"):
        assert name in written
    assert "probe 0" not in written
    assert "model 4" not in written


def test_an_area_of_a_training_that_was_cut_short_has_an_asterisk() -> None:
    short = metrics()
    short["cut_short"] = [
        "stopped by the clock" if each == "network_a" else "" for each in short["model"]
    ]
    figure = plots.plot_roc(rows(), short)
    draw(figure)
    written = text_of(figure)
    assert "0.750 (0.500–0.900)*" in written
    assert "* training cut short" in " ".join(written.split())


def test_roc_with_one_vote_a_group() -> None:
    figure = plots.plot_roc(rows(), metrics(), weight="group")
    draw(figure)
    # the negatives weigh 1 (a) and ½ (one of the two of b), the positives ½ (the other one of b) and 1 (c)
    line = panels_of(figure)[0].lines[0]
    assert np.allclose(line.get_xdata(), [0, 0, 1 / 3, 1 / 3, 1])
    assert np.allclose(line.get_ydata(), [0, 2 / 3, 2 / 3, 1, 1])
    written = text_of(figure)
    assert "one vote a family" in written
    assert "0.625 (0.500–0.900)" in written


def test_precision_recall_by_hand() -> None:
    figure = plots.plot_precision_recall(rows(), metrics())
    draw(figure)
    network, guess, level = panels_of(figure)[0].lines
    assert np.allclose(network.get_xydata(), [[1, 0.5], [1, 2 / 3], [0.5, 0.5], [0.5, 1]])
    assert guess.get_xydata().tolist() == [[1, 0.5]]
    assert list(level.get_ydata()) == [0.5, 0.5]
    assert "0.830 (0.500–0.900)" in text_of(figure)


def test_one_class_has_no_curve_and_is_named() -> None:
    table = rows().query("model == 'network_a'").assign(target=1)
    figure = plots.plot_roc(table)
    draw(figure)
    assert [len(ax.lines) for ax in panels_of(figure)] == [1, 1]
    assert "one class only" in text_of(figure)


def test_long_names_stand_above_their_numbers() -> None:
    name = "a_network_with_quite_a_long_name_that_was_trained_on_films_of_another_hospital"
    table = pd.concat([rows().assign(protocol=f"p{i}") for i in range(3)])
    table["model"] = table["model"].replace("network_a", name)
    figure = plots.plot_roc(table, metrics().assign(protocol="p1", model=name))
    draw(figure)
    box = {t.get_text(): t.get_window_extent() for ax in figure.axes for t in ax.texts}
    number = next(extent for text, extent in box.items() if text.startswith("0.750"))
    first = next(extent for text, extent in box.items() if text.startswith("a network with"))
    assert number.y1 < first.y0


@pytest.mark.parametrize("name", ["plot_roc", "plot_precision_recall"])
def test_bad_rows_are_named(name: str) -> None:
    plot = getattr(plots, name)
    with pytest.raises(ValueError, match="rows_by lacks the column\\(s\\) \\['target'\\]"):
        plot(rows().drop(columns="target"))
    with pytest.raises(ValueError, match="group_id"):
        plot(rows().drop(columns="group_id"), weight="group")
    with pytest.raises(ValueError, match="no rows, so there is nothing"):
        plot(rows().iloc[:0])
    with pytest.raises(ValueError, match="no rows of the split 'val'; it has \\['test'\\]"):
        plot(rows(), split="val")
    with pytest.raises(ValueError, match="target must be 0 or 1, not \\[2\\.0\\]"):
        plot(rows().assign(target=2))
    with pytest.raises(ValueError, match="16 of 16 predictions are not finite"):
        plot(rows().assign(prediction=np.nan))
    with pytest.raises(ValueError, match="weight must be 'row' or 'group', got 'film'"):
        plot(rows(), weight="film")
    with pytest.raises(ValueError, match="metrics lacks"):
        plot(rows(), metrics().drop(columns="value"))
