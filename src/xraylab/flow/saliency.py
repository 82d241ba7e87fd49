"""Where classifiers look: Grad-CAM maps of test films, drawn and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab import plots
from xraylab.evaluation.saliency import share_inside, summarise_checks
from xraylab.flow.params import ClassifierEvaluationParams
from xraylab.flow.train import model_key
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.classifiers import restore_classifier
from xraylab.models.state import ModelState

if TYPE_CHECKING:
    from torch import nn

__all__ = ["SaliencyMaps"]

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class SaliencyMaps:
    """The networks of a protocol, the films that they were tested on, and a region that maps are held against.

    Attributes
    ----------
    arrays : ArrayCache
        The films.
    predictions : DataFrame
        Of the protocol.
    models : mapping of str to ModelState
        Its models.
    region : str
        What the region is, in the plural, such as ``lungs``.
    region_of : callable
        Takes an image id and returns the region of its film, a mask (S, S), or None.
    films_of : callable
        Takes a model and returns all films (N, S, S) as the model sees them.
    class_names : (str, str)
        What classes 0 and 1 are called.
    params : ClassifierEvaluationParams
        How many films.
    """

    arrays: ArrayCache
    predictions: pd.DataFrame
    models: Mapping[str, ModelState]
    region: str
    region_of: Callable[[str], Bytes | None]
    films_of: Callable[[ModelState], Any]
    class_names: tuple[str, str]
    params: ClassifierEvaluationParams

    def check(self, names: Sequence[str]) -> pd.DataFrame:
        """Check the maps of some networks on test films; one film of each group before a second of any.

        Returns
        -------
        DataFrame
            One row per network and check: ``model, check, value, n``, the mean over ``n`` films.
            ``ssim_after_randomisation`` and ``spearman_after_randomisation`` compare a map with that of the same
            network with new random weights: they must be far below 1. ``share_on_border`` and ``share_on_<region>``
            are shares of the map, to be held against ``area_of_border`` and ``area_of_<region>``, the shares of the
            film that they cover.
        """
        from xraylab.training.saliency_checks import check_maps

        tables = [pd.DataFrame(columns=["model", "check", "value", "n"])]
        for name in names:
            found = []
            for arm, rows in self._checked(name).groupby("arm", sort=True):
                state = self.models[model_key(name, str(arm))]
                films = np.asarray(self.films_of(state)[self.arrays.rows_of(rows["image_id"])])
                regions = {self.region: [self.region_of(each) for each in rows["image_id"]]}
                network = restore_classifier(state)
                found.append(
                    check_maps(
                        network, films, regions, self.params.border_fraction, self.params.seed
                    )
                )
            tables.append(summarise_checks(found, name))
        return pd.concat(tables[1:] or tables, ignore_index=True)

    def _test_rows(self, name: str) -> pd.DataFrame:
        rows = self.predictions
        return rows[(rows["model"] == name) & (rows["split"] == "test")]

    def _checked(self, name: str) -> pd.DataFrame:
        rows = self._test_rows(name).sort_values("image_id")
        turn = rows.groupby("group_id").cumcount()
        ordered = rows.assign(turn=turn).sort_values(["turn", "image_id"])
        return ordered.head(self.params.n_checked)

    def draw(self, name: str, title: str, outline: str) -> plots.Figure:
        """Draw maps of right and wrong films of a network, the most certain first, one film of each group.

        Parameters
        ----------
        name : str
            The network.
        title : str
            Title of the figure, after the name of the network.
        outline : str
            What is outlined.
        """
        rows = self._test_rows(name)
        rows = rows.assign(
            called=rows["prediction"] >= rows["threshold"],
            margin=(rows["prediction"] - rows["threshold"]).abs(),
        ).sort_values("margin", ascending=False)
        panels: dict[str, list[Any]] = {}
        for right in (True, False):
            for target, class_name in enumerate(self.class_names):
                kind = rows[(rows["target"] == target) & ((rows["called"] == target) == right)]
                chosen = kind.drop_duplicates("group_id").head(self.params.n_shown)
                for row in chosen.to_dict("records"):
                    word = f"{'right' if right else 'wrong'}: {class_name}"
                    panels.setdefault(word, []).append(self._panel(row))
        return plots.plot_saliency(panels, f"{name}: {title}", outline)

    def _panel(self, row: Mapping[Any, Any]) -> tuple[str, Bytes, NDArray[np.float32], Any]:
        from xraylab.training.saliency import grad_cam

        key = model_key(row["model"], row["arm"])
        place = self.arrays.row_of(row["image_id"])
        shown = np.asarray(self.films_of(self.models[key])[[place]])
        (seen,) = grad_cam(self._network(key), shown)
        region = self.region_of(row["image_id"])
        label = f"{PurePosixPath(row['image_id']).name}\np = {row['prediction']:.2f}"
        if region is not None and seen.any():
            label += f", {100 * share_inside(seen, region):.0f} % of it in the {self.region}"
        return label, np.asarray(self.arrays.films[place]), seen, region

    def _network(self, key: str) -> nn.Module:
        if key not in self._networks:
            self._networks[key] = restore_classifier(self.models[key])
        return self._networks[key]

    @cached_property
    def _networks(self) -> dict[str, nn.Module]:
        return {}
