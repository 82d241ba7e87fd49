import numpy as np
import pandas as pd
import pytest
from tests.plots.drawn import draw, text_of

from xraylab import plots

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


@pytest.mark.parametrize("name", ["plot_predicted_against_true", "plot_error_by_level"])
def test_missing_columns_are_named(name: str) -> None:
    table = predictions().drop(columns="target")
    arguments = (table, metrics()) if name == "plot_predicted_against_true" else (table,)
    with pytest.raises(ValueError, match="target"):
        getattr(plots, name)(*arguments)
