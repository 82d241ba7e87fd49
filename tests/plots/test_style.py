import numpy as np
import pandas as pd
import pytest

from xraylab import plots
from xraylab.plots.style import grid_of_axes, jitter, levels_or_bins


def test_jitter_and_bins_by_hand() -> None:
    assert np.all(np.abs(jitter(np.ones(100), 0.4) - 1) <= 0.2)
    few = pd.Series([1.0, 2.0, 2.0])
    assert levels_or_bins(few).tolist() == [1.0, 2.0, 2.0]
    many = levels_or_bins(pd.Series(np.arange(100.0)), 4)
    assert sorted(set(many)) == [12.0, 37.0, 62.0, 87.0]
    with pytest.raises(AttributeError, match="no plot_nothing"):
        plots.plot_nothing  # noqa: B018 - the access is the test


def test_a_notebook_shows_every_figure() -> None:
    for figure in (grid_of_axes(1, 1, 2.0)[0], plots.plot_message("nothing to draw")):
        assert figure._repr_png_().startswith(b"\x89PNG")
