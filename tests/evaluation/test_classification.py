"""Measures of a classifier worked out by hand, held against scikit-learn, and with intervals that know about groups."""

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from xraylab.evaluation.binary import RANK_METRICS, check_binary_rows, measure_ranks
from xraylab.evaluation.bootstrap import bootstrap_counts
from xraylab.evaluation.classification import (
    CLASSIFICATION_METRICS,
    class_report,
    classification_metrics,
    confusion_counts,
    precision_recall_points,
    roc_points,
)
from xraylab.evaluation.metrics import tidy
from xraylab.evaluation.tables import Metrics
from xraylab.evaluation.thresholds import choose_threshold


def table(target, prediction, groups=None):
    groups = range(len(target)) if groups is None else groups
    return pd.DataFrame({"group_id": groups, "target": target, "prediction": prediction})


# At 0.5: two of four positive films are found, one of four negative ones is called positive.
ROWS = table([1, 1, 1, 1, 0, 0, 0, 0], [0.9, 0.8, 0.4, 0.3, 0.7, 0.35, 0.2, 0.1])


def values(*args, **kwargs):
    return classification_metrics(*args, **kwargs).set_index("metric")["value"]


def test_metrics_by_hand():
    found = values(ROWS, 0.5, n_resamples=0)
    assert found.index.tolist() == list(CLASSIFICATION_METRICS)
    expected = {
        "accuracy": 5 / 8,
        "balanced_accuracy": (1 / 2 + 3 / 4) / 2,
        "precision": 2 / 3,
        "recall": 1 / 2,
        "specificity": 3 / 4,
        "f1": 4 / 7,
        # of the four negative films, the positive ones are above 4, 4, 3 and 2
        "auroc": 13 / 16,
        # precision where each positive film is reached
        "auprc": (1 + 1 + 3 / 4 + 4 / 6) / 4,
        "brier": (0.01 + 0.04 + 0.36 + 0.49 + 0.49 + 0.1225 + 0.04 + 0.01) / 8,
        # eight films in ten bins: each is alone in its own
        "ece": (0.1 + 0.2 + 0.6 + 0.7 + 0.7 + 0.35 + 0.2 + 0.1) / 8,
        "prevalence": 1 / 2,
        # no false alarm is allowed: the first is one of four
        "sensitivity_at_90_specificity": 1 / 2,
    }
    assert found.to_dict() == pytest.approx(expected)


def test_a_film_at_the_threshold_is_positive():
    assert values(table([1, 0], [0.5, 0.4]), 0.5, ["accuracy", "recall"], 0).tolist() == [1, 1]


def test_each_fold_may_have_its_own_threshold():
    rows = table([1, 0, 1, 0], [0.3, 0.1, 0.9, 0.7]).assign(limit=[0.2, 0.2, 0.8, 0.8])
    assert values(rows, "limit", ["accuracy"], 0).item() == 1.0
    assert values(rows, 0.5, ["accuracy"], 0).item() == 0.5


def test_a_family_counts_as_one():
    # One film four times, called wrongly; two films, one of either class, called rightly.
    rows = table([0, 0, 0, 0, 0, 1], [0.9, 0.9, 0.9, 0.9, 0.1, 0.95], list("aaaabc"))
    found = classification_metrics(
        rows, 0.5, ["accuracy", "specificity", "prevalence", "auroc", "brier"], 0, weight="group"
    )
    assert found["metric"].tolist() == [
        "accuracy_by_group", "specificity_by_group", "prevalence_by_group", "auroc_by_group", "brier_by_group",
    ]  # fmt: skip
    brier = (0.81 + 0.01 + 0.0025) / 3
    assert found["value"].tolist() == pytest.approx([2 / 3, 1 / 2, 1 / 3, 1.0, brier])
    assert found["n"].tolist() == [3] * 5
    by_row = values(rows, 0.5, ["accuracy", "specificity"], 0)
    assert by_row.tolist() == pytest.approx([2 / 6, 1 / 5])


rows_of_both_classes = st.integers(2, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 1), min_size=n, max_size=n).filter(lambda y: 0 < sum(y) < n),
        st.lists(st.integers(0, 16), min_size=n, max_size=n),
        st.lists(st.integers(0, 6), min_size=n, max_size=n),
    )
)


def rank_oracle(target, prediction, weight):
    false, true, _ = sk.roc_curve(target, prediction, sample_weight=weight, drop_intermediate=False)
    return [
        sk.roc_auc_score(target, prediction, sample_weight=weight),
        sk.average_precision_score(target, prediction, sample_weight=weight),
        true[false <= 0.1 + 1e-9].max(),
    ]


@given(rows_of_both_classes, st.sampled_from(["row", "group"]), st.sampled_from([0.25, 0.5]))
def test_metrics_equal_scikit_learn(drawn, weight, threshold):
    target, sixteenths, groups = (np.array(column) for column in drawn)
    prediction = sixteenths / 16  # with ties, and some at the threshold
    shares = 1 / np.bincount(groups)[groups] if weight == "group" else np.ones(len(target))
    found = values(table(target, prediction, groups), threshold, n_resamples=0, weight=weight)
    found.index = found.index.str.removesuffix("_by_group")
    called = prediction >= threshold
    args = {"sample_weight": shares}
    expected = {
        "accuracy": sk.accuracy_score(target, called, **args),
        "balanced_accuracy": sk.balanced_accuracy_score(target, called, **args),
        "precision": sk.precision_score(target, called, zero_division=np.nan, **args),
        "recall": sk.recall_score(target, called, **args),
        "specificity": sk.recall_score(target, called, pos_label=0, **args),
        "f1": sk.f1_score(target, called, **args),
        "brier": sk.brier_score_loss(target, prediction, **args),
        "prevalence": np.average(target, weights=shares),
        **dict(zip(RANK_METRICS, rank_oracle(target, prediction, shares), strict=True)),
    }
    assert found[list(expected)].to_dict() == pytest.approx(expected, nan_ok=True)


def clustered(n_groups=60, n_rows=5, seed=0):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), n_rows)
    target = np.repeat(rng.integers(0, 2, n_groups), n_rows)
    noise = rng.normal(size=n_groups)[groups] + 0.3 * rng.normal(size=len(groups))
    return table(target, 1 / (1 + np.exp(-(2 * target - 1 + noise))).round(2), groups)


@given(rows_of_both_classes, st.integers(0, 99))
def test_a_resample_is_a_weighting_of_the_rows(drawn, seed):
    target, sixteenths, groups = (np.array(column) for column in drawn)
    _, groups = np.unique(groups, return_inverse=True)
    prediction = sixteenths / 16
    times = np.random.default_rng(seed).integers(0, 3, (4, groups.max() + 1)).astype(float)
    found = measure_ranks(check_binary_rows(table(target, prediction, groups)))(times)
    for weights, row in zip(times[:, pd.factorize(groups)[0]], found, strict=True):
        drawn_rows = np.repeat(np.arange(len(target)), weights.astype(int))
        if 0 < target[drawn_rows].sum() < len(drawn_rows):
            expected = rank_oracle(target[drawn_rows], prediction[drawn_rows], None)
            assert row == pytest.approx(expected)
        else:
            assert np.isnan(row[0])
            assert np.isnan(row[2])


def test_all_metrics_share_the_resamples_of_a_plain_bootstrap(monkeypatch):
    rows = clustered(12, 3).iloc[:-1]
    target, prediction = rows["target"].to_numpy(), rows["prediction"].to_numpy()
    groups = rows["group_id"].to_numpy()

    def slow(times):
        weights = times[:, groups]
        return np.array(
            [
                [
                    np.average((prediction >= 0.5) == target, weights=w),
                    sk.roc_auc_score(target, prediction, sample_weight=w),
                ]
                for w in weights
            ]
        )

    bounds = np.transpose(bootstrap_counts(slow, 12, 60, 3))
    names = ["accuracy", "auroc"]
    found = classification_metrics(rows, 0.5, names, 60, seed=3)
    assert found[["value", "ci_low", "ci_high"]].to_numpy() == pytest.approx(bounds)
    monkeypatch.setattr("xraylab.evaluation.bootstrap._CHUNK", 700)  # some resamples at once
    pd.testing.assert_frame_equal(found, classification_metrics(rows, 0.5, names, 60, seed=3))


def test_groups_give_a_wider_interval_than_rows():
    rows = clustered(200, 10)
    by_group = classification_metrics(rows, 0.5, ["accuracy", "auroc"], 300)
    by_row = classification_metrics(
        rows.assign(group_id=range(len(rows))), 0.5, ["accuracy", "auroc"], 300
    )
    ratio = (by_group["ci_high"] - by_group["ci_low"]) / (by_row["ci_high"] - by_row["ci_low"])
    # ten rows a group that mostly share one error: the square root of ten, or somewhat less
    assert len(ratio) == 2
    assert ((ratio > 2.2) & (ratio < 3.6)).all()


def test_copies_of_every_film_change_nothing_but_n():
    rows = clustered(30, 1)
    once = classification_metrics(rows, 0.5, n_resamples=100)
    thrice = classification_metrics(pd.concat([rows] * 3), 0.5, n_resamples=100)
    same = once["metric"] != "ece"  # the edges of its bins are quantiles between films
    columns = ["value", "ci_low", "ci_high"]
    assert once.loc[same, columns].to_numpy() == pytest.approx(
        thrice.loc[same, columns].to_numpy(), nan_ok=True
    )
    assert (once["n"].iloc[0], thrice["n"].iloc[0]) == (30, 90)


@pytest.mark.parametrize(
    ("target", "exists"),
    [
        (0, {"accuracy", "specificity", "precision", "f1", "brier", "ece", "prevalence"}),
        (1, {"accuracy", "recall", "precision", "f1", "auprc", "brier", "ece", "prevalence"}),
    ],
)
def test_with_one_class_some_metrics_do_not_exist(target, exists):
    found = classification_metrics(table([target] * 3, [0.2, 0.6, 0.7]), 0.5, n_resamples=20)
    known = found[["value", "ci_low", "ci_high"]].notna().all(axis=1)
    assert set(found.loc[known, "metric"]) == exists
    assert found.loc[~known, ["value", "ci_low", "ci_high"]].isna().all(axis=None)


def test_precision_and_f1_need_a_film_that_is_or_is_called_positive():
    found = values(table([0, 0], [0.1, 0.2]), 0.5, ["precision", "f1", "accuracy"], 0)
    assert found.isna().tolist() == [True, True, False]


def test_one_group_has_no_interval_and_the_rows_fit_the_schema():
    found = classification_metrics(ROWS.assign(group_id="a"), 0.5, n_resamples=50)
    assert found[["ci_low", "ci_high"]].isna().all(axis=None)
    Metrics.validate(tidy("honest", "cnn", "test", found))
    Metrics.validate(
        tidy(
            "honest",
            "cnn",
            "test",
            classification_metrics(ROWS, 0.5, n_resamples=20, weight="group"),
        )
    )


@pytest.mark.parametrize(
    ("rows", "kwargs", "message"),
    [
        (ROWS, {"threshold": 0.5, "metrics": ["auc"]}, "unknown metric 'auc'; valid metrics: acc"),
        (ROWS, {"threshold": 50}, r"threshold must lie in \[0, 1\]: 8 of 8 do not, such as 50"),
        (ROWS, {"threshold": "limit"}, "lack the column 'limit'; they have group_id"),
        (
            ROWS.assign(limit=[0.5] * 7 + [np.nan]),
            {"threshold": "limit"},
            "1 of 8 do not, such as nan",
        ),
        (
            ROWS,
            {"threshold": 0.5, "weight": "film"},
            "weight must be one of row, group, got 'film'",
        ),
        (ROWS.drop(columns="group_id"), {"threshold": 0.5}, "lack the column 'group_id'"),
        (ROWS.iloc[:0], {"threshold": 0.5}, "no rows"),
        (table([0, 2], [0.1, 0.2]), {"threshold": 0.5}, "'target' must be 0 or 1: 1 of 2 rows"),
        (
            table([0, 1], [0.1, 1.2]),
            {"threshold": 0.5},
            r"'prediction' must lie in \[0, 1\]: 1 of 2 rows do not, such as 1.2",
        ),
        (table([0, 1], [0.1, np.nan]), {"threshold": 0.5}, "'prediction' is missing or inf"),
    ],
)
def test_bad_rows_are_named(rows, kwargs, message):
    with pytest.raises(ValueError, match=message):
        classification_metrics(rows, **kwargs)


def test_confusion_counts_by_hand():
    found = confusion_counts(ROWS, 0.5)
    assert found.to_numpy().tolist() == [
        [0, 0, 3, 0.75], [0, 1, 1, 0.25], [1, 0, 2, 0.5], [1, 1, 2, 0.5],
    ]  # fmt: skip
    alone = confusion_counts(table([1, 1], [0.1, 0.9]), 0.5)
    assert alone["n"].tolist() == [0, 0, 1, 1]
    assert alone["share"].isna().tolist() == [True, True, False, False]


@given(rows_of_both_classes)
def test_a_report_is_that_of_scikit_learn(drawn):
    target, sixteenths, _ = (np.array(column) for column in drawn)
    found = class_report(table(target, sixteenths / 16), 0.5, ("whole", "broken"))
    called = sixteenths >= 8
    expected = sk.classification_report(
        target, called, target_names=["whole", "broken"], output_dict=True, zero_division=0
    )
    assert found["class"].tolist() == ["whole", "broken", "macro avg", "weighted avg"]
    for row in found.to_dict("records"):
        for name in ("precision", "recall", "f1", "support"):
            wanted = expected[row["class"]]["f1-score" if name == "f1" else name]
            # scikit-learn gives 0 where nothing is called a class; here it does not exist
            assert row[name] == pytest.approx(wanted) or (
                np.isnan(row[name]) and called.min() == called.max()
            )


def test_curves_by_hand():
    roc = roc_points(table([1, 0, 1, 0], [0.9, 0.7, 0.4, 0.1]))
    assert roc[["false_positive_rate", "sensitivity"]].to_numpy().tolist() == [
        [0, 0], [0, 0.5], [0.5, 0.5], [0.5, 1], [1, 1],
    ]  # fmt: skip
    assert roc["threshold"].tolist() == [np.inf, 0.9, 0.7, 0.4, 0.1]
    curve = precision_recall_points(table([1, 0, 1, 0], [0.9, 0.7, 0.4, 0.1]))
    assert curve["recall"].iloc[[0, -1]].tolist() == [1, 0]
    assert curve.set_index("threshold").loc[0.4, "precision"] == pytest.approx(2 / 3)
    assert curve.iloc[-1].tolist() == [np.inf, 0, 1]
    for points in (roc_points, precision_recall_points):
        assert points(table([1, 1], [0.2, 0.4])).empty


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        # Sensitivity and specificity between the films: 0.85 (1/4, 1), 0.75 (2/4, 1), 0.55 (2/4, 3/4),
        # 0.375 (3/4, 3/4), 0.325 (3/4, 2/4), 0.25 (1, 2/4), 0.15 (1, 1/4). Three cuts have a sum of 1.5.
        ("youden", 0.375),
        # F1 there: 2/5, 4/6, 4/7, 6/8, 6/9, 8/10, 8/11
        ("f1", 0.25),
        ("sensitivity_90", 0.25),
        ("specificity_90", 0.75),
    ],
)
def test_thresholds_by_hand(rule, expected):
    assert choose_threshold(ROWS, rule) == pytest.approx(expected)


@given(rows_of_both_classes, st.sampled_from(["row", "group"]))
def test_no_threshold_is_better_than_the_chosen_one(drawn, weight):
    target, sixteenths, groups = (np.array(column) for column in drawn)
    rows = table(target, sixteenths / 16, groups)
    shares = 1 / np.bincount(groups)[groups] if weight == "group" else np.ones(len(target))

    def rates(threshold):
        called = sixteenths / 16 >= threshold
        true, positive = shares[called & (target == 1)].sum(), shares[target == 1].sum()
        false, negative = shares[called & (target == 0)].sum(), shares[target == 0].sum()
        return true / positive, 1 - false / negative, 2 * true / (true + false + positive)

    every = np.array([rates(t) for t in np.arange(33) / 32])  # all cuts but for "none at 1"

    def chosen(rule):
        threshold = choose_threshold(rows, rule, weight)
        assert 0 <= threshold <= 1
        return np.array(rates(threshold))

    assert chosen("f1")[2] == pytest.approx(every[:, 2].max())
    assert chosen("youden")[:2].sum() == pytest.approx(every[:, :2].sum(axis=1).max()) or (
        every[:, :2].sum(axis=1).max() == pytest.approx(1)
    )
    enough = every[:, 0] >= 0.9 - 1e-9
    assert chosen("sensitivity_90")[0] >= 0.9 - 1e-9
    assert chosen("sensitivity_90")[1] == pytest.approx(every[enough, 1].max())
    enough = every[:, 1] >= 0.9 - 1e-9
    if enough.any():
        assert chosen("specificity_90")[0] == pytest.approx(every[enough, 0].max())


def test_classes_that_are_apart_are_cut_in_the_middle():
    rows = table([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9])
    for rule in ("youden", "f1", "sensitivity_90", "specificity_90"):
        assert choose_threshold(rows, rule) == pytest.approx(0.4)


def test_neighbouring_floats_are_cut_between():
    low = 0.3
    high = np.nextafter(low, 1)
    rows = table([0, 1], [low, high])
    assert values(rows, choose_threshold(rows, "youden"), ["accuracy"], 0).item() == 1


def test_a_rule_that_finds_nothing_says_so(caplog):
    backwards = table([1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9])
    with caplog.at_level(logging.DEBUG):
        assert choose_threshold(backwards, "youden") == 0.5
    assert "no threshold of 4 rows is better than chance" in caplog.text
    saturated = table([1, 0, 0, 0], [1.0, 1.0, 0.4, 0.2])
    with caplog.at_level(logging.WARNING):
        assert choose_threshold(saturated, "specificity_90") == pytest.approx(0.7)
    assert "no threshold of 4 rows has a specificity of 0.9; the highest is 0.667" in caplog.text


def test_a_threshold_needs_both_classes_and_a_known_rule():
    with pytest.raises(ValueError, match="needs both classes: all 2 targets are 1"):
        choose_threshold(table([1, 1], [0.2, 0.4]), "f1")
    with pytest.raises(ValueError, match="specificity_90, got 'best'"):
        choose_threshold(ROWS, "best")
