from typing import Any

import numpy as np
import pandas as pd
import pytest

from xraylab import plots
from xraylab.plots.style import jitter, levels_or_bins

RNG = np.random.default_rng(0)


def predictions() -> pd.DataFrame:
    rows = []
    for protocol, models in {
        "published": ["mlp"],
        "honest": ["mlp", "linear"],
        "fair": ["linear"],
    }.items():
        for model in models:
            target = (
                RNG.choice([0.6, 0.8, 1.0], 30) if protocol != "fair" else RNG.uniform(0.1, 1, 30)
            )
            rows.append(
                pd.DataFrame(
                    {
                        "protocol": protocol, "model": model, "split": "test", "target": target,
                        "prediction": target + 0.05, "interval_low": target - 0.1, "interval_high": target + 0.2,
                    }
                )
            )  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def metrics() -> pd.DataFrame:
    rows = [
        ("published", "mlp", 0.7),
        ("honest", "mlp", 0.5),
        ("honest", "linear", 0.9),
        ("fair", "linear", 0.2),
    ]
    table = pd.DataFrame(rows, columns=["protocol", "model", "value"])
    return table.assign(
        split="test",
        metric="r2",
        ci_low=table["value"] - 0.1,
        ci_high=[0.8, 0.6, np.nan, 0.3],
        n=30,
    )


def text_of(figure: Any) -> str:
    from matplotlib.text import Text

    return "\n".join(str(artist.get_text()) for artist in figure.findobj(Text))


def draw(figure: Any) -> None:
    from io import BytesIO

    figure.savefig(BytesIO(), dpi=40)


def test_predicted_against_true_draws_only_what_has_run() -> None:
    table = predictions()
    figure = plots.plot_predicted_against_true(table, metrics())
    draw(figure)
    assert sum(ax.get_visible() for ax in figure.axes) == 4
    assert "R² 0.90" in text_of(figure)
    assert "published, n = 30" in text_of(figure)
    points = figure.axes[0].collections[0].get_offsets()
    assert len(points) == 30
    assert np.allclose(
        np.sort(points[:, 1]), np.sort(table.query("protocol == 'published'")["prediction"])
    )


def test_error_by_level_gives_each_protocol_its_own_levels() -> None:
    figure = plots.plot_error_by_level(predictions())
    draw(figure)
    ticks = [[label.get_text() for label in ax.get_xticklabels()] for ax in figure.axes[:3]]
    assert ticks[0] == ticks[1] == ["0.6", "0.8", "1"]
    assert len(ticks[2]) == 6


def test_protocol_comparison_has_a_dot_a_value_and_the_reference() -> None:
    figure = plots.plot_protocol_comparison(metrics(), "r2", reference=(0.17, "just noticed"))
    draw(figure)
    written = text_of(figure)
    for value in ("0.7", "0.5", "0.9", "0.2", "just noticed"):
        assert value in written
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["mlp", "linear"]
    with pytest.raises(ValueError, match="no rows of 'auroc' on the split 'test'"):
        plots.plot_protocol_comparison(metrics(), "auroc")


def test_loss_curves_are_logarithmic_and_leave_gaps() -> None:
    history = pd.DataFrame(
        {"protocol": "honest", "model": ["mlp"] * 3 + ["trees"] * 2, "epoch": [1, 2, 3, 1, 2],
         "train_loss": [1.0, 0.1, 0.01, 2.0, 1.0], "val_loss": [np.nan] * 5}
    )  # fmt: skip
    figure = plots.plot_loss_curves(history)
    draw(figure)
    assert [ax.get_yscale() for ax in figure.axes] == ["log", "log"]
    assert figure.axes[0].lines[0].get_ydata().tolist() == [1.0, 0.1, 0.01]


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


@pytest.mark.parametrize("name", ["plot_predicted_against_true", "plot_error_by_level"])
def test_missing_columns_are_named(name: str) -> None:
    table = predictions().drop(columns="target")
    arguments = (table, metrics()) if name == "plot_predicted_against_true" else (table,)
    with pytest.raises(ValueError, match="target"):
        getattr(plots, name)(*arguments)


def test_jitter_and_bins_by_hand() -> None:
    assert np.all(np.abs(jitter(np.ones(100), 0.4) - 1) <= 0.2)
    few = pd.Series([1.0, 2.0, 2.0])
    assert levels_or_bins(few).tolist() == [1.0, 2.0, 2.0]
    many = levels_or_bins(pd.Series(np.arange(100.0)), 4)
    assert sorted(set(many)) == [12.0, 37.0, 62.0, 87.0]
    with pytest.raises(AttributeError, match="no plot_nothing"):
        plots.plot_nothing  # noqa: B018 - the access is the test
