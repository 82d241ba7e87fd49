"""Wiring of audit: a folder of films, and tables beside it → what is wrong with it, and a split that is not."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from xraylab.flow.given_split import SPLIT_TABLE
from xraylab.flow.template import step

from .copies import check_copies, find_copies
from .files import check_files
from .groups import check_groups
from .labels import check_labels, embed_films
from .probe_features import film_statistics
from .proposal import propose_split
from .recognise import recognise_films
from .scan import plan_scan
from .shortcuts import measure_shortcuts
from .splits import check_splits
from .tell import draw_salt, gather_findings, list_films, write_page

__all__ = ["create_pipeline"]


def create_pipeline() -> Pipeline:
    """Return the pipeline; its films are those of ``--params films=…``, or a public data set."""
    params = "params:audit"
    checks = ("files", "copies", "groups", "splits", "shortcuts", "labels")
    shown = ("arrays", "place", "records", "recognised", "clusters", "probes", "suspects")
    return Pipeline(
        [
            step(plan_scan, ["films", params], "arrays"),
            step(draw_salt, params, "salt"),
            step(
                recognise_films,
                ["arrays", "tables", "split_table", params],
                ["recognised_files", "recognised"],
            ),
            step(
                find_copies, ["recognised_files", "arrays", "salt", params], ["records", "clusters"]
            ),
            step(check_files, ["records", "arrays", params], "findings_of_files"),
            step(check_copies, ["records", "clusters", params], "findings_of_copies"),
            step(check_groups, ["records", params], "findings_of_groups"),
            step(film_statistics, ["records", "arrays"], "statistics"),
            step(check_splits, ["records", "statistics", params], "findings_of_splits"),
            step(
                measure_shortcuts,
                ["records", "arrays", params],
                ["findings_of_shortcuts", "probes"],
            ),
            step(embed_films, ["records", "arrays", "encoder_weights", params], "embeddings"),
            step(
                check_labels,
                ["records", "embeddings", params],
                ["findings_of_labels", "suspects"],
            ),
            step(
                gather_findings,
                {each: f"findings_of_{each}" for each in checks},
                ["all_findings", "findings"],
            ),
            step(propose_split, ["records", "salt", params], "split"),
            step(list_films, ["records", "all_findings", "salt", params], "film_list"),
            step(
                write_page,
                {**{each: each for each in (*shown, "split")}, "findings": "all_findings"},
                "page",
            ),
        ],
        namespace="audit",
        inputs={"encoder_weights": "encoder_weights", "split_table": SPLIT_TABLE},
        parameters={params},
    )
