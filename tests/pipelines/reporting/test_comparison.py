"""Two versions side by side: what differs, and what is said of it."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from tests.pipelines.reporting.examples import PARAMS, REAL, measured
from tests.test_provenance import SOURCE

from xraylab.datasets.versions_dataset import Version
from xraylab.pipelines.reporting.comparison import compare_pipeline, compare_versions

CARD: dict[str, Any] = {
    "training": {"max_epochs": 2, "seed": 1},
    "network": {"widths": [4, 8], "pool": "none"},
    "fit": {"epochs": 2, "stopped_by": "epochs"},
    "metrics": {"val_loss": 0.5},
    "notice": "x",
}


def version(name: str, honest: float, half: float = 0.05, **cards: dict[str, Any]) -> Version:
    found = {f"honest/{key}": card for key, card in cards.items()}
    return Version(name, measured(0.95, honest, 0.0, half).metrics, SOURCE, found)


def change(card: dict[str, Any], **facts: Any) -> dict[str, Any]:
    training = {**card["training"], **facts}
    return {**card, "training": training, "fit": {**card["fit"], "epochs": training["max_epochs"]}}


@pytest.mark.parametrize(
    ("first", "second", "half", "verdict"),
    [
        (0.5, 0.7, 0.05, "higher"),
        (0.7, 0.5, 0.05, "lower"),
        (0.5, 0.53, 0.05, "not shown to differ"),
        (0.5, 0.5, 0.05, "the same"),
        (0.5, 0.6, float("nan"), ""),
    ],
)
def test_a_metric_differs_where_the_interval_of_the_difference_says_so(
    first: float, second: float, half: float, verdict: str
) -> None:
    found = compare_pipeline(
        PARAMS, "dose_estimation", version("a", first, half), version("b", second, half)
    )
    row = next(
        row for row in found.rows if (row.model, row.protocol) == ("Small network", "Honest")
    )
    assert row.verdict == verdict
    assert row.metric == "R²"
    assert row.key


def test_the_difference_is_the_second_minus_the_first() -> None:
    found = compare_pipeline(
        PARAMS, "dose_estimation", version("a", 0.5, 0.03), version("b", 0.7, 0.04)
    )
    row = next(row for row in found.rows if row.protocol == "Honest" and row.model != "The mean")
    assert row.difference == ("+0.200", "0.150 to 0.250")  # 0.2 ± √(0.03² + 0.04²)
    assert row.first == ("0.500", "0.470 to 0.530")


def test_settings_that_differ_are_gathered_over_models() -> None:
    other = change(CARD, max_epochs=4)
    alone = change(CARD, seed=3)
    found = compare_pipeline(
        PARAMS,
        "dose_estimation",
        version("a", 0.5, mlp=CARD, mean=CARD, gone=CARD),
        version("b", 0.5, mlp=other, mean=change(other, seed=3), fresh=alone),
    )
    settings = [(row.fact, row.first, row.second, row.models) for row in found.settings]
    assert settings == [
        ("training.max_epochs", "2", "4", "all"),
        ("training.seed", "1", "3", "The mean, honest"),
    ]
    assert [(row.fact, row.first, row.second) for row in found.outcomes] == [
        ("fit.epochs", "2", "4")
    ]
    assert found.only_first == ["Gone, honest"]
    assert found.only_second == ["Fresh, honest"]
    assert found.n_models == 2


def test_a_metric_that_one_version_lacks_is_shown_without_a_difference() -> None:
    first, second = version("a", 0.5), version("b", 0.5)
    lone = replace(second, metrics=second.metrics.assign(metric="accuracy"))
    rows = compare_pipeline(PARAMS, "dose_estimation", first, lone).rows
    assert len(rows) == 6
    assert {row.difference for row in rows} == {("", "")}
    assert [row.key for row in rows] == [True] * 3 + [False] * 3  # key metrics first


def test_other_films_are_said() -> None:
    other = replace(REAL, data_digest="0")
    first, second = version("a", 0.5), replace(version("b", 0.5), source=other)
    found = compare_pipeline(PARAMS, "dose_estimation", first, second)
    assert not found.same_films
    assert ("Environment", SOURCE.environment, "public") in found.facts
    assert compare_pipeline(PARAMS, "dose_estimation", first, first).same_films
    page = compare_versions(PARAMS, {"dose_estimation": (first, second)})
    assert "Not known to be of the same films" in page
    assert "PHANTOMS" in page


def test_the_page_escapes_and_asks_for_nothing() -> None:
    card = {"network": {"name": "<script>alert(1)</script>" + "x" * 99}}
    pair = (version("a", 0.5, mlp=CARD), version("<b>", 0.7, mlp={**CARD, **card}))
    page = compare_versions(PARAMS, {"dose_estimation": pair})
    assert "<script>" not in page
    assert "&lt;b&gt;" in page
    assert "A &lt;title&gt;: two versions" in page
    assert "src=" not in page


def test_without_versions_no_page_is_made() -> None:
    assert compare_versions(PARAMS, {}) == ""


def test_a_pipeline_without_a_section_is_compared_too() -> None:
    metrics = pd.DataFrame(columns=measured().metrics.columns)
    empty = Version("a", metrics)
    page = compare_versions(PARAMS, {"film_sizes": (empty, empty)})
    assert "Film sizes" in page
    assert "Neither version has metrics." in page
    assert "There is no model that both versions have." in page
