"""Rows of a protocol → tuned models, their predictions of what they were not fitted to, and why."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.splits import NO_FOLD, fold_groups_evenly
from xraylab.models.card import digest_facts
from xraylab.models.state import ModelState
from xraylab.tabular.baselines import (
    predict_by_identity,
    predict_by_line,
    predict_mean_of_others,
)
from xraylab.tabular.design import table_digest
from xraylab.tabular.explain import list_shares
from xraylab.tabular.forest import RandomForest
from xraylab.tabular.interface import FitOptions, TabularModel
from xraylab.tabular.kinds import TABULAR_KINDS, fit_tabular_model
from xraylab.tabular.studies import open_storage
from xraylab.tabular.tree_params import KINDS, TreeKind, TreeSpec
from xraylab.tabular.tuning import FoldedRows, TuningParams, tune

from .params import ProtocolParams, TableParams

__all__ = ["fit_models", "predict_rows", "repeat_table", "tune_models"]

logger = logging.getLogger(__name__)

NOT_FEATURES = ("image_id", "group_id", "data_set", "annotation", "split", "fold", "target")

_PREDICTED = ["image_id", "group_id", "data_set", "annotation", "split", "fold", "target"]


def tune_models(
    cohort: pd.DataFrame, studies: Path, tuning: TuningParams, params: ProtocolParams
) -> pd.DataFrame:
    """Tune every kind of model: once for each fold on the rows outside of it, and once on all rows for the release.

    Under ``reported`` there is one tuning, on the folds that are reported afterwards.

    Parameters
    ----------
    cohort : DataFrame
        As `make_rows` gives it.
    studies : Path
        Folder of the SQLite database, unless ``tuning.storage`` names another.
    tuning : TuningParams
        Budget and search spaces.
    params : ProtocolParams
        The protocol.

    Returns
    -------
    DataFrame
        ``model, fold`` (-1: on all rows), ``mse`` (mean over the folds of the tuning), ``n_trials, n_pruned,
        stopped_by`` (trials, minutes), ``cut_short`` (in words, or empty), the hyper-parameters, and all of them as
        JSON in ``parameters``.
    """
    storage = open_storage(tuning.storage or f"sqlite:///{(studies / 'studies.db').resolve()}")
    features, target = _features_of(cohort), cohort["target"]
    searches = list(product(KINDS, _list_tunings(cohort, params)))
    budgets = params.budget.divide([1.0] * len(searches))
    rows = []
    for (kind, (fold, chosen, folds)), minutes in zip(searches, budgets, strict=True):
        x, y = features[chosen], target[chosen]
        facts = [kind, table_digest(x, y, list(x.columns)), folds.tolist(), params.scale_target]
        facts += [tuning.seed, tuning.space(kind).model_dump(mode="json")]
        name = f"{kind}-fold{fold}-{digest_facts(facts)}"
        folded = FoldedRows(x, y, folds, params.scale_target)
        found = tune(kind, folded, tuning, storage, name, minutes)
        logger.info(
            "Tuned %s %s: mean square error %.4g after %d trials, %d of them pruned",
            kind, "on all rows" if fold == NO_FOLD else f"without fold {fold}", found.mse,
            found.facts["n_trials"], found.facts["n_pruned"],
        )  # fmt: skip
        spec = found.spec.model_dump(mode="json", exclude={"kind"})
        row = {"model": kind, "fold": fold, "mse": found.mse, **found.facts, **spec}
        rows.append({**row, "parameters": json.dumps(spec)})
    table = pd.DataFrame(rows)
    return table[[name for name in table if name != "parameters"] + ["parameters"]]


def _list_tunings(
    cohort: pd.DataFrame, params: ProtocolParams
) -> Iterator[tuple[int, NDArray[np.bool_], NDArray[np.int64]]]:
    """Give for each tuning the fold that it is for, the rows that it may see, and their inner folds."""
    everything = np.ones(len(cohort), bool)
    fold = cohort["fold"].to_numpy(np.int64)
    if params.tuning == "reported":
        yield NO_FOLD, everything, fold
        return
    for held_out in _list_tested(cohort, fold):
        chosen = fold != held_out
        yield (
            int(held_out),
            chosen,
            fold_groups_evenly(cohort.loc[chosen, "group_id"], params.n_inner_folds),
        )
    yield NO_FOLD, everything, fold_groups_evenly(cohort["group_id"], params.n_inner_folds)


def _list_tested(cohort: pd.DataFrame, fold: NDArray[np.int64]) -> list[int]:
    """Return the folds that are tested: all of them, or that of the test part which a table gives."""
    return [int(each) for each in np.unique(fold[(cohort["split"] == "test").to_numpy()])]


def _features_of(cohort: pd.DataFrame) -> pd.DataFrame:
    return cohort[[name for name in cohort.columns if name not in NOT_FEATURES]].astype(np.float64)


def _spec_of(best: pd.DataFrame, kind: TreeKind, fold: int) -> TreeSpec:
    """Return the hyper-parameters that were tuned for a fold, or those of all rows where there was one tuning."""
    rows = best[best["model"] == kind].set_index("fold")["parameters"]
    text = rows[fold] if fold in rows.index else rows[NO_FOLD]
    spec_class: Any = TABULAR_KINDS[kind].spec
    spec: TreeSpec = spec_class.model_validate(json.loads(text))
    return spec


def _options(tuning: TuningParams, params: ProtocolParams) -> FitOptions:
    return FitOptions(tuning.seed, tuning.n_threads, params.scale_target)


def predict_rows(
    cohort: pd.DataFrame,
    best_hyperparams: pd.DataFrame,
    tuning: TuningParams,
    params: ProtocolParams,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict test rows by models that were fitted to the other folds, and share each prediction out among features.

    Returns
    -------
    predictions : DataFrame
        ``image_id, group_id, data_set, annotation, model, split, fold, target, prediction``: each kind of model, what
        a model must beat (``mean``, the mean of the training target; ``predicted_ratio``, a line through the ratio of
        the predicted mask), and, where the target is the network's own ratio, why the numbers do not hold:
        ``random_forest_by_image`` (folds that keep images whole) and ``identity`` (no model, the expression that gives
        the target).
    shap_values : DataFrame
        ``model, row, image_id, fold, feature, feature_value, shap_value, base_value``, one row per test row
        of the cohort and feature.
    """
    features, target = _features_of(cohort), cohort["target"]
    fold = cohort["fold"].to_numpy(np.int64)
    tables, shares = [], []
    for kind in KINDS:
        prediction = pd.Series(np.nan, cohort.index)
        for held_out, model in _fit_each_fold(cohort, fold, kind, best_hyperparams, tuning, params):
            here = features[fold == held_out]
            prediction[here.index] = model.predict(here)
            shares.append(_explain(model, here, cohort, kind))
        tables.append(_predicted(cohort, kind, prediction))
    baselines = {"mean": predict_mean_of_others(target, fold)}
    if params.target == "true_ratio":
        baselines["predicted_ratio"] = predict_by_line(features["lesion_ratio"], target, fold)
    else:
        baselines |= _why_not(cohort, best_hyperparams, tuning, params)
    tables += [_predicted(cohort, name, values) for name, values in baselines.items()]
    return pd.concat(tables, ignore_index=True), pd.concat(shares, ignore_index=True)


def _fit_each_fold(
    cohort: pd.DataFrame,
    fold: NDArray[np.int64],
    kind: TreeKind,
    best: pd.DataFrame,
    tuning: TuningParams,
    params: ProtocolParams,
) -> Iterator[tuple[int, TabularModel]]:
    features, target = _features_of(cohort), cohort["target"]
    for held_out in _list_tested(cohort, fold):
        spec = _spec_of(best, kind, held_out)
        others = fold != held_out
        model = fit_tabular_model(spec, features[others], target[others], _options(tuning, params))
        yield held_out, model


def _predicted(cohort: pd.DataFrame, model: str, prediction: pd.Series) -> pd.DataFrame:
    table = cohort.loc[cohort["split"] == "test", _PREDICTED].copy()
    table.insert(4, "model", model)
    return table.assign(prediction=prediction.astype(np.float64))


def _explain(
    model: TabularModel, rows: pd.DataFrame, cohort: pd.DataFrame, kind: str
) -> pd.DataFrame:
    known = cohort.loc[rows.index, ["image_id", "fold"]].rename_axis("row").reset_index()
    table = list_shares(model, rows).merge(known, on="row", validate="many_to_one")
    first = ["model", "row", "image_id", "fold"]
    return table.assign(model=kind)[[*first, *(name for name in table if name not in first)]]


def _why_not(
    cohort: pd.DataFrame, best: pd.DataFrame, tuning: TuningParams, params: ProtocolParams
) -> dict[str, pd.Series]:
    """Predict again with images kept whole, and by the expression that gives the target, if there is one."""
    features = _features_of(cohort)
    whole = fold_groups_evenly(
        cohort["group_id"], min(params.n_folds, cohort["group_id"].nunique())
    )
    prediction = pd.Series(np.nan, cohort.index)
    for held_out, model in _fit_each_fold(cohort, whole, "random_forest", best, tuning, params):
        prediction[whole == held_out] = model.predict(features[whole == held_out])
    return {"random_forest_by_image": prediction, **predict_by_identity(features, cohort["target"])}


def repeat_table(cohort: pd.DataFrame, params: TableParams) -> pd.DataFrame:
    """Fit the models that the public demo reports to its own table, as it does, and with images kept whole.

    Returns
    -------
    DataFrame
        As the predictions of `predict_rows`; every kind of model also ``_by_image``.
    """
    features, target = _features_of(cohort), cohort["target"]
    shuffled = cohort["fold"].to_numpy(np.int64)
    whole = fold_groups_evenly(cohort["group_id"], params.n_folds)
    tables = []
    for kind in KINDS:
        for name, fold in ((kind, shuffled), (f"{kind}_by_image", whole)):
            prediction = pd.Series(np.nan, cohort.index)
            for held_out in np.unique(fold):
                here = fold == held_out
                model = fit_tabular_model(
                    getattr(params, kind), features[~here], target[~here], FitOptions(params.seed)
                )
                prediction[here] = model.predict(features[here])
            tables.append(_predicted(cohort.assign(fold=fold), name, prediction))
    others = {
        "mean": predict_mean_of_others(target, shuffled),
        **predict_by_identity(features, target),
    }
    tables += [_predicted(cohort, name, values) for name, values in others.items()]
    return pd.concat(tables, ignore_index=True)


def fit_models(
    cohort: pd.DataFrame,
    best_hyperparams: pd.DataFrame,
    tuning: TuningParams,
    params: ProtocolParams,
) -> tuple[dict[str, ModelState], bytes]:
    """Fit every kind of model to all rows, for films to come.

    Returns
    -------
    models : dict of str to ModelState
        XGBoost's JSON, LightGBM's text, the forest's arrays; each with a card.
    forest_onnx : bytes
        The forest as ONNX.
    """
    models: dict[str, Any] = {}
    exported = b""
    for kind in KINDS:
        spec = _spec_of(best_hyperparams, kind, NO_FOLD)
        target = cohort["target"].rename(params.target)
        model = fit_tabular_model(spec, _features_of(cohort), target, _options(tuning, params))
        row = best_hyperparams[
            (best_hyperparams["model"] == kind) & (best_hyperparams["fold"] == NO_FOLD)
        ]
        models[kind] = model.state({"metrics": {"tuning_mse": float(row["mse"].iloc[0])}})
        if isinstance(model, RandomForest):
            exported = model.to_onnx()
    return models, exported
