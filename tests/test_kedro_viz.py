"""What Kedro-Viz shows: one box per pipeline, little beside the boxes, and layers in every pipeline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kedro.pipeline import Pipeline

PROJECT = Path(__file__).resolve().parents[1]

BOXES = {path.parent.name for path in PROJECT.glob("src/xraylab/pipelines/*/pipeline.py")}
LAYERS = (
    *("raw", "raw_labels", "primary", "feature", "model_input"),
    *("models", "model_output", "release", "reporting"),
)
RESULTS = {
    *("reporting.page", "reporting.comparison", "dose_simulation.simulated_films"),
    *("audit.page", "audit.findings", "audit.film_list"),
}
MAX_DATA_SETS, MAX_IN_A_LAYER = 45, 15


@pytest.fixture(scope="module")
def shown(
    copy_project: Callable[[Path, pytest.MonkeyPatch], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Any, dict[str, Pipeline]]:
    """What Kedro-Viz knows of the project, and the registered pipelines; no server, no browser."""
    from kedro_viz.data_access import DataAccessManager
    from kedro_viz.integrations.kedro.data_loader import load_data
    from kedro_viz.server import populate_data

    with pytest.MonkeyPatch.context() as patch:
        folder = copy_project(tmp_path_factory.mktemp("viz"), patch)
        catalog, pipelines, extras = load_data(folder)
        manager = DataAccessManager()
        populate_data(manager, catalog, pipelines, extras)
    return manager, pipelines


def test_every_registered_pipeline_has_layers_in_one_order(
    shown: tuple[Any, dict[str, Pipeline]], caplog: pytest.LogCaptureFixture
) -> None:
    """Kedro-Viz shows no layers at all where one leads back to another."""
    manager, pipelines = shown
    for name in pipelines:
        layers = manager.get_sorted_layers_for_registered_pipeline(name)
        assert layers, f"{name}: {caplog.text}"
        assert set(layers) == set(LAYERS), name
    assert not caplog.text
    order = manager.get_sorted_layers_for_registered_pipeline("__default__")
    assert order[2:-2] == list(LAYERS[2:-2])
    # neither of these leads to the other
    assert set(order[:2]) == set(LAYERS[:2])
    assert set(order[-2:]) == set(LAYERS[-2:])


def test_the_default_view_is_one_box_per_pipeline_and_what_passes_between_them(
    shown: tuple[Any, dict[str, Pipeline]],
) -> None:
    manager, _ = shown
    tree = manager.create_modular_pipelines_tree_for_registered_pipeline("__default__")
    nodes = {node.id: node for node in manager.get_nodes_for_registered_pipeline("__default__")}
    children = tree["__root__"].children
    assert {each.id for each in children if each.type == "modularPipeline"} == BOXES
    assert {each.type for each in children} == {"modularPipeline", "data", "parameters"}
    data = [nodes[each.id] for each in children if each.type == "data"]
    assert len(data) <= MAX_DATA_SETS
    layers = [each.layer for each in data]
    assert {"raw", "raw_labels", "primary", "feature", "reporting"} <= set(layers)
    counts = {layer: layers.count(layer) for layer in LAYERS}
    assert max(counts.values()) <= MAX_IN_A_LAYER, counts


def test_nothing_stands_beside_the_boxes_that_no_other_box_reads(
    shown: tuple[Any, dict[str, Pipeline]],
) -> None:
    default = shown[1]["__default__"]
    stray = {name for name in default.outputs() - RESULTS if not name.endswith(".bundle")}
    assert not stray, "give them to the summary of their pipeline"
    given = {name for name in default.inputs() if not name.startswith("params:")}
    # an audit reads any folder, whatever it is called
    own = {name for name in given if name.partition(".")[0] in BOXES - {"reporting", "audit"}}
    assert not own, "let a node of the pipeline make them"
