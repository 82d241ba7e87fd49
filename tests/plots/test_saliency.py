import numpy as np
import pandas as pd
import pytest
from tests.plots.drawn import draw, film, text_of

from xraylab import plots


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
    assert "No map of the network shows anything" in text_of(
        plots.plot_saliency_checks(table.iloc[:0])
    )
