"""Wiring of lesion_regression: one segmentation out of fold, a regression for each protocol, comparison and release."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from xraylab.evaluation.regression import tabulate_folds
from xraylab.flow.cut_short import marked
from xraylab.flow.template import (
    COHORT,
    EVALUATION,
    PROTOCOL,
    RELEASE,
    SPLIT_TABLE,
    TRAINING,
    bind,
    create_part,
    create_prediction,
    create_protocol,
    create_summary,
    figure,
    gather,
    step,
)
from xraylab.tabular.tree_params import KINDS

from . import cohort, evaluation, export, regression, release, rows, task

__all__ = ["FIGURES", "PROTOCOLS", "create_pipeline", "create_predict"]

PROTOCOLS = ("published", "honest", "seed_table")

FIGURES = (
    "protocol_comparison",
    "overlays",
    *(f"{name}_{kind}" for kind in KINDS for name in ("cv_scatter", "shap_importance")),
)
"""Figures that the report shows, in its order."""

_TUNING = "params:tuning"
_NAME, _TUNED = "lesion_regression", ("published", "honest")
_NETWORK = {name: f"{_NAME}.segmentation.{name}" for name in ("films", "masks", "models")}


def create_pipeline() -> Pipeline:
    """Films → arrays → cohort → lesions out of fold → each protocol → comparison and release.

    ``--tags=seed_table`` needs no films.
    """
    raw = {
        "tables": "lesion_tables",
        "box_films": "nih_chest_xray14.films",
        "mask_films": "covid_lesions.films",
        "lesion_masks": "covid_lesions.lesion_masks",
    }
    cohort_nodes = [
        step(cohort.read_tables, ["tables", COHORT], ["entries", "boxes"]),
        step(
            cohort.cache_films,
            ["box_films", "mask_films", "lesion_masks", "boxes", COHORT],
            "arrays",
        ),
        step(cohort.index_cohort, ["arrays", "boxes", "entries", COHORT], ["cohort", "rejected"]),
    ]
    return (
        create_part(_NAME, cohort_nodes, raw, _TUNED)
        + _create_segmentation()
        + _create_protocols()
        + _create_comparison()
        + _create_release()
    )


def _create_segmentation() -> Pipeline:
    """Cohort → folds → networks → the lesions of every film by one that has not seen it → measured films."""
    read = ["arrays", "cohort"]
    nodes = [
        step(task.split_cohort, ["all_films", PROTOCOL, SPLIT_TABLE], ["cohort", "leakage"]),
        step(
            task.train,
            [*read, "encoder_weights", "checkpoints", TRAINING, PROTOCOL],
            ["models", "history", "trainings"],
        ),
        step(task.predict_masks, [*read, "models", TRAINING, PROTOCOL], "masks"),
        step(task.measure_films, ["masks", "lung_masks", *read, COHORT], "films"),
    ]
    lungs = {"lung_masks": "covid_lesions.lung_masks"}
    return create_protocol(_NAME, "segmentation", nodes, inputs=lungs, tags=_TUNED)


def _create_protocols() -> Pipeline:
    """Measured films → rows → tuned models → predictions out of fold; and the public demo's own table."""
    best = ["cohort", "best_hyperparams", _TUNING, PROTOCOL]
    regression_nodes = [
        step(rows.make_rows, ["films", "entries", PROTOCOL], ["cohort", "leakage"]),
        step(regression.tune_models, ["cohort", "studies", _TUNING, PROTOCOL], "best_hyperparams"),
        step(regression.predict_rows, best, ["predictions", "shap_values"]),
        step(regression.fit_models, best, ["models", "forest_onnx"]),
        step(export.check_export, ["models", "forest_onnx", "cohort"], "export_check"),
    ]
    table = [
        step(rows.index_table, ["table", PROTOCOL], ["cohort", "leakage"]),
        step(regression.repeat_table, ["cohort", PROTOCOL], "predictions"),
    ]
    films = {"films": _NETWORK["films"]}
    parts = [
        create_protocol(_NAME, each, regression_nodes, shared=("entries",), inputs=films)
        for each in _TUNED
    ]
    printed = {"table": "seed_lesion_results.features_and_target"}
    return sum(parts, create_protocol(_NAME, "seed_table", table, shared=(), inputs=printed))


def _create_comparison() -> Pipeline:
    """Tables of all protocols → metrics, tables and figures that show them side by side."""
    tables = {
        "leakage": ("segmentation", *PROTOCOLS),
        "history": ("segmentation",),
        "trainings": ("segmentation",),
        "best_hyperparams": _TUNED,
        "shap_values": _TUNED,
        "export_check": _TUNED,
        "predictions": PROTOCOLS,
    }
    node, parts = gather(
        _NAME, tables, "films", {"predictions": "protocol_predictions", "trainings": "network_trainings"},
        complete=False, of_other_films=("seed_table",),
    )  # fmt: skip
    both = ["predictions", "metrics"]
    compared = [
        node,
        step(evaluation.add_network, ["protocol_predictions", "films"], "predictions"),
        step(evaluation.evaluate, ["predictions", "history", EVALUATION], "metrics"),
        step(tabulate_folds, "predictions", "cv_metrics"),
        step(evaluation.join_trainings, ["network_trainings", "best_hyperparams"], "trainings"),
        step(
            marked(evaluation.plot_protocols),
            ["metrics", "trainings"],
            "protocol_comparison_figure",
        ),
        create_summary(
            FIGURES,
            ["metrics", "rejected", "leakage", "trainings", "cv_metrics", "export_check"],
            PROTOCOLS,
        ),
    ]
    tuned = [step(evaluation.plot_overlays, ["arrays", "masks", "films"], "overlays_figure")]
    draw = figure("plot_shap_importance")
    for kind in KINDS:
        scatter, select = (
            bind(each, kind=kind)
            for each in (evaluation.plot_cv_scatter, evaluation.select_shap_values)
        )
        values = f"shap_values_{kind}"
        compared.append(step(scatter, both, f"cv_scatter_{kind}_figure", f"plot_cv_scatter_{kind}"))
        tuned += [
            step(select, "shap_values", values, f"select_{values}"),
            step(draw, values, f"shap_importance_{kind}_figure", f"{draw.__name__}_{kind}"),
        ]
    known = {**_NETWORK, **parts}
    return create_part(_NAME, compared, known, PROTOCOLS) + create_part(_NAME, tuned, known, _TUNED)


def _create_release() -> Pipeline:
    """Networks of all folds and honest models → bundle."""
    packed = ["arrays", "films", "models", "regressors", "params:segmentation", RELEASE]
    nodes = [step(release.pack_bundle, packed, "bundle")]
    known = {
        **_NETWORK,
        "films": f"{_NAME}.segmentation.cohort",
        "regressors": f"{_NAME}.honest.models",
    }
    return create_part(_NAME, nodes, known, ["honest"])


def create_predict() -> Pipeline:
    """Any chest films and the bundle → lesions."""
    return create_prediction(release.RELEASE)
