"""Labels that were planted wrong, and films that do not belong to the others."""

import json

import numpy as np
import pandas as pd
import pytest
from tests.pipelines.audit.labelled_films import make_arrays, make_records

from xraylab.pipelines.audit.labels import check_labels, embed_films
from xraylab.pipelines.audit.neighbours import find_neighbours
from xraylab.pipelines.audit.params import AuditParams

PARAMS = AuditParams()
SMALL = AuditParams(labels={"encoder": {"encoder": "hog"}, "size_px": 32})


def clouds(sizes, apart=6.0, seed=0):
    """Return labels and features (N, 8) of classes that lie apart."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    centres = apart * np.eye(8)[: len(sizes)]
    return labels, (centres[labels] + rng.normal(size=(len(labels), 8))).astype(np.float32)


def embed(records, features):
    return pd.DataFrame(features, index=pd.Index(records["image_id"]))


def check(records, features, params=PARAMS):
    findings, suspects = check_labels(records, embed(records, features), params)
    assert suspects.columns.tolist() == ["image_id", "label", "other", "share", "neighbours"]
    return findings.set_index("finding"), suspects


def test_swapped_labels_are_found_first():
    labels, features = clouds([60, 60, 60])
    wrong = [3, 70, 130]
    given = labels.copy()
    given[wrong] = (labels[wrong] + 1) % 3
    records = make_records(180, label=[f"class {i}" for i in given])
    findings, suspects = check(records, features)
    assert set(suspects["image_id"][:3]) == {f"{i:05d}.png" for i in wrong}
    first = suspects[suspects["image_id"] == "00003.png"].iloc[0]
    assert first[["label", "other", "share"]].tolist() == ["class 1", "class 0", 1.0]
    assert len(json.loads(first["neighbours"])) == 10
    found = findings.loc["suspicious_labels"]
    assert found[["severity", "n", "total"]].tolist() == ["warning", len(suspects), 180]


def test_right_labels_are_not_listed():
    labels, features = clouds([60, 60])
    findings, suspects = check(make_records(120, label=labels.astype(str)), features)
    assert suspects.empty
    assert findings.loc["suspicious_labels", ["severity", "n"]].tolist() == ["info", 0]


def test_a_rare_class_that_looks_like_the_others_is_not_listed():
    # 15 of 300 films have the rare class, and features say nothing of it: all neighbours of most of them are common
    labels = np.where(np.arange(300) % 20 == 0, "rare", "common")
    features = np.random.default_rng(1).normal(size=(300, 8)).astype(np.float32)
    _, suspects = check(make_records(300, label=labels), features)
    assert "rare" not in suspects["label"].tolist()


def test_a_rare_class_of_its_own_kind_is_checked():
    labels, features = clouds([300, 25])
    given = labels.copy()
    given[5] = 1  # a common film that is called rare
    records = make_records(325, label=np.where(given, "rare", "common"))
    _, suspects = check(records, features)
    assert suspects["image_id"].tolist() == ["00005.png"]


def test_random_labels_are_no_more_than_chance():
    for seed in range(3):
        rng = np.random.default_rng(seed)
        features = rng.normal(size=(400, 16)).astype(np.float32)
        records = make_records(400, label=rng.choice(["a", "b"], 400))
        findings, _ = check(records, features)
        assert findings.loc["suspicious_labels", "severity"] == "info"


def test_copies_do_not_vouch_for_each_other():
    labels, features = clouds([60, 60])
    features[:20] = features[60] + np.random.default_rng(2).normal(0, 1e-3, (20, 8))
    groups = ["family" if i < 20 else f"g{i}" for i in range(120)]
    records = make_records(120, label=labels.astype(str), group_id=groups)
    _, suspects = check(records, features)
    # one family of wrong films among those of the other class
    assert set(suspects["image_id"]) == {f"{i:05d}.png" for i in range(20)}


def test_numbers_far_from_their_neighbours_are_listed():
    rng = np.random.default_rng(3)
    target = rng.uniform(0, 100, 200)
    angle = target / 100 * np.pi
    features = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    given = target + rng.normal(0, 0.5, 200)
    given[[4, 9]] += 60.0
    findings, suspects = check(make_records(200, target=given), features)
    assert set(suspects["image_id"][:2]) == {"00004.png", "00009.png"}
    assert findings.loc["label_range", "severity"] == "info"
    assert (suspects["share"].iloc[:2] >= 0.9).all()


def test_neighbours_equal_a_plain_search():
    rng = np.random.default_rng(4)
    features = rng.normal(size=(90, 5))
    groups = pd.Series(rng.integers(0, 30, 90))
    found = find_neighbours(features, groups, 4)
    scaled = (features - features.mean(0)) / features.std(0)
    unit = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    for film in range(90):
        nearest = {}
        for other in np.argsort(-(unit @ unit[film])):
            if groups[other] != groups[film]:
                nearest.setdefault(groups[other], other)
        expected = list(nearest.values())[:4]
        assert found.rows[film].tolist() == expected
        assert found.distance[film] == pytest.approx(
            np.linalg.norm(scaled[film] - scaled[expected], axis=1), rel=1e-4
        )


def test_a_stranger_is_found_with_and_without_labels():
    _, features = clouds([80])
    features[7] += 40.0
    findings, _ = check(make_records(80), features)
    found = findings.loc["unlike_others"]
    assert found[["check", "severity", "n"]].tolist() == ["files", "warning", 1]
    assert json.loads(found["affected"]) == ["00007.png"]
    features[7] -= 40.0
    assert "unlike_others" not in check(make_records(80), features)[0].index


def test_class_balance_is_said():
    labels = ["a"] * 2000 + ["b"] * 25 + ["c"] * 12
    findings, _ = check(make_records(2037, label=labels), clouds([2037])[1])
    assert "a 2,000, b 25, c 12" in findings.loc["class_balance", "title"]
    # 25 films are enough, and more than 1 % of 2,037; 12 are neither
    assert findings.loc["rare_classes", ["severity", "n", "total"]].tolist() == ["warning", 1, 3]
    assert "c (12)" in findings.loc["rare_classes", "title"]


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        (make_records(0), "there is no film"),
        (make_records(1, label="a"), "all 1 labels are the same"),
        (make_records(30), "no film has a label"),
        (make_records(30, label=["a"] * 28 + ["b"] * 2), "only 'a' has 10"),
        (make_records(30, label=["a", "b"] * 15, group_id=["g1", "g2"] * 15), "no class has 10"),
    ],
)
def test_what_cannot_be_compared_is_said(records, reason):
    features = np.random.default_rng(5).normal(size=(len(records), 4)).astype(np.float32)
    findings, suspects = check(records, features)
    assert reason in findings.loc["labels_not_compared", "title"]
    assert suspects.empty


def test_films_without_features_are_said():
    records = make_records(40, label=["a", "b"] * 20)
    findings, _ = check_labels(records, pd.DataFrame(index=pd.Index([], dtype=object)), PARAMS)
    assert (
        "films have no features"
        in findings.set_index("finding").loc["labels_not_compared", "title"]
    )


def test_films_are_embedded_by_their_rows():
    records = make_records(5, label=list("ababa"))
    records.loc[1, "status"] = "mask"
    arrays = make_arrays(records, noise=90)
    found = embed_films(records, arrays, {}, SMALL)
    assert found.index.tolist() == ["00000.png", "00002.png", "00003.png", "00004.png"]
    assert np.isfinite(found.to_numpy()).all()
    alone = embed_films(records.iloc[[3]], arrays, {}, SMALL)
    assert alone.to_numpy() == pytest.approx(found.loc[["00003.png"]].to_numpy(), abs=1e-5)
    assert embed_films(records.iloc[[1]], arrays, {}, SMALL).empty


def test_missing_weights_stop_only_what_has_labels():
    missing = {"encoder": {"encoder": "unet", "weights": "models/nothing"}, "size_px": 32}
    params = AuditParams(labels=missing)
    records = make_records(3)
    assert embed_films(records, make_arrays(records), {}, params).empty
    with pytest.raises(ValueError, match="nothing"):
        embed_films(records.assign(label="a"), make_arrays(records), {}, params)
