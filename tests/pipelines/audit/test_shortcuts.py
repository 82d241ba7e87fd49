"""Probes that know the label, and probes that do not."""

import numpy as np
import pytest
from tests.pipelines.audit.labelled_films import hold_films, make_arrays, make_records

from xraylab.pipelines.audit.params import AuditParams
from xraylab.pipelines.audit.shortcuts import PROBE_COLUMNS, film_statistics, measure_shortcuts

PARAMS = AuditParams(n_resamples=200, workers=1, shortcuts={"n_folds": 3})


def measure(records, arrays=None, params=PARAMS):
    findings, probes = measure_shortcuts(records, arrays or make_arrays(records), params)
    assert tuple(probes.columns) == PROBE_COLUMNS
    return findings.set_index("finding"), probes.set_index(["probe", "target"])


def two_classes(n=160, **columns):
    label = np.where(np.arange(n) % 2, "sick", "well")
    return make_records(n, **{"label": label, **columns})


def test_a_probe_that_knows_the_label_finds_it():
    records = two_classes(file_bytes=np.where(np.arange(160) % 2, 900.0, 1100.0))
    findings, probes = measure(records)
    assert probes.loc[("file size", "well"), "value"] == 1.0
    found = findings.loc["shortcut_file_size"]
    assert found[["severity", "value", "metric", "n"]].tolist() == ["error", 1.0, "AUROC", 160]
    assert "'well'" in found["title"]
    assert "1.00" in found["title"]


def test_a_probe_that_knows_nothing_holds_one_half():
    records = two_classes(file_bytes=np.random.default_rng(1).normal(1000, 100, 160))
    findings, probes = measure(records)
    row = probes.loc[("file size", "well")]
    assert row["ci_low"] < 0.5 < row["ci_high"]
    assert not row["above_chance"]
    assert "shortcut_file_size" not in findings.index


def test_one_value_has_no_figure():
    _, probes = measure(two_classes())
    row = probes.loc[("format", "well")]
    assert np.isnan(row["value"])
    assert row["n"] == 160
    assert not row["above_chance"]


@pytest.mark.parametrize(
    ("probe", "finding", "columns"),
    [
        ("format", "shortcut_format", {"format": ["png", "jpeg"]}),
        ("image size", "shortcut_image_size", {"width_px": [30.0, 32.0]}),
        ("bit depth", "shortcut_bit_depth", {"bits": [8.0, 16.0]}),
        ("JPEG quality", "shortcut_jpeg_quality", {"jpeg_quality": [np.nan, 75.0]}),
        ("metadata", "shortcut_metadata", {"view": ["AP", ""]}),
        ("site", "shortcut_site", {"site": ["here", "there"]}),
        ("part", "shortcut_part", {"split": ["train", "test"]}),
    ],
)
def test_every_fact_of_a_file_is_a_probe(probe, finding, columns):
    records = two_classes(**{name: values * 80 for name, values in columns.items()})
    findings, probes = measure(records)
    assert probes.loc[(probe, "well"), "value"] == 1.0
    assert findings.loc[finding, "severity"] == "error"


def test_what_may_be_disease_is_no_error():
    records = two_classes(sex=["F", "M"] * 80)
    arrays = make_arrays(records)
    arrays.films[::2] //= 2
    findings, probes = measure(records, arrays)
    assert probes.loc[("grey values", "well"), "value"] == 1.0
    assert probes.loc[("film of 8 × 8", "well"), "value"] == 1.0
    severities = findings["severity"].to_dict()
    assert severities["shortcut_grey_values"] == severities["shortcut_film_of_8_x_8"] == "warning"
    assert severities["shortcut_sex"] == "info"


def test_markers_are_found_where_they_are():
    records = two_classes(height_px=120.0, width_px=120.0)
    films = np.full((160, 120, 120), 40, np.uint8)
    films[::2, 20:30, 90:97] = 250  # a lead letter, at the upper right of one class
    films[1::2, 90:100, 20:27] = 250  # at the lower left of the other
    _, probes = measure(records, hold_films(records, films))
    assert probes.loc[("markers", "well"), "value"] == 1.0


def test_padding_is_no_border():
    # wide and high films of equal content: their shape tells, their border does not
    wide = np.arange(160) % 2 == 0
    records = two_classes(width_px=np.where(wide, 64.0, 32.0), height_px=np.where(wide, 32.0, 64.0))
    films = np.full((160, 64, 64), 0, np.uint8)
    films[wide, 16:48] = 100
    films[~wide, :, 16:48] = 100
    findings, probes = measure(records, hold_films(records, films))
    assert "shortcut_image_size" in findings.index
    assert np.isnan(probes.loc[("border", "well"), "value"])
    statistics = film_statistics(records, hold_films(records, films))
    assert statistics["brightness"].to_numpy() == pytest.approx(100 / 255)


def test_each_of_several_classes_is_measured():
    label = np.array(["a", "b", "c", "d"])[np.arange(240) % 4]
    size = np.where(label == "c", 900.0, np.random.default_rng(2).normal(1100, 20, 240))
    findings, probes = measure(make_records(240, label=label, file_bytes=size))
    sizes = probes.loc["file size"]
    assert set(sizes.index) == {"a", "b", "c", "d", "all classes"}
    assert sizes.loc["c", "value"] == 1.0
    classes = sizes["value"].drop("all classes")
    assert sizes.loc["all classes", "value"] == pytest.approx(classes.mean())
    assert "'c'" in findings.loc["shortcut_file_size", "title"]


def test_a_number_is_measured_by_r2():
    target = np.linspace(0, 10, 200)
    noise = np.random.default_rng(3).normal(size=200)
    records = make_records(200, target=target, file_bytes=1000 + target, age_years=noise)
    findings, probes = measure(records)
    row = probes.loc[("file size", "all classes")]
    assert row["metric"] == "R²"
    assert row["value"] > 0.9
    assert findings.loc["shortcut_file_size", "severity"] == "error"
    assert probes.loc[("age", "all classes"), "ci_low"] < 0


def test_copies_do_not_answer_for_each_other():
    # 20 families of 8 equal files, whose size is the family's own: nothing to learn but the family
    family = np.repeat(np.arange(20), 8)
    label = np.where(family % 2, "sick", "well")
    sizes = np.random.default_rng(4).permutation(20)[family] * 10.0
    records = make_records(160, label=label, file_bytes=sizes, group_id=[f"g{i}" for i in family])
    findings, _ = measure(records)
    assert "shortcut_file_size" not in findings.index


def test_rare_classes_are_among_the_rest():
    label = np.where(np.arange(90) % 2, "sick", "well").astype(object)
    label[:3] = "odd"
    _, probes = measure(make_records(90, label=label, file_bytes=np.arange(90.0)))
    assert set(probes.loc["file size"].index) == {"sick", "well", "all classes"}


def test_films_are_drawn_group_by_group():
    params = AuditParams(n_resamples=0, workers=1, shortcuts={"max_films": 50, "n_folds": 2})
    _, probes = measure(two_classes(), params=params)
    assert (probes["n"] == 50).all()


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        (make_records(0), "there is no film"),
        (make_records(1, label="a"), "all 1 labels are the same"),
        (make_records(30), "no film has a label"),
        (make_records(30, label="a"), "all 30 labels are the same"),
        (make_records(30, label=["a", "b", "b"] + ["b"] * 27), "only 'b' has 10"),
        (make_records(8, target=np.arange(8.0)), "8 patients or families"),
        (make_records(30, target=1.0), "all 30 labels are the same"),
        (make_records(3, status="unreadable", row=-1, label="a"), "there is no film"),
    ],
)
def test_what_cannot_be_measured_is_said(records, reason):
    findings, probes = measure(records)
    assert findings["severity"].to_dict() == {"shortcuts_not_measured": "info"}
    assert reason in findings["title"].iloc[0]
    assert probes.empty


def test_missing_facts_are_no_failure():
    records = two_classes(file_bytes=np.nan, width_px=np.nan, height_px=np.nan, bits=np.nan)
    records["label"] = records["label"].astype(object).where(records.index > 3)
    _, probes = measure(records)
    assert np.isnan(probes.loc[("file size", "well"), "value"])
    assert (probes["n"] == 156).all()
    assert len(film_statistics(records, make_arrays(records))) == 160
