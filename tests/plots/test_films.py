import numpy as np
import pytest
from tests.plots.drawn import draw, film, text_of

from xraylab import plots


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
