import pytest
from tests.plots.drawn import draw, text_of
from tests.plots.test_regression import metrics

from xraylab import plots


def test_protocol_comparison_has_a_dot_a_value_and_the_reference() -> None:
    figure = plots.plot_protocol_comparison(metrics(), "r2", reference=(0.17, "just noticed"))
    draw(figure)
    written = text_of(figure)
    for value in ("0.7", "0.5", "0.9", "0.2", "just noticed"):
        assert value in written
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["mlp", "linear"]
    with pytest.raises(ValueError, match="no rows of 'auroc' on the split 'test'"):
        plots.plot_protocol_comparison(metrics(), "auroc")


def test_a_value_of_a_training_that_was_cut_short_has_an_asterisk() -> None:
    table = metrics()
    short = (table["protocol"] == "honest") & (table["model"] == "mlp")
    table["cut_short"] = short.map({True: "stopped by the clock", False: ""})
    figure = plots.plot_protocol_comparison(table, "r2")
    draw(figure)
    written = text_of(figure)
    assert written.count("*") == 1 + 1  # the value, and the footnote
    assert "* training cut short: stopped by the clock" in written
