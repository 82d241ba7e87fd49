"""The wiring that deep pipelines share."""

import pickle
from pathlib import Path

import pandas as pd
import pytest

from xraylab.flow.release import Release
from xraylab.flow.template import (
    bind,
    create_comparison,
    create_part,
    create_prediction,
    create_protocol,
    figure,
    step,
)


def split(films: pd.DataFrame, params: dict) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split films."""
    return films, films


def measure(predictions: pd.DataFrame) -> pd.DataFrame:
    """Measure predictions."""
    return predictions


def read_sexes(films: dict, tables: dict) -> dict:
    """Read sexes."""
    return {}


def test_a_protocol_is_a_namespace_and_a_tag() -> None:
    nodes = [step(split, ["all_films", "params:protocol"], ["cohort", "leakage"])]
    (node,) = create_protocol("p", "honest", nodes).nodes
    assert node.name == "p.honest.split"
    assert node.inputs == ["p.cohort", "params:p.honest"]
    assert node.outputs == ["p.honest.cohort", "p.honest.leakage"]
    assert node.tags == {"honest"}


def test_a_folder_of_work_in_progress_is_opened_before_it_is_used() -> None:
    def train(cohort: pd.DataFrame, checkpoints: Path) -> pd.DataFrame:
        return cohort

    nodes = [
        step(split, ["all_films", "params:protocol"], ["cohort", "leakage"]),
        step(train, ["cohort", "checkpoints"], "models"),
    ]
    pipeline = create_protocol("p", "honest", nodes)
    assert pipeline.inputs() == {"p.cohort", "params:p.honest"}
    opened = next(node for node in pipeline.nodes if node.name == "p.honest.open_checkpoints")
    assert (opened.inputs, opened.outputs) == (["p.honest.cohort"], ["p.honest.checkpoints"])
    assert opened.tags == {"honest"}


def test_a_table_that_is_given_and_that_no_node_reads_is_summed() -> None:
    nodes = [step(measure, "predictions", "metrics")]
    given = {"stability": "p.stability"}
    tables = ("predictions", "cohort")
    pipeline = create_comparison("p", ("one",), nodes, (), tables, given, films="films")
    summed = next(node.inputs for node in pipeline.nodes if node.name == "p.summarise")
    assert summed == ["p.metrics", "p.rejected", "p.cohort", "p.stability"]


def test_parameters_are_those_of_the_pipeline() -> None:
    (node,) = create_part(
        "p", [step(split, ["films", "params:cohort"], ["a", "b"])], {"films": "raw.films"}, "x"
    ).nodes
    assert node.inputs == ["raw.films", "params:p.cohort"]
    assert node.outputs == ["p.a", "p.b"]


def test_a_pipeline_that_predicts_reads_a_folder_and_a_bundle_and_nothing_of_a_training() -> None:
    released = Release("p", "Title", "Limits.", (), split)  # type: ignore[arg-type]
    (node,) = create_prediction(released).nodes
    assert node.name == "p_predict.predict_films"
    assert node.inputs == ["p_predict.films", "p_predict.bundle", "params:predict"]
    assert node.outputs == ["p_predict.results"]
    assert node.tags == {"predict"}
    sexes = step(read_sexes, ["films", "tables"], "sexes")
    pipeline = create_prediction(released, [sexes], sexes="sexes")
    assert pipeline.inputs() == {
        "p_predict.films",
        "p_predict.tables",
        "p_predict.bundle",
        "params:predict",
    }
    assert pipeline.outputs() == {"p_predict.results"}


def test_a_comparison_reads_every_protocol_and_ends_in_a_summary() -> None:
    pipeline = create_comparison(
        "p", ("one", "two"), [step(measure, "predictions", "metrics")], ("roc",)
    )
    by_name = {node.name: node for node in pipeline.nodes}
    gathered = by_name["p.gather_protocols"]
    assert {
        f"p.{each}.{table}" for each in ("one", "two") for table in ("cohort", "predictions")
    } < set(gathered.inputs)
    assert "p.cohort" in gathered.inputs
    assert gathered.outputs == ["p.leakage", "p.history", "p.trainings", "p.predictions"]
    assert by_name["p.measure"].inputs == ["p.predictions"]
    assert by_name["p.summarise"].inputs == [
        *("p.metrics", "p.rejected", "p.leakage", "p.trainings", "p.history"),
        *("p.one.cohort", "p.two.cohort", "p.roc_figure"),
    ]  # and the history, as no node reads it
    assert {tag for node in pipeline.nodes for tag in node.tags} == {"one", "two"}


def test_bound_functions_keep_their_name_and_cross_to_another_process() -> None:
    for function in (bind(measure), figure("plot_roc", baselines=("a",))):
        again = pickle.loads(pickle.dumps(function))  # noqa: S301 - as a parallel runner does
        assert again.__name__ == function.__name__
    with pytest.raises(ValueError, match=r"has no 'plot_rock'; it has .*plot_roc"):
        figure("plot_rock")
