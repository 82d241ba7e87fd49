"""The wiring that every deep pipeline shares: one template, instantiated once for each protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial, update_wrapper
from typing import Any

from kedro.pipeline import Node, Pipeline

from xraylab import plots
from xraylab.flow.compare import SEPARATOR, gather_protocols
from xraylab.flow.given_split import SPLIT_TABLE
from xraylab.flow.prediction import predict_films
from xraylab.flow.progress import PLACES, open_folder
from xraylab.flow.release import Release
from xraylab.flow.summary import COHORT_PART, FIGURE_PART, summarise
from xraylab.flow.tags import PREDICT

__all__ = [
    "COHORT",
    "EVALUATION",
    "PREDICT_PARAMS",
    "PROTOCOL",
    "RELEASE",
    "SPLIT_TABLE",
    "TABLES",
    "TRAINING",
    "bind",
    "create_comparison",
    "create_part",
    "create_prediction",
    "create_protocol",
    "create_summary",
    "figure",
    "gather",
    "step",
]

PREDICT_PARAMS = "params:predict"
"""Parameters of all pipelines that predict."""

TABLES = ("leakage", "history", "trainings", "predictions")
"""Tables that every protocol of a deep pipeline writes."""

SUMMED = ("leakage", "trainings")
"""Those of them that the summary of a pipeline holds."""

COHORT, TRAINING, EVALUATION = "params:cohort", "params:training", "params:evaluation"
PROTOCOL, RELEASE = "params:protocol", "params:release"
"""Blocks of parameters, as the nodes of a pipeline call them."""

SUMMARY = "summary"
"""What the summary of a pipeline is called."""

Names = str | list[str] | dict[str, str] | None


def step(
    function: Callable[..., Any], inputs: Names, outputs: Names, name: str | None = None
) -> Node:
    """Return a node that is named as its function.

    Examples
    --------
    >>> step(len, "films", "n_films").name
    'len'
    """
    return Node(function, inputs, outputs, name=name or function.__name__)


def bind(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Return a function with some arguments set, under the name that it has.

    Examples
    --------
    >>> bind(int, base=2)("101")
    5
    """
    bound = partial(function, **options)
    return update_wrapper(bound, function)


def figure(name: str, **options: Any) -> Callable[..., Any]:
    """Return a function of `xraylab.plots` by its name; it is imported when it is called, not when it is wired.

    Examples
    --------
    >>> figure("plot_roc").__name__
    'plot_roc'
    """
    if name not in plots.__all__:
        raise ValueError(f"xraylab.plots has no '{name}'; it has {', '.join(plots.__all__)}")
    drawn = partial(_draw, name, **options)
    # Kedro names a node by its function and reads its annotations
    drawn.__name__, drawn.__annotations__ = name, {}  # type: ignore[attr-defined]
    return drawn


def _draw(name: str, *tables: Any, **options: Any) -> Any:
    return getattr(plots, name)(*tables, **options)


def create_part(
    pipeline: str,
    nodes: Iterable[Node],
    inputs: Mapping[str, str],
    tags: Iterable[str],
) -> Pipeline:
    """Return nodes in the namespace of a pipeline.

    Parameters
    ----------
    pipeline : str
        Its name. Parameters are named ``params:<block>`` and read from ``<pipeline>.<block>``.
    nodes : iterable of Node
        The nodes.
    inputs : mapping of str to str
        Data sets of other pipelines and raw data, by what the nodes call them.
    tags : iterable of str
        Tags of all nodes, such as the protocols that need them.
    """
    return _instantiate(nodes, pipeline, pipeline, inputs, {}, tags)


def create_protocol(
    pipeline: str,
    protocol: str,
    nodes: Iterable[Node],
    shared: Iterable[str] = ("arrays",),
    inputs: Mapping[str, str] | None = None,
    tags: Iterable[str] = (),
) -> Pipeline:
    """Return nodes under one protocol: in the namespace ``<pipeline>.<protocol>``, with the protocol as their tag.

    Parameters
    ----------
    pipeline, protocol : str
        Their names. The nodes call the parameters of the protocol ``params:protocol``.
    nodes : iterable of Node
        The nodes. ``all_films`` is the cohort of the pipeline before it is split, ``split_table`` the parts that a
        user gives, ``encoder_weights`` pretrained weights. Folders of work in progress
        (`xraylab.flow.progress.PLACES`) that they read are opened before.
    shared : iterable of str
        Data sets of the pipeline that all protocols read.
    inputs : mapping of str to str, optional
        Further data sets, by what the nodes call them.
    tags : iterable of str
        Tags of all nodes; without any the protocol.
    """
    known = {"all_films": f"{pipeline}.cohort"}
    known |= {name: name for name in (SPLIT_TABLE, "encoder_weights")}
    known |= {name: f"{pipeline}.{name}" for name in shared}
    parameters = {"params:protocol": f"params:{pipeline}.{protocol}"}
    known |= inputs or {}
    tags = list(tags) or [protocol]
    nodes = list(nodes)
    read = {name for node in nodes for name in node.inputs}
    nodes += [step(open_folder, "cohort", each, f"open_{each}") for each in PLACES if each in read]
    return _instantiate(nodes, f"{pipeline}.{protocol}", pipeline, known, parameters, tags)


def create_comparison(
    pipeline: str,
    protocols: Sequence[str],
    nodes: Iterable[Node],
    figures: Sequence[str],
    tables: Sequence[str] = TABLES,
    inputs: Mapping[str, str] | None = None,
    films: str = "cohort",
) -> Pipeline:
    """Return the nodes that lay protocols side by side, and the summary that the report reads.

    Parameters
    ----------
    pipeline : str
        Its name.
    protocols : sequence of str
        All protocols; tables of those that have not run are left out.
    nodes : iterable of Node
        What is made of their tables.
    figures : sequence of str
        Names of the figures that the summary holds, in their order.
    tables : sequence of str
        Tables of each protocol, which are put below each other under the same names.
    inputs : mapping of str to str, optional
        Further data sets, by what the nodes call them; a table that no node reads is a part of the summary.
    films : str
        Data set of the films that there are now: a protocol that ran on others is left out.
    """
    node, parts = gather(pipeline, dict.fromkeys(tables, protocols), films)
    nodes = [node, *nodes]
    known = {**parts, **(inputs or {})}
    summed = ["metrics", "rejected", *(each for each in tables if each in SUMMED)]
    summed += _find_unread([*nodes, create_summary(figures, summed)], inputs or {})
    # a cohort of all protocols counts the films of each
    counted = () if COHORT_PART in summed else protocols
    summary = create_summary(figures, summed, counted)
    return create_part(pipeline, [*nodes, summary], known, protocols)


def _find_unread(nodes: Sequence[Node], inputs: Mapping[str, str]) -> list[str]:
    """Return the tables that nodes make or are given, and that none of them reads."""
    made = [name for node in nodes for name in node.outputs if name != SUMMARY]
    read = {name for node in nodes for name in node.inputs}
    return [name for name in (*made, *inputs) if name not in read]


def gather(
    pipeline: str,
    tables: Mapping[str, Sequence[str]],
    films: str,
    renamed: Mapping[str, str] | None = None,
    **options: Any,
) -> tuple[Node, dict[str, str]]:
    """Return the node that puts the tables of all protocols below each other, and the data sets that it reads.

    Parameters
    ----------
    pipeline : str
        Its name.
    tables : mapping of str to sequence of str
        The protocols that have each table.
    films : str
        Data set of the films that there are now.
    renamed : mapping of str to str, optional
        What a table of all protocols is called, where that is not the name of the table.
    **options
        As `xraylab.flow.compare.gather_protocols` takes them.
    """
    pairs = [(protocol, table) for table, protocols in tables.items() for protocol in protocols]
    pairs += [(protocol, "cohort") for protocol, _ in pairs]
    parts = {
        f"{protocol}{SEPARATOR}{table}": f"{pipeline}.{protocol}.{table}"
        for protocol, table in sorted(set(pairs), key=pairs.index)
    }
    function = bind(gather_protocols, tables=tuple(tables), **options)
    names = [(renamed or {}).get(table, table) for table in tables]
    return step(function, {"films": films, **{name: name for name in parts}}, names), parts


def create_summary(
    figures: Sequence[str], tables: Sequence[str], protocols: Sequence[str] = ()
) -> Node:
    """Return the node that puts together what the report shows of a pipeline.

    Parameters
    ----------
    figures : sequence of str
        Names of the figures, in their order.
    tables : sequence of str
        Which tables the pipeline has, as `xraylab.flow.summary.summarise` names them, and those of its own.
    protocols : sequence of str
        Protocols whose films are counted, if ``cohort`` is none of the tables.
    """
    cohorts = [f"{each}{SEPARATOR}{COHORT_PART}" for each in protocols]
    parts = (*tables, *cohorts, *(f"{name}{FIGURE_PART}" for name in figures))
    return step(summarise, {each: each for each in parts}, SUMMARY)


def create_prediction(release: Release, nodes: Iterable[Node] = (), **inputs: str) -> Pipeline:
    """Return the pipeline ``<task>_predict``: a folder of films and a bundle → a folder of results.

    Parameters
    ----------
    release : Release
        What the task says of its released model.
    nodes : iterable of Node
        What else is read of the folder, before films are predicted.
    **inputs : str
        What ``predict_films`` reads of them, by its arguments.
    """
    name = f"{release.task}_predict"
    read = {"films": "films", "bundle": "bundle", "params": PREDICT_PARAMS, **inputs}
    function = bind(predict_films, restore=release.restore)
    plain = Pipeline([*nodes, step(function, read, "results")])
    parameters = {each for each in plain.inputs() if each.startswith("params:")}
    return Pipeline(plain, namespace=name, parameters=parameters, tags=PREDICT)


def _instantiate(
    nodes: Iterable[Node],
    namespace: str,
    pipeline: str,
    inputs: Mapping[str, str],
    parameters: Mapping[str, str],
    tags: Iterable[str],
) -> Pipeline:
    """Return nodes in a namespace, with inputs and parameters mapped to their own names."""
    plain = Pipeline(list(nodes))
    read = {name for name in plain.inputs() if name.startswith("params:")}
    blocks = {
        name: parameters.get(name, f"params:{pipeline}.{name.removeprefix('params:')}")
        for name in read
    }
    known = {name: place for name, place in inputs.items() if name in plain.inputs()}
    return Pipeline(plain, namespace=namespace, inputs=known, parameters=blocks, tags=set(tags))
