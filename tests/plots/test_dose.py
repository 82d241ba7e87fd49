import numpy as np
import pandas as pd
import pytest
from tests.plots.drawn import draw, text_of

from xraylab import plots

RNG = np.random.default_rng(0)


def test_physics_has_three_panels_with_units() -> None:
    curves = pd.DataFrame(
        [
            (d, s, m, m * 0.2, 1.0)
            for d in (0.25, 0.5)
            for s in ("exposed", "simulated")
            for m in (10.0, 100.0)
        ],
        columns=["dose_fraction", "source", "mean", "variance", "anscombe_variance"],
    )
    spectra = pd.DataFrame(
        [
            (d, s, f, 1e-3 / d)
            for d in (0.25, 0.5)
            for s in ("exposed", "simulated")
            for f in (0.1, 0.4)
        ],
        columns=["dose_fraction", "source", "frequency", "nnps"],
    )
    figure = plots.plot_physics_validation(curves, spectra)
    draw(figure)
    assert [ax.get_xlabel() for ax in figure.axes] == [
        "Local mean (quanta)", "Frequency (cycles/pixel)", "Local mean (quanta)",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="nnps"):
        plots.plot_physics_validation(curves, spectra.drop(columns="nnps"))


def features(n: int = 20) -> pd.DataFrame:
    dose = RNG.uniform(0.1, 1, 2 * n)
    return pd.DataFrame(
        {"image_id": "a", "recipe": ["additive"] * n + ["quantum"] * n, "level": "x", "scale": dose, "noise_std": 0.01,
         "dose_fraction": dose, "noise_var": 1 / dose, "entropy": np.where(np.arange(2 * n) < n, dose, 3.0)}
    )  # fmt: skip


def test_correlations_are_kept_apart_by_recipe() -> None:
    figure = plots.plot_correlations(features(), ["dose_fraction", "noise_var", "entropy"])
    draw(figure)
    written = text_of(figure)
    assert "additive, n = 20" in written
    assert "quantum, n = 20" in written
    assert "−1.00" in written  # noise falls as dose rises
    assert "–" in written  # a constant has no correlation
    with pytest.raises(ValueError, match="2 columns"):
        plots.plot_correlations(features(), ["dose_fraction"])


def test_feature_against_dose_shows_every_row() -> None:
    figure = plots.plot_feature_against_dose(features(), "noise_var")
    draw(figure)
    drawn = sum(
        len(c.get_offsets()) for ax in figure.axes for c in ax.collections if c.get_offsets().size
    )
    assert drawn >= 40
    with pytest.raises(ValueError, match="sharpness"):
        plots.plot_feature_against_dose(features(), "sharpness")
