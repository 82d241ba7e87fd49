import numpy as np
import pandas as pd
import pytest

from xraylab import plots


def shares() -> pd.DataFrame:
    rows = [
        {"protocol": "honest", "row": row, "feature": feature, "feature_value": value, "shap_value": size * (row - 1.5)}
        for row in range(4)
        for feature, value, size in (("age", float(row), 0.1), ("ratio", 1.0, 0.5), ("sex", np.nan, 0.0))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_features_stand_in_the_order_of_their_mean_size() -> None:
    figure = plots.plot_shap_importance(shares())
    swarm, bars = figure.axes[:2]
    # from the bottom up
    assert [label.get_text() for label in swarm.get_yticklabels()] == ["sex", "age", "ratio"]
    assert [bar.get_width() for bar in bars.patches] == pytest.approx([0.0, 0.1, 0.5])
    assert swarm.get_title(loc="left") == "honest, n = 4"
    # the share lies on the axis, whatever the point is moved by across it
    drawn = swarm.collections[-1].get_offsets()
    assert sorted(drawn[:, 0]) == pytest.approx([-0.75, -0.25, 0.25, 0.75])
    assert (np.abs(drawn[:, 1] - 2) <= 0.4).all()
    with pytest.raises(ValueError, match=r"lacks the column\(s\) \['shap_value'\]"):
        plots.plot_shap_importance(shares().drop(columns="shap_value"))
