"""The minutes of a run, given to the protocols that it trains."""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

from xraylab.flow.budget import BudgetedParams, check_minutes, plan_budgets

if TYPE_CHECKING:
    from kedro.io import CatalogProtocol

__all__ = ["BudgetHooks"]

logger = logging.getLogger(__name__)

_TRAINED = (".trainings", ".best_hyperparams")
"""Data sets that only a training or a search writes."""


class BudgetHooks:
    """Divide ``--params minutes=…`` among the protocols that the run trains."""

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """Give the parameters of each protocol their budget (`xraylab.flow.budget.plan_budgets`).

        Raises
        ------
        ValueError
            If the minutes are no number above 0.
        """
        minutes = check_minutes((run_params.get("runtime_params") or {}).get("minutes"))
        if minutes is None:
            return
        for name, protocols in find_protocols(pipeline, catalog).items():
            budgets = plan_budgets(minutes, protocols)
            for place, params in protocols.items():
                catalog.save(place, params.within(budgets[place]))
            logger.info(
                "%s: %g minutes of training: %s", name, minutes,
                ", ".join(
                    f"{place.rpartition('.')[2]} {minutes * budgets[place].share:.3g}"
                    for place in protocols
                ),
            )  # fmt: skip


def find_protocols(
    pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
) -> dict[str, dict[str, BudgetedParams]]:
    """Return the parameters of all protocols that a run trains, by pipeline and by the name of their data set."""
    found: dict[str, dict[str, BudgetedParams]] = defaultdict(dict)
    for node in pipeline.nodes:
        if not any(output.endswith(_TRAINED) for output in node.outputs):
            continue
        for place in node.inputs:
            params = catalog.load(place) if place.startswith("params:") else None
            if isinstance(params, BudgetedParams):
                found[str(node.namespace).partition(".")[0]][place] = params
    return dict(found)
