"""The minutes of a run, given to the protocols that it trains."""

from types import SimpleNamespace

import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline, node

from xraylab.budget_hooks import BudgetHooks
from xraylab.flow.budget import ModelsParams


def train(params: ModelsParams) -> ModelsParams:
    return params


def params(**shares: float) -> ModelsParams:
    return ModelsParams(models={name: SimpleNamespace(share=each) for name, each in shares.items()})


BLOCKS = {
    "a.published": params(cnn=1),
    "a.honest": params(cnn=1, robust=2),
    "b.honest": params(m=1),
}


def make_run(*wanted: str) -> tuple[Pipeline, DataCatalog]:
    """Return trainings and predictions of some protocols, and the catalog of all."""
    nodes = []
    for name in wanted:
        place = f"params:{name}"
        nodes += [
            node(train, place, f"{name}.trainings", name=f"{name}.train", namespace=name),
            node(train, place, f"{name}.predictions", name=f"{name}.predict", namespace=name),
        ]
    catalog = DataCatalog({f"params:{name}": MemoryDataset(each) for name, each in BLOCKS.items()})
    return Pipeline(nodes), catalog


def budgets(minutes: object, *wanted: str) -> dict[str, float | None]:
    """Return the minutes of each protocol after the hook."""
    pipeline, catalog = make_run(*wanted)
    run_params = {"runtime_params": {} if minutes is None else {"minutes": minutes}}
    BudgetHooks().before_pipeline_run(run_params, pipeline, catalog)
    found = {name: catalog.load(f"params:{name}").budget for name in BLOCKS}
    return {
        name: None if each.minutes is None else round(each.minutes * each.share, 6)
        for name, each in found.items()
    }


def test_each_pipeline_divides_its_minutes_among_the_protocols_that_the_run_trains() -> None:
    assert budgets(20, *BLOCKS) == {"a.published": 5, "a.honest": 15, "b.honest": 20}
    assert budgets(20, "a.honest") == {"a.published": None, "a.honest": 20, "b.honest": None}


def test_without_minutes_nothing_is_limited() -> None:
    assert budgets(None, *BLOCKS) == dict.fromkeys(BLOCKS)


def test_a_run_that_trains_nothing_needs_no_minutes() -> None:
    pipeline, catalog = make_run("a.honest")
    predicted = pipeline.to_outputs("a.honest.predictions")
    BudgetHooks().before_pipeline_run({"runtime_params": {"minutes": 5}}, predicted, catalog)
    assert catalog.load("params:a.honest").budget.minutes is None


def test_minutes_that_are_no_number_stop_the_run() -> None:
    with pytest.raises(ValueError, match="minutes must be a number above 0, got 'ten'"):
        budgets("ten", "a.honest")
