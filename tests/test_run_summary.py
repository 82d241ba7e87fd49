"""The lines that a run shows of itself."""

import logging
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline
from kedro.runner import SequentialRunner
from tests.conftest import terminal_to

from xraylab.cli import cli
from xraylab.pipelines import pipeline_names
from xraylab.pipelines.headlines import HEADLINES
from xraylab.run_summary import RunRecord, RunSummaryHooks, describe_run


def metrics(**values: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "protocol": "honest", "model": list(values), "split": "test", "metric": "mae",
            "value": list(values.values()), "ci_low": 1.0, "ci_high": 9.25,
        }
    )  # fmt: skip


def filled_record() -> RunRecord:
    record = RunRecord("bone_age in the environment base", n_nodes=3)
    record.done = {"bone_age.index_cohort", "bone_age.honest.train"}
    record.seconds = {"bone_age.index_cohort": 2.0, "bone_age.honest.train": 61.0}
    record.tables = {
        "bone_age.cohort": pd.DataFrame({"image_id": ["a", "b", "b"]}),
        "bone_age.rejected": pd.DataFrame({"reason": ["has no film", "ignored: a text"]}),
        "bone_age.honest.leakage": pd.DataFrame({"kind": ["same_bytes"]}),
        "bone_age.published.leakage": pd.DataFrame({"kind": ["same_bytes", "same_pixels"]}),
        "bone_age.metrics": metrics(modern=8.04, mean_age=52.0),
    }
    return record


def test_a_run_is_summed_up_in_aligned_plain_text() -> None:
    lines = describe_run(filled_record()).splitlines()
    assert lines[0].startswith("Summary: bone_age in the environment base, 2 of 3 nodes in ")
    assert lines[2:4] == [
        "pipeline films rejected leaks honest result                   baseline       s",
        "bone_age     2        1     3 modern MAE 8.0 (1.0–9.2) months mean_age 52.0 63",
    ]
    assert lines[6].split() == ["bone_age.honest.train", "61.0", "s"]


def test_where_nothing_ran_there_is_no_table() -> None:
    (line,) = describe_run(RunRecord("x in the environment base", n_nodes=4)).splitlines()
    assert line.startswith("Summary: x in the environment base, 0 of 4 nodes in ")


def test_another_model_stands_in_and_the_only_one_needs_no_name() -> None:
    headline = HEADLINES["bone_age"]
    assert headline.describe(metrics(cnn=7.0, mean_age=52.0))[0] == "cnn MAE 7.0 (1.0–9.2) months"
    assert headline.describe(metrics(cnn=7.0)) == ("MAE 7.0 (1.0–9.2) months", "")
    assert headline.describe(metrics(mean_age=7.0)) == ("", "")
    assert headline.describe(metrics(cnn=7.0).assign(protocol="published")) == ("", "")


def test_headlines_are_of_pipelines() -> None:
    assert set(HEADLINES) <= set(pipeline_names())


class Manager:
    """Calls the hooks of one object, as Kedro does."""

    def __init__(self, hooks: object) -> None:
        self.hook = self
        self.hooks = hooks

    def __getattr__(self, name: str):
        function = getattr(self.hooks, name, None)
        if function is None:
            return lambda **_: None
        names = function.__code__.co_varnames[1 : function.__code__.co_argcount]
        return lambda **given: function(**{each: given[each] for each in names})


def run_nodes(*nodes: Node) -> None:
    hooks, pipeline, catalog = RunSummaryHooks(), Pipeline(list(nodes)), DataCatalog()
    manager, params = Manager(hooks), {"pipeline_names": ["fracture"], "env": "test"}
    manager.before_pipeline_run(run_params=params, pipeline=pipeline)
    try:
        SequentialRunner().run(pipeline, catalog, hook_manager=manager)
    except ValueError as error:
        manager.on_pipeline_error(error=error, catalog=catalog)
    else:
        manager.after_pipeline_run(run_params=params, pipeline=pipeline, catalog=catalog)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[str], list[str]]:
    """What the hooks have said at a level."""
    caplog.set_level(logging.INFO, logger="xraylab.run_summary")
    return lambda level: [
        record.getMessage()
        for record in caplog.records
        if (record.name, record.levelname) == ("xraylab.run_summary", level)
    ]


def test_one_line_per_node_and_a_warning_of_what_was_cut_short(
    lines: Callable[[str], list[str]],
) -> None:
    table = pd.DataFrame(
        {"model": ["cnn", "robust"], "kind": "cnn", "cut_short": ["", "stopped by the clock"]}
    )
    run_nodes(
        Node(lambda: table, None, "fracture.honest.trainings", name="fracture.honest.train"),
        Node(lambda _: None, "fracture.honest.trainings", None, name="fracture.show"),
    )
    shown = lines("INFO")
    assert re.fullmatch(r"  1/2 fracture\.honest\.train \(\d\.\d s\)", shown[0])
    assert re.fullmatch(r"  2/2 fracture\.show \(\d\.\d s\)", shown[1])
    assert "2 of 2 nodes" in shown[2]
    (warning,) = lines("WARNING")
    assert warning.splitlines()[1:] == ["  fracture.honest.robust: stopped by the clock"]


def test_a_failed_run_says_what_was_done(lines: Callable[[str], list[str]]) -> None:
    def fail(_: int) -> None:
        raise ValueError("no")

    run_nodes(
        Node(lambda: 1, None, "one", name="fracture.first"),
        Node(fail, "one", None, name="fracture.second"),
    )
    assert "1 of 2 nodes in 0.0 s, stopped in fracture.second by ValueError" in lines("INFO")[-1]


def test_a_run_is_short_on_the_terminal(project_copy: Path) -> None:
    """Nothing is wrapped, no warning is of Python or Kedro, and what Kedro loads and saves is in the file alone."""
    bootstrap_project(project_copy)
    file = project_copy / "terminal.log"
    with terminal_to(file):
        result = CliRunner().invoke(cli, ["run", "--env=test", "--pipelines=dose_simulation"])
    assert result.exit_code == 0
    assert result.output == ""
    shown = file.read_text().splitlines()
    assert (
        sum(" dose_simulation." in line for line in shown) == 7 + 5
    )  # nodes, and the slowest of them
    assert len(shown) < 25
    assert "Loading data" not in file.read_text()


def test_an_audit_says_how_many_findings_it_has_and_where_its_page_is() -> None:
    findings = pd.DataFrame({"severity": ["error", "warning", "warning", "info"]})
    films = pd.DataFrame({"image_id": list("abc"), "status": ["ok", "ok", "unreadable"]})
    record = RunRecord(
        title="audit in the environment base",
        done={"audit.write_page"},
        tables={"audit.findings": findings, "audit.film_list": films},
        audit="data/audit.html",
    )
    words = describe_run(record)
    assert "1 error, 2 warnings" in words
    assert words.splitlines()[-1] == "Audit: data/audit.html"
    assert " 2 " in next(line for line in words.splitlines() if line.startswith("audit"))
