import numpy as np
import pandas as pd
import pytest
from tests.plots.drawn import draw, film, text_of

from xraylab import plots


def audit() -> pd.DataFrame:
    return pd.DataFrame(
        [
            ("train", "fractured", "unique", 3),
            ("train", "fractured", "unreadable", 1),
            ("train", "healthy", "unique", 4),
            ("test", "fractured", "exact copy of a training film", 2),
            ("test", "fractured", "unique", 5),
            ("test", "fractured", "unique", 1),
        ],
        columns=["split", "label", "kind", "n"],
    )


def test_audit_bars_are_whole_and_counted() -> None:
    kinds = ["unique", "exact copy of a training film", "unreadable"]
    figure = plots.plot_audit(audit(), kinds)
    draw(figure)
    bars, table = figure.axes
    assert [t.get_text() for t in bars.texts] == [
        "train",
        "fractured",
        "healthy",
        "test",
        "fractured",
    ]
    widths = np.array([bar.get_width() for bar in bars.patches]).reshape(5, 3)
    assert np.allclose(
        widths,
        [[7 / 8, 0, 1 / 8], [3 / 4, 0, 1 / 4], [1, 0, 0], [3 / 4, 1 / 4, 0], [3 / 4, 1 / 4, 0]],
    )
    written = [t.get_text() for t in table.texts][:4]
    assert written == ["8", "7\n87.5 %", "0", "1\n12.5 %"]
    with pytest.raises(ValueError, match="kind\\(s\\) \\['unreadable'\\]"):
        plots.plot_audit(audit(), kinds[:2])
    with pytest.raises(ValueError, match="at least 0, not -1"):
        plots.plot_audit(audit().assign(n=-1))
    with pytest.raises(ValueError, match="label"):
        plots.plot_audit(audit().drop(columns="label"))
    with pytest.raises(ValueError, match="no rows"):
        plots.plot_audit(audit().iloc[:0])


def test_audit_without_films_or_with_one_label_draws() -> None:
    one = audit().query("label == 'fractured'")
    figure = plots.plot_audit(one.assign(n=[0, 0, 2, 5, 1]))
    draw(figure)
    assert [t.get_text() for t in figure.axes[0].texts] == ["train", "test"]
    assert len(figure.axes[0].patches) == 3  # a split without films has no bar


def test_copies_stand_side_by_side_at_their_own_aspect() -> None:
    pairs = [("a.png", film(20, 10), "b.png", film(10, 20), "turned by 90°, similarity 0.97")]
    figure = plots.plot_copies(pairs)
    draw(figure)
    (ax,) = figure.axes
    assert [image.get_extent() for image in ax.images] == [[0, 0.5, 1, 0], [1.04, 2.04, 0.5, 0]]
    assert {"a.png", "b.png", "turned by 90°, similarity 0.97"} <= set(text_of(figure).split("\n"))
    with pytest.raises(ValueError, match="no pair"):
        plots.plot_copies([])
    with pytest.raises(ValueError, match="film 'b\\.png' must be"):
        plots.plot_copies([("a.png", film(), "b.png", film()[0], "")])
    with pytest.raises(ValueError, match="columns must be at least 1"):
        plots.plot_copies(pairs, columns=0)
