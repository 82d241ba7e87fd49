from typing import Any

import numpy as np
import pandas as pd
import pytest

from xraylab import plots
from xraylab.plots.panels import letters, rows_and_columns, wrapped

RNG = np.random.default_rng(0)


def text_of(figure: Any) -> str:
    from matplotlib.text import Text

    return "\n".join(str(artist.get_text()) for artist in figure.findobj(Text))


def draw(figure: Any) -> None:
    from io import BytesIO

    figure.savefig(BytesIO(), dpi=40)


def film(rows: int = 20, columns: int = 16) -> Any:
    return RNG.integers(0, 256, (rows, columns), dtype=np.uint8)


def test_saliency_lays_the_map_over_a_second_copy_of_the_film() -> None:
    heat, mask = np.zeros((20, 16)), np.zeros((20, 16), np.uint8)
    heat[5, 5], mask[2:6, 3:9] = 1.0, 1
    panels = [("one", film(), heat, mask), ("two", film(), heat, None)]
    figure = plots.plot_saliency({"right": panels, "wrong": panels * 2}, "a network")
    draw(figure)
    shown = [ax for ax in figure.axes if len(ax.images) == 3]
    assert len(shown) == 2 + 3 + 1  # a row of four is broken after three
    first = shown[0]
    colours = first.images[2].cmap(heat)
    assert colours[0, 0, 3] == 0.0
    assert colours[5, 5, 3] > 0.8
    left, under, over = (image.get_extent() for image in first.images)
    assert left[0] == -0.5
    assert under == over
    assert under[0] - left[0] >= 17
    # the outline stands on both copies, at the same place
    outlines = [c.get_paths()[0].vertices[:, 0] for c in first.collections]
    assert np.allclose(outlines[1] - outlines[0], under[0] - left[0])
    assert not shown[1].collections
    written = text_of(figure)
    for words in (
        "right",
        "wrong",
        "one",
        "a network",
        "burned-in marker",
        "Weight in the prediction",
    ):
        assert words in written


def test_saliency_refuses_what_does_not_fit() -> None:
    heat = np.zeros((20, 16))
    for bad, message in (
        ((film()[0], heat, None), "must be \\(H, W\\), not \\(16,\\)"),
        ((film(), heat[1:], None), "map \\(19, 16\\) must be of its film's shape, \\(20, 16\\)"),
        ((film(), heat, heat[1:]), "outline \\(19, 16\\)"),
        ((film(), heat - 1, None), "must lie in \\[0, 1\\], not \\[-1, -1\\]"),
        ((film(), heat * np.nan, None), "must lie in \\[0, 1\\]"),
    ):
        with pytest.raises(ValueError, match=f"'x'.*{message}"):
            plots.plot_saliency({"row": [("x", *bad)]})
    with pytest.raises(ValueError, match="no film"):
        plots.plot_saliency({"row": []})


def test_saliency_checks_hold_shares_against_areas() -> None:
    table = pd.DataFrame(
        [
            ("a", "similarity_after_randomisation", -0.25),
            ("b", "similarity_after_randomisation", np.nan),
            ("a", "share_on_markers", 0.3),
            ("a", "area_of_markers", 0.018),
        ],
        columns=["model", "check", "value"],
    )
    figure = plots.plot_saliency_checks(table)
    draw(figure)
    ax = figure.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "Similarity after weight\nrandomisation", "Share of the map on\nmarkers",
    ]  # fmt: skip
    dots = sorted(line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o")
    assert dots == [-0.25, 0.3]
    written = text_of(figure)
    for words in ("−0.25", "not measured", "0.30, area 0.018", "area, as a share of the film"):
        assert words in written
    with pytest.raises(ValueError, match="check"):
        plots.plot_saliency_checks(table.drop(columns="check"))
    with pytest.raises(ValueError, match="no rows"):
        plots.plot_saliency_checks(table.iloc[:0])


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


def test_film_grid_has_a_film_a_panel_and_the_notice() -> None:
    panels = [(f"p = 0.{i}", film(20 + i, 16)) for i in range(7)]
    figure = plots.plot_film_grid(panels, "new films", columns=3)
    draw(figure)
    shown = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title(loc="left") for ax in shown] == [label for label, _ in panels]
    assert all(
        np.array_equal(ax.images[0].get_array(), f)
        for ax, (_, f) in zip(shown, panels, strict=True)
    )
    assert "Research software, not a medical device." in text_of(figure)
    assert "medical" not in text_of(plots.plot_film_grid(panels, notice=""))
    with pytest.raises(ValueError, match="no film"):
        plots.plot_film_grid([])
    with pytest.raises(ValueError, match="'x' must be \\(H, W\\), not \\(16,\\)"):
        plots.plot_film_grid([("x", film()[0])])


def test_words_keep_to_their_panel() -> None:
    assert wrapped("two words", 5) == "two\nwords"
    assert wrapped("first\nsecond", 20) == "first\nsecond"
    short = wrapped("a" * 40 + "b" * 40, 10, 2)
    assert all(len(line) <= 10 for line in short.split("\n"))
    assert short.count("\n") == 1
    assert short[0] == "a"
    assert short[-1] == "b"
    assert "…" in short
    assert letters(2.0) > letters(1.0) >= 8
    assert [rows_and_columns(n) for n in (1, 3, 4, 5, 12)] == [
        (1, 1),
        (1, 3),
        (2, 2),
        (2, 3),
        (4, 3),
    ]
