from typing import Any

import numpy as np
import pandas as pd
import pytest

from xraylab import plots
from xraylab.plots.labels import metric_label

RNG = np.random.default_rng(0)


def text_of(figure: Any) -> str:
    from matplotlib.text import Text

    words = "\n".join(str(artist.get_text()) for artist in figure.findobj(Text))
    return words.replace("\u00a0", " ")


def draw(figure: Any) -> None:
    from io import BytesIO

    figure.savefig(BytesIO(), dpi=40)


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


def test_metric_labels() -> None:
    assert metric_label("sensitivity_at_90_specificity") == "Sensitivity at 90 % specificity"
    assert metric_label("accuracy_by_group") == "Accuracy, one vote a family"
    assert metric_label("odd_one_by_group") == "Odd one, one vote a family"
