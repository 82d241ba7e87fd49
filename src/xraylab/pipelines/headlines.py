"""The one number by which a run sums up each pipeline."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

__all__ = ["HEADLINES", "Headline"]


@dataclass(frozen=True)
class Headline:
    """Which row of a table of metrics stands for a pipeline.

    Attributes
    ----------
    model, metric : str
        The row of the protocol ``honest``; another model stands in where a run has none of that name.
    label : str
        What the metric is called.
    baseline : str
        Model that the first one must beat; empty where there is none.
    unit : str
        Unit of the metric; empty for a share.
    split : str
        Part of the films that is measured.
    decimals : int
        Digits that are shown behind the point.
    """

    model: str
    metric: str
    label: str
    baseline: str = ""
    unit: str = ""
    split: str = "test"
    decimals: int = 2

    def describe(self, metrics: pd.DataFrame) -> tuple[str, str]:
        """Return the metric with its interval, and the baseline beside it.

        Parameters
        ----------
        metrics : DataFrame
            ``protocol, model, split, metric, value, ci_low, ci_high``.

        Returns
        -------
        result, baseline : str
            Empty where the table has no such row.

        Examples
        --------
        >>> values = {"value": [8.0, 52.0], "ci_low": [7.0, 47.0], "ci_high": [9.5, 57.0]}
        >>> row = {"protocol": "honest", "split": "test", "metric": "mae", "model": ["cnn", "mean"]}
        >>> headline = Headline("cnn", "mae", "MAE", "mean", "months", decimals=1)
        >>> headline.describe(pd.DataFrame({**row, **values}))
        ('cnn MAE 8.0 (7.0–9.5) months', 'mean 52.0')
        """
        if metrics.empty:
            return "", ""
        wanted = {"protocol": "honest", "split": self.split, "metric": self.metric}
        chosen = metrics[(metrics[list(wanted)] == pd.Series(wanted)).all(axis=1)]
        rows = chosen.drop_duplicates("model").set_index("model")
        others = [name for name in rows.index if name != self.baseline]
        if not others:
            return "", ""
        shown = rows[["value", "ci_low", "ci_high"]].map(lambda value: f"{value:.{self.decimals}f}")
        numbers = {str(name): list(map(str, row)) for name, *row in shown.itertuples()}
        name = self.model if self.model in others else str(others[0])
        value, low, high = numbers[name]
        to = " to " if low.startswith("-") else "–"
        interval = f"({low}{to}{high})" if low != "nan" else ""
        model = name if len(rows) > 1 else ""  # the only model needs no name
        result = " ".join(filter(None, (model, self.label, value, interval, self.unit)))
        baseline = numbers.get(self.baseline)
        return result, f"{self.baseline} {baseline[0]}" if baseline else ""


HEADLINES = {
    "dose_simulation": Headline(
        "quantum", "nnps_error", "NNPS error", split="dose_0.25", decimals=3
    ),
    "dose_estimation": Headline("mlp", "r2", "R²", "mean"),
    "lung_segmentation": Headline("robust", "dice", "Dice", "mean_mask"),
    "lesion_regression": Headline("random_forest", "r2", "R²", "mean"),
    "bone_age": Headline("modern", "mae", "MAE", "mean_age", "months", decimals=1),
    "fracture": Headline("robust", "auroc", "AUROC", "border_only"),
    "tb_classification": Headline("ensemble", "auroc", "AUROC", "site_only"),
}
"""By pipeline. Each compares what the honest protocol gives with a baseline that looks at no film, or hardly."""
