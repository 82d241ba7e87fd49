"""What a run says of itself: one line per node with its seconds, and a summary at its end."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

from xraylab.imaging.film_file import IGNORED
from xraylab.pipelines import pipeline_names
from xraylab.pipelines.headlines import HEADLINES

if TYPE_CHECKING:
    from kedro.io import CatalogProtocol
    from kedro.pipeline.node import Node

__all__ = ["RunRecord", "RunSummaryHooks", "describe_run"]

logger = logging.getLogger(__name__)

_REPORT, _COMPARISON, _AUDIT = "reporting.page", "reporting.comparison", "audit.page"
_FINDINGS, _FILM_LIST = "audit.findings", "audit.film_list"
_TABLES = (
    *("cohort", "rejected", "leakage", "metrics", "trainings", "best_hyperparams"),
    *(each.rpartition(".")[2] for each in (_FINDINGS, _FILM_LIST)),
)
_SLOWEST = 5
_CUT_SHORT = 6
_MINUTE = 60
_NUMBERS = ("films", "rejected", "leaks", "s")


@dataclass
class RunRecord:
    """What is known of a run while it is under way.

    Attributes
    ----------
    title : str
        What is run, and in which environment.
    n_nodes : int
        Nodes that the run may run.
    counted : bool
        Whether the nodes are told by their number: not where some are left out, or run in other processes.
    begun : dict of str to float
        Time at which each node began, in seconds of `time.perf_counter`.
    saved : dict of str to set of str
        Data sets that each node has saved.
    done : set of str
        Finished nodes.
    seconds : dict of str to float
        Wall-clock of each of them, its loading and saving included, in seconds; not known of other processes.
    tables : dict of str to DataFrame
        Tables that were saved, by data set.
    report : str
        Path of the report, if the run made it.
    audit : str
        Path of the page of an audit, if the run made it.
    comparison : str
        Path of the page of two versions, if the run made it.
    compares : bool
        Whether two versions are to be compared.
    start : float
        Time at which the run began, in seconds of `time.perf_counter`.
    """

    title: str = ""
    n_nodes: int = 0
    counted: bool = False
    begun: dict[str, float] = field(default_factory=dict)
    saved: dict[str, set[str]] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    seconds: dict[str, float] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    report: str = ""
    audit: str = ""
    comparison: str = ""
    compares: bool = False
    start: float = field(default_factory=time.perf_counter)

    def tables_of(self, pipeline: str, table: str) -> list[pd.DataFrame]:
        """Return the tables of this name that a pipeline or one of its protocols saved, the pipeline's own first."""
        names = [
            name
            for name in self.tables
            if name.startswith(f"{pipeline}.") and name.endswith(f".{table}")
        ]
        return [self.tables[name] for name in sorted(names, key=lambda name: name.count("."))]

    def slowest(self) -> list[tuple[str, float]]:
        """Return the finished nodes with their seconds, the slowest first."""
        return sorted(self.seconds.items(), key=lambda pair: -pair[1])


class RunSummaryHooks:
    """Measure the seconds of each node, and sum up the run at its end."""

    def __init__(self) -> None:
        self.record = RunRecord()

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline) -> None:
        """Begin the record of a run."""
        names = run_params.get("pipeline_names") or ["all pipelines"]
        self.record = RunRecord(
            title=f"{', '.join(names)} in the environment {run_params.get('env') or 'base'}",
            n_nodes=len(pipeline.nodes),
            counted=not run_params.get("only_missing_outputs")
            and "Parallel" not in str(run_params.get("runner")),
            compares=bool((run_params.get("runtime_params") or {}).get("compare")),
        )

    @hook_impl(tryfirst=True)
    def before_dataset_loaded(self, node: Node) -> None:
        """Note when a node begins to load."""
        self.record.begun.setdefault(node.name, time.perf_counter())

    @hook_impl(tryfirst=True)
    def before_node_run(self, node: Node) -> None:
        """Note when a node begins that loads nothing."""
        self.record.begun.setdefault(node.name, time.perf_counter())

    @hook_impl(trylast=True)
    def after_node_run(self, node: Node) -> None:
        """Note when a node ends that saves nothing."""
        if not node.outputs:
            self._finish(node)

    @hook_impl(trylast=True)
    def after_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """Keep the tables that the summary reads, and note when a node has saved all of its outputs."""
        table = dataset_name.rpartition(".")[2]
        if isinstance(data, pd.DataFrame) and (table in _TABLES or ".new_" in dataset_name):
            self.record.tables[dataset_name] = data
        saved = self.record.saved.setdefault(node.name, set())
        saved.add(dataset_name)
        if len(saved) == len(node.outputs):
            self._finish(node)

    @hook_impl(trylast=True)
    def after_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """Sum up the run."""
        if "Parallel" in str(run_params.get("runner")) and not run_params.get(
            "only_missing_outputs"
        ):
            self._ask_catalog(pipeline, catalog)
        self._sum_up(catalog, "")

    @hook_impl(trylast=True)
    def on_pipeline_error(self, error: Exception, catalog: CatalogProtocol[Any, Any]) -> None:
        """Sum up what was done before the error."""
        unfinished = [name for name in self.record.begun if name not in self.record.seconds]
        if self.record.done:
            self._sum_up(catalog, f"stopped in {', '.join(unfinished)} by {type(error).__name__}")

    def _ask_catalog(self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
        """Read what other processes have saved: they know nothing of this record."""
        self.record.done = {node.name for node in pipeline.nodes}
        for name in sorted(pipeline.all_outputs()):
            if name.rpartition(".")[2] in _TABLES and catalog.exists(name):
                self.record.tables[name] = catalog.load(name)

    def _finish(self, node: Node) -> None:
        record = self.record
        record.done.add(node.name)
        record.seconds[node.name] = time.perf_counter() - record.begun[node.name]
        place = f"{len(record.done):3d}/{record.n_nodes} " if record.counted else ""
        logger.info("%s%s (%.1f s)", place, node.name, record.seconds[node.name])

    def _sum_up(self, catalog: CatalogProtocol[Any, Any], stopped: str) -> None:
        record = self.record
        if any(name.startswith("reporting.") for name in record.done):
            record.report = _place_of(catalog, _REPORT)
            record.comparison = _place_of(catalog, _COMPARISON) if record.compares else ""
        if _FINDINGS in record.tables:
            # the name of the folder of films may be long
            record.audit = _from_here(_place_of(catalog, _AUDIT))
        rows = "\n".join(f"{seconds:9.2f} s  {name}" for name, seconds in record.slowest())
        if rows:
            logger.debug("Seconds per node, loading and saving included:\n%s", rows)
        logger.info("%s", describe_run(record, stopped))
        cut = _list_cut_short(record)
        if cut:
            more = [f"  and {len(cut) - _CUT_SHORT} more"] if len(cut) > _CUT_SHORT else []
            lines = "\n".join([f"  {line}" for line in cut[:_CUT_SHORT]] + more)
            logger.warning(
                "Cut short, so that these figures are not those of a whole run:\n%s", lines
            )


def describe_run(record: RunRecord, stopped: str = "") -> str:
    """Return the summary of a run as plain text of at most 100 columns.

    Parameters
    ----------
    record : RunRecord
        The run.
    stopped : str
        What stopped it; empty where it came to its end.
    """
    seconds = time.perf_counter() - record.start
    done = f"{len(record.done)} of {record.n_nodes} nodes in {_duration(seconds)}"
    lines = [f"Summary: {record.title}, {done}" + (f", {stopped}" if stopped else "")]
    table = _tabulate(record)
    if table:
        lines += ["", *table]
    slowest = record.slowest()[:_SLOWEST]
    if slowest:
        width = max(len(name) for name, _ in slowest)
        lines += ["", "Slowest nodes"]
        lines += [f"  {name:{width}}  {value:6.1f} s" for name, value in slowest]
    if record.report:
        lines += ["", f"Report: {record.report}"]
    if record.audit:
        lines += [] if record.report else [""]
        lines += [f"Audit: {record.audit}"]
    if record.comparison:
        lines += [f"Comparison: {record.comparison}"]
    return "\n".join(lines)


def _tabulate(record: RunRecord) -> list[str]:
    """Return one line per pipeline, below a line of headings; a column that nothing stands in is left out."""
    rows = []
    for pipeline in pipeline_names():
        if not any(name.startswith(f"{pipeline}.") for name in record.done):
            continue
        own = (value for name, value in record.seconds.items() if name.startswith(f"{pipeline}."))
        counts = [
            count(record, pipeline) for count in (_count_films, _count_rejected, _count_leaks)
        ]
        metrics = record.tables.get(f"{pipeline}.metrics", pd.DataFrame())
        known = pipeline in HEADLINES
        result, baseline = HEADLINES[pipeline].describe(metrics) if known else ("", "")
        if pipeline == _AUDIT.partition(".")[0]:
            result = _count_findings(record)
        seconds = f"{sum(own):.0f}" if record.seconds else ""
        numbers = ["" if each is None else f"{each:,}" for each in counts]
        rows.append([pipeline, *numbers, result, baseline, seconds])
    headings = ["pipeline", "films", "rejected", "leaks", "honest result", "baseline", "s"]
    columns = [
        _align(heading, cells, right=heading in _NUMBERS)
        for heading, *cells in zip(headings, *rows, strict=True)
        if any(cells)
    ]
    return [" ".join(line).rstrip() for line in zip(*columns, strict=True)]


def _align(heading: str, cells: list[str], right: bool) -> list[str]:
    width = max(len(each) for each in (heading, *cells))
    if right:
        return [f"{each:>{width}}" for each in (heading, *cells)]
    return [f"{each:{width}}" for each in (heading, *cells)]


def _count_films(record: RunRecord, pipeline: str) -> int | None:
    """Return the films of a pipeline's cohort, or of that of a protocol, or those that were predicted."""
    tables = record.tables_of(pipeline, "cohort")
    own = record.tables.get(f"{pipeline}.cohort")
    listed = record.tables.get(_FILM_LIST)
    if pipeline == _FILM_LIST.partition(".")[0] and listed is not None:
        return int((listed["status"] == "ok").sum())
    if own is not None:
        tables = [own]
    if not tables:
        tables = [
            table
            for name, table in record.tables.items()
            if name.startswith(f"{pipeline}.new_") and not name.endswith("rejected")
        ]
    counts = [table["image_id"].nunique() for table in tables if "image_id" in table]
    return max(counts, default=None)


def _count_findings(record: RunRecord) -> str:
    """Return how many errors and warnings an audit has found."""
    findings = record.tables.get(_FINDINGS)
    if findings is None:
        return ""
    counts = findings["severity"].value_counts()
    numbers = {each: int(counts.get(each, 0)) for each in ("error", "warning")}
    return ", ".join(f"{n} {each}{'' if n == 1 else 's'}" for each, n in numbers.items())


def _count_rejected(record: RunRecord, pipeline: str) -> int | None:
    names = (f"{pipeline}.rejected", f"{pipeline}.new_rejected")
    tables = [record.tables[name] for name in names if name in record.tables]
    if not tables:
        return None
    return int((~tables[0]["reason"].astype(str).str.startswith(IGNORED)).sum())


def _count_leaks(record: RunRecord, pipeline: str) -> int | None:
    """Return the leaks of all protocols: of the table that holds them all, or of those of each protocol."""
    together = record.tables.get(f"{pipeline}.leakage")
    tables = [together] if together is not None else record.tables_of(pipeline, "leakage")
    return sum(len(table) for table in tables) if tables else None


def _list_cut_short(record: RunRecord) -> list[str]:
    """Return one line per training or search that lacked something."""
    lines = {}
    for name, table in record.tables.items():
        if name.rpartition(".")[2] not in ("trainings", "best_hyperparams"):
            continue
        if "cut_short" not in table:
            continue
        pipeline, *protocol = name.split(".")[:-1]
        for row in table.to_dict("records"):
            words = row["cut_short"]
            if not isinstance(words, str) or not words:
                continue
            place = [pipeline, *(protocol or [str(row.get("protocol", ""))]), _training_of(row)]
            lines[".".join(filter(None, place))] = words
    return [f"{place}: {words}" for place, words in lines.items()]


def _training_of(row: Mapping[Any, Any]) -> str:
    """Return the name of a training; a search names its model and its arm or fold apart."""
    model = str(row["model"])
    if "kind" in row:
        return model
    arm = str(row.get("arm", ""))
    return f"{model} {arm}".strip() + " (search)"


def _place_of(catalog: CatalogProtocol[Any, Any], name: str) -> str:
    resolver = getattr(catalog, "config_resolver", None)
    return str(resolver.resolve_pattern(name).get("filepath", "")) if resolver is not None else ""


def _from_here(path: str) -> str:
    """Return a path relative to the current folder, where it lies in it."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def _duration(seconds: float) -> str:
    """Return a time as a person says it.

    Examples
    --------
    >>> _duration(12.34), _duration(400)
    ('12.3 s', '6 min 40 s')
    """
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    return f"{seconds // _MINUTE:.0f} min {seconds % _MINUTE:02.0f} s"
