"""Figures of how well a classifier of two classes ranks: its operating points, and its precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from xraylab.plots.keyed import Key, keyed_squares
from xraylab.plots.labels import MODEL_COLOURS, cut_short_mark, metric_label, protocol_order
from xraylab.plots.panels import plain, rows_and_columns
from xraylab.plots.style import INK, LABEL_PT, MUTED, in_order, require_columns

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["plot_precision_recall", "plot_roc"]

_CLASSES = 2
_MOST_CURVES = 6
_STRONGEST_BASELINES = 2
_WEIGHT = "weight of the row"
_BASELINE_LOOKS = (
    {"color": "#6B7480", "linestyle": (0, (4, 2))},
    {"color": "#6B7480", "linestyle": (0, (1, 1.4))},
    {"color": "#9AA3AD", "linestyle": (0, (6, 2, 1, 2))},
    {"color": "#9AA3AD", "linestyle": (0, (1, 3))},
)


class Areas(NamedTuple):
    """What is known of each protocol's models: a title, and by (protocol, model) the area, alone and with interval."""

    title: str
    numbers: Mapping[tuple[str, str], str]
    values: Mapping[tuple[str, str], float]

    def of(self, protocol: str) -> dict[str, float]:
        """Return the area of each model of a protocol."""
        return {model: value for (name, model), value in self.values.items() if name == protocol}


def plot_roc(
    rows_by: pd.DataFrame,
    metrics: pd.DataFrame | None = None,
    split: str = "test",
    baselines: Sequence[str] = (),
    positive: str = "positive",
    weight: Literal["row", "group"] = "row",
    reported: Sequence[str] = (),
) -> Figure:
    """Draw receiver operating characteristics: one panel a protocol, one line a model.

    Parameters
    ----------
    rows_by : pandas.DataFrame
        Columns ``protocol, model, target`` (0 or 1) and ``prediction`` (any score, higher for class 1), and
        ``group_id`` where groups are weighed; where there is a column ``split``, only the rows of ``split`` are drawn.
    metrics : pandas.DataFrame, optional
        Tidy metrics (``protocol, model, split, metric, value, ci_low, ci_high``): the area stands beside each model's
        name as it stands there, never computed anew, and has an asterisk where the column ``cut_short`` is not empty.
    split : str
        The split that is drawn.
    baselines : sequence of str
        Models that are drawn thin, grey and dashed.
    positive : str
        What class 1 is called.
    weight : {"row", "group"}
        Each row counts as one, or each group does and its rows share it. The area that is written is ``auroc``, or
        ``auroc_by_group``.
    reported : sequence of str
        Models that are drawn in any case. A panel has at most six curves: these, the two strongest baselines, then
        the strongest of the other models.

    Returns
    -------
    Figure
        Square panels, with the diagonal of chance. A model whose rows are of one class has no curve; its name says so.

    Raises
    ------
    ValueError
        If a column lacks, no row is of the split, a target is not 0 or 1, or a prediction is not finite, or
        `weight` is unknown.
    """
    from sklearn.metrics import roc_curve

    def draw(ax: Axes, target: Floats, score: Floats, weights: Floats, **look: Any) -> None:
        false_positive, true_positive, _ = roc_curve(target, score, sample_weight=weights)
        ax.plot(false_positive, true_positive, **look)

    part = _checked(rows_by, split, weight)
    figure, panels = _curve_panels(
        part, _areas(metrics, _name("auroc", weight), split), baselines, reported, positive, draw
    )
    for ax, _ in panels:
        ax.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, zorder=1)
    _name_axes(panels, "1 − specificity", "Sensitivity")
    return figure


def plot_precision_recall(
    rows_by: pd.DataFrame,
    metrics: pd.DataFrame | None = None,
    split: str = "test",
    baselines: Sequence[str] = (),
    positive: str = "positive",
    weight: Literal["row", "group"] = "row",
    reported: Sequence[str] = (),
) -> Figure:
    """Draw precision against recall: one panel a protocol, one line a model.

    Parameters
    ----------
    rows_by, metrics, split, baselines, positive, weight, reported
        As `plot_roc` takes them; the area is ``auprc``, or ``auprc_by_group``.

    Returns
    -------
    Figure
        Square panels; the level line is the share of positive rows, which is the precision of chance.

    Raises
    ------
    ValueError
        If a column lacks, no row is of the split, a target is not 0 or 1, or a prediction is not finite, or
        `weight` is unknown.
    """
    from sklearn.metrics import precision_recall_curve

    def draw(ax: Axes, target: Floats, score: Floats, weights: Floats, **look: Any) -> None:
        precision, recall, _ = precision_recall_curve(target, score, sample_weight=weights)
        # sklearn closes the curve at recall 0 with a precision of 1 that no threshold gives
        ax.plot(recall[:-1], precision[:-1], drawstyle="steps-post", **look)

    part = _checked(rows_by, split, weight)
    figure, panels = _curve_panels(
        part, _areas(metrics, _name("auprc", weight), split), baselines, reported, positive, draw
    )
    for ax, rows in panels:
        share = float(np.average(rows["target"].to_numpy(float), weights=rows[_WEIGHT]))
        ax.axhline(share, color=MUTED, linewidth=0.8, zorder=1)
    _name_axes(panels, "Recall (sensitivity)", "Precision")
    return figure


def _checked(rows: pd.DataFrame, split: str, weight: str) -> pd.DataFrame:
    """Return the rows of the split, all of them fit to be drawn, with a column of weights."""
    if weight not in ("row", "group"):
        raise ValueError(f"weight must be 'row' or 'group', got {weight!r}")
    groups = ["group_id"] if weight == "group" else []
    require_columns(rows, ("protocol", "model", "target", "prediction", *groups), "rows_by")
    if "split" in rows.columns:
        part = rows[rows["split"] == split]
        if part.empty:
            raise ValueError(
                f"rows_by has no rows of the split '{split}'; it has {in_order(rows['split'])}"
            )
        rows = part
    other = sorted(set(rows["target"].astype(float).tolist()) - {0.0, 1.0})
    if other:
        raise ValueError(f"rows_by: target must be 0 or 1, not {other[:5]}")
    bad = int((~np.isfinite(rows["prediction"].to_numpy(float))).sum())
    if bad:
        raise ValueError(f"rows_by: {bad} of {len(rows)} predictions are not finite")
    if weight == "row":
        return rows.assign(**{_WEIGHT: 1.0})
    sizes = rows.groupby(["protocol", "model", "group_id"])["target"].transform("size")
    return rows.assign(**{_WEIGHT: 1.0 / sizes})


def _name(metric: str, weight: str) -> str:
    return f"{metric}_by_group" if weight == "group" else metric


def _curve_panels(
    part: pd.DataFrame,
    areas: Areas,
    baselines: Sequence[str],
    reported: Sequence[str],
    positive: str,
    draw: Callable[..., None],
) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """Draw one curve a model into one square panel a protocol, beside a table of models and areas."""
    protocols = protocol_order(in_order(part["protocol"]))
    groups = {name: part[part["protocol"] == name] for name in protocols}
    counts = {name: rows["model"].nunique() for name, rows in groups.items()}
    for name, rows in groups.items():
        drawn = _drawn_models(in_order(rows["model"]), areas.of(name), baselines, reported)
        groups[name] = rows[rows["model"].isin(drawn)]
    shown = {model for rows in groups.values() for model in rows["model"]}
    looks = _looks([model for model in in_order(part["model"]) if model in shown], baselines)
    keys = [
        Key(_entries(rows, name, areas), areas.title if areas.numbers else "")
        for name, rows in groups.items()
    ]
    heads = [
        (plain(name), _sizes(rows, positive, counts[name]) + _footnote(key))
        for (name, rows), key in zip(groups.items(), keys, strict=True)
    ]
    figure, axes = keyed_squares(heads, keys, looks)
    for ax, rows in zip(axes, groups.values(), strict=True):
        for model, cell in rows.groupby("model", sort=False):
            target, score = (cell[name].to_numpy(float) for name in ("target", "prediction"))
            if np.unique(target).size == _CLASSES:
                draw(ax, target, score, cell[_WEIGHT].to_numpy(float), **looks[str(model)])
        ticks = np.linspace(0, 1, 6)
        ax.set(xlim=(-0.015, 1.015), ylim=(-0.015, 1.015), xticks=ticks, yticks=ticks)
    return figure, list(zip(axes, groups.values(), strict=True))


def _drawn_models(
    models: Sequence[str],
    areas: Mapping[str, float],
    baselines: Sequence[str],
    reported: Sequence[str],
) -> list[str]:
    """Return which models of a panel are drawn: those that are reported, two baselines, then the strongest."""

    def strength(model: str) -> float:
        return float(np.nan_to_num(areas.get(model, 0.0), nan=0.0))

    order = sorted(models, key=strength, reverse=True)
    networks = [model for model in order if model not in baselines]
    held_against = [model for model in order if model in baselines]
    first = [model for model in networks if model in reported]
    ranked = [*first, *held_against[:_STRONGEST_BASELINES], *networks, *held_against]
    return list(dict.fromkeys(ranked))[:_MOST_CURVES]


def _entries(rows: pd.DataFrame, protocol: str, areas: Areas) -> dict[str, str]:
    """Return what is written beside each model of a protocol."""
    classes = rows.groupby("model", sort=False)["target"].nunique()
    return {
        str(model): areas.numbers.get((protocol, str(model)), "")
        if n == _CLASSES
        else "one class only"
        for model, n in classes.items()
    }


def _looks(models: Sequence[str], baselines: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return each model's line: its colour among the networks, or a grey dash among the baselines."""
    networks = [model for model in models if model not in baselines]
    looks: dict[str, dict[str, Any]] = {}
    for place, model in enumerate(networks):
        turn = place // len(MODEL_COLOURS)
        looks[model] = {
            "color": MODEL_COLOURS[place % len(MODEL_COLOURS)], "linewidth": 2.0, "zorder": 4,
            "linestyle": ("-", (0, (5, 1.5)), (0, (1, 1)))[turn % 3],
        }  # fmt: skip
    for place, model in enumerate(name for name in models if name in baselines):
        looks[model] = {
            **_BASELINE_LOOKS[place % len(_BASELINE_LOOKS)],
            "linewidth": 1.2,
            "zorder": 3,
        }
    return looks


def _areas(metrics: pd.DataFrame | None, metric: str, split: str) -> Areas:
    title = f"{metric_label(metric)} (95\u00a0%\u00a0interval)"
    if metrics is None:
        return Areas(title, {}, {})
    columns = ("protocol", "model", "split", "metric", "value", "ci_low", "ci_high")
    require_columns(metrics, columns, "metrics")
    rows = metrics[(metrics["metric"] == metric) & (metrics["split"] == split)]
    numbers = {
        (str(row["protocol"]), str(row["model"])): _value(
            row["value"], row["ci_low"], row["ci_high"]
        )
        + cut_short_mark(row)
        for row in rows.to_dict("records")
    }
    values = {
        (str(row["protocol"]), str(row["model"])): float(row["value"])
        for row in rows.to_dict("records")
    }
    return Areas(title, numbers, values)


def _value(value: float, low: float = np.nan, high: float = np.nan) -> str:
    if not np.isfinite(value):
        return "not defined"
    interval = f" ({low:.3f}–{high:.3f})" if np.isfinite([low, high]).all() else ""
    return f"{value:.3f}{interval}"


def _sizes(rows: pd.DataFrame, positive: str, n_models: int) -> str:
    """Say how many rows a model was measured on, how many of them are positive, and how many models are left out."""
    counts = rows.groupby("model", sort=False)["target"].agg(["size", "sum"]).astype(int)
    size, hits = (
        f"{column.min():,}"
        if column.min() == column.max()
        else f"{column.min():,}–{column.max():,}"
        for column in (counts["size"], counts["sum"])
    )
    left_out = f"; {len(counts)} of {n_models} models" if len(counts) < n_models else ""
    return f"n = {size}, {hits} {positive}{left_out}"


def _footnote(key: Key) -> str:
    """Say what the asterisks of a panel's numbers mean, if there are any."""
    return "; * training cut short" if any("*" in each for each in key.entries.values()) else ""


def _name_axes(panels: Sequence[tuple[Axes, Any]], x: str, y: str) -> None:
    _, columns = rows_and_columns(len(panels))
    for index, (ax, _) in enumerate(panels):
        ax.set_xlabel(x, fontsize=LABEL_PT, color=INK)
        if index % columns == 0:
            ax.set_ylabel(y, fontsize=LABEL_PT, color=INK)
