"""Parts of a split with planted faults."""

import numpy as np
import pandas as pd
import pytest
from tests.pipelines.audit.labelled_films import make_arrays, make_records

from xraylab.pipelines.audit.params import AuditParams
from xraylab.pipelines.audit.shortcuts import film_statistics
from xraylab.pipelines.audit.splits import (
    auroc_half_width,
    check_splits,
    correlation_half_width,
    order_parts,
)

PARAMS = AuditParams(n_resamples=200)
NO_STATISTICS = pd.DataFrame({"image_id": [], "brightness": []})


def find(records, statistics=NO_STATISTICS, params=PARAMS):
    return check_splits(records, statistics, params).set_index("finding")


def split_in_two(n, **columns):
    """Films with both classes alike in both parts."""
    split = np.where(np.arange(n) // 2 % 2, "test", "train")
    label = np.where(np.arange(n) % 2, "a", "b")
    return make_records(n, **{"split": split, "label": label, **columns})


def test_a_good_split_is_only_measured():
    found = find(split_in_two(400))
    assert found["severity"].to_dict() == {"test_part_size": "info"}
    # 100 groups of either class: Q1 = 9/11, Q2 = 81/95; SE² = (0.09 + 99 (Q1 + Q2 - 1.62)) / 10⁴ = 0.0226286²
    assert found.loc["test_part_size", "value"] == pytest.approx(1.959964 * 0.0226286, abs=1e-5)


def test_no_parts_are_no_fault():
    found = find(make_records(8, label="a"))
    assert found["severity"].to_dict() == {"no_parts": "info"}


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_and_one_film_are_said(n):
    assert find(make_records(n)).index.tolist() == ["no_parts"]
    assert set(find(make_records(n, split="train", label="a")).index) <= {
        "no_parts",
        "no_test_part",
    }


def test_an_empty_part_is_an_error():
    records = split_in_two(40)
    records.loc[records["split"] == "test", "status"] = "unreadable"
    found = find(records)
    assert found.loc["empty_part", ["severity", "n"]].tolist() == ["error", 20]
    assert "no_test_part" not in found.index  # it is there, and was said to be empty


def test_missing_parts_and_films_in_none_are_named():
    records = split_in_two(40)
    records.loc[records["split"] == "test", "split"] = ""
    found = find(records)
    assert found.loc["no_test_part", "severity"] == "warning"
    assert found.loc["films_in_no_part", ["n", "total"]].tolist() == [20, 40]


def test_a_part_of_one_class_is_an_error():
    records = split_in_two(40)
    records.loc[records["split"] == "test", "label"] = "a"
    found = find(records)
    assert found.loc["one_class_part", ["severity", "n", "total"]].tolist() == ["error", 20, 40]


def test_a_missing_class_is_named():
    records = split_in_two(60)
    records.loc[(records["split"] == "train") & (records.index < 12), "label"] = "rare"
    found = find(records)
    assert found.loc["class_missing", ["severity", "n", "total"]].tolist() == ["warning", 1, 3]
    assert "'test'" in found.loc["class_missing", "title"]
    assert "'rare'" in found.loc["class_missing", "title"]


def test_a_part_without_labels_is_said():
    records = split_in_two(40)
    records.loc[records["split"] == "test", "label"] = ""
    assert find(records).loc["unlabelled_part", "severity"] == "info"


def test_widths_are_those_of_the_formulas():
    # Hanley and McNeil's table: the wider the fewer films, and equal classes are best
    assert auroc_half_width(0.9, 50, 50) == pytest.approx(1.96 * 0.032125, abs=1e-4)
    assert auroc_half_width(0.9, 10, 90) > auroc_half_width(0.9, 50, 50)
    assert np.isnan(auroc_half_width(0.9, 0, 10))
    # artanh(0.9) = 1.47222, ± 1.96 / 10: 0.85554 to 0.93133
    assert correlation_half_width(0.9, 103) == pytest.approx((0.93133 - 0.85554) / 2, abs=1e-4)
    assert np.isnan(correlation_half_width(0.9, 3))


def test_a_small_test_part_says_how_many_groups_it_needs():
    records = split_in_two(80)
    records["group_id"] = [f"g{i // 4}" for i in range(80)]
    found = find(records).loc["test_part_too_small"]  # 20 groups, each with films of both classes
    assert found[["severity", "n"]].tolist() == ["warning", 20]
    needed = found["total"]
    assert auroc_half_width(0.9, needed, needed) <= PARAMS.splits.wanted_half_width
    assert auroc_half_width(0.9, needed - 1, needed - 1) > PARAMS.splits.wanted_half_width


def test_numbers_have_fishers_interval():
    records = split_in_two(40, label="", target=np.arange(40.0))
    found = find(records).loc["test_part_too_small"]
    assert found["value"] == pytest.approx(correlation_half_width(0.9, 20))
    assert (
        correlation_half_width(0.9, found["total"])
        <= 0.05
        < correlation_half_width(0.9, found["total"] - 1)
    )


def test_parts_have_an_order():
    assert order_parts(pd.Series(["b", "test", "train", "a", ""])) == ["train", "test", "a", "b"]


def test_planted_drift_is_named():
    n = 400
    test = np.arange(n) // 2 % 2 == 1
    rng = np.random.default_rng(0)
    label = np.where(rng.random(n) < np.where(test, 0.8, 0.3), "a", "b")
    records = split_in_two(n, label=label, age_years=rng.normal(np.where(test, 60, 30), 10))
    records = records.assign(site=np.where(rng.random(n) < 0.5, "here", "there"), sex="F")
    records["width_px"] = np.where(test, 4000.0, 2000.0)
    found = find(records, film_statistics(records, make_arrays(records)))
    drifts = [name for name in found.index if name.startswith("drift")]
    assert drifts == ["drift_label", "drift_age", "drift_film_size"]
    label_drift = found.loc["drift_label"]
    assert label_drift["ci_low"] < 0.5 < label_drift["ci_high"]  # 0.8 - 0.3
    assert (
        "32%" in label_drift["title"]
        or "30%" in label_drift["title"]
        or "a" in label_drift["title"]
    )
    assert found.loc["drift_film_size", "value"] > 0.85  # 1 less what chance gives


def test_darker_films_are_drift():
    records = split_in_two(120)
    arrays = make_arrays(records)
    arrays.films[(records["split"] == "test").to_numpy()] //= 2
    found = find(records, film_statistics(records, arrays))
    assert "drift_brightness" in found.index


def test_chance_is_no_drift():
    # 60 sites in two parts of 60 films: the plain distance is large, and means nothing
    for seed in range(5):
        rng = np.random.default_rng(seed)
        sites = [f"site {i}" for i in rng.integers(0, 60, 120)]
        found = find(split_in_two(120, site=sites, age_years=rng.normal(50, 20, 120)))
        assert not [name for name in found.index if name.startswith("drift")]


def test_few_groups_are_not_compared():
    records = split_in_two(400, site=np.where(np.arange(400) // 2 % 2, "here", "there"))
    records["group_id"] = [f"g{i // 2 % 2}-{i // 100}" for i in range(400)]  # four in each part
    assert "drift_site" not in find(records).index


def test_missing_values_are_not_compared():
    records = split_in_two(80, target=np.nan, age_years=np.nan)
    records["site"] = pd.Series([None] * 80, dtype=object)
    records["label"] = records["label"].astype(object).where(records.index > 3)
    assert "drift_site" not in find(records).index
