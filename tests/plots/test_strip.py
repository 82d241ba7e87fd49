import numpy as np
import pytest
from tests.plots.drawn import draw

from xraylab import plots

RNG = np.random.default_rng(0)


def test_strip_scales_each_recipe_by_itself() -> None:
    full = RNG.random((150, 160), np.float32)
    strips = {"additive": [("a", full * 0.5)], "quantum": [("q", full + 0.001), ("r", full)]}
    figure = plots.plot_dose_strip(full, strips)
    draw(figure)
    limits = sorted(
        {
            round(im.get_clim()[1], 4)
            for ax in figure.axes
            for im in ax.images
            if im.get_cmap().name == "RdBu_r"
        }
    )
    assert limits[0] == pytest.approx(0.001, abs=1e-4)
    assert limits[-1] > 0.3
    with pytest.raises(ValueError, match="must be \\(H, W\\) like the full-dose film"):
        plots.plot_dose_strip(full, {"additive": [("a", full[:-1])]})
    with pytest.raises(ValueError, match="at least one film"):
        plots.plot_dose_strip(full, {})
