"""Protocols side by side: which are taken, which parts there are, and what is laid beside what."""

import logging

import numpy as np
import pandas as pd
import pytest

from xraylab.flow.compare import (
    combine_tables,
    compare_models,
    compare_with_probes,
    gather_protocols,
    list_parts,
    measure_folds,
    shown_protocol,
    tabulate_sites,
)
from xraylab.flow.params import EvaluationParams


def films(*ids: str) -> pd.DataFrame:
    return pd.DataFrame({"image_id": list(ids), "digest": [f"d{each}" for each in ids]})


def gather(**cohorts: pd.DataFrame) -> list[str]:
    """The protocols whose tables are taken where the cohort now holds a and b."""
    parts = {f"{name}__cohort": cohort for name, cohort in cohorts.items()}
    parts |= {f"{name}__history": pd.DataFrame({"epoch": [0]}) for name in cohorts}
    (table,) = gather_protocols(films("a", "b"), ("history",), **parts)
    return table["protocol"].tolist()


def test_protocols_that_have_not_run_on_these_films_are_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logging.getLogger("xraylab").propagate = True
    other = films("a", "b").assign(digest=["da", "another"])
    assert gather(one=films("a", "b"), two=pd.DataFrame({"image_id": []})) == ["one"]
    assert "ran on other films" not in caplog.text
    assert gather(one=films("a", "b"), two=other) == ["one"]
    assert "The protocol 'two' ran on other films than there are now" in caplog.text
    assert gather(one=films("a", "b"), two=films("a")) == ["one"]  # a film has come since
    with pytest.raises(ValueError, match="none of the protocols one has run on these films"):
        gather(one=films("a", "b", "c"))


def test_a_protocol_may_leave_films_out_or_have_its_own() -> None:
    parts = {
        "one__cohort": films("a"), "own__cohort": films("x"),
        "one__history": pd.DataFrame({"epoch": [0]}), "own__history": pd.DataFrame({"epoch": [1]}),
        "own__trials": pd.DataFrame({"trial": [5]}),
    }  # fmt: skip
    history, trials = gather_protocols(
        films("a", "b"), ("history", "trials"), complete=False, of_other_films=("own",), **parts
    )
    assert history.to_numpy().tolist() == [["one", 0], ["own", 1]]
    assert trials.to_numpy().tolist() == [["own", 5]]


def predictions(**columns: object) -> pd.DataFrame:
    known = {"protocol": "honest", "model": "m", "arm": "single", "split": "test"}
    table = pd.DataFrame(columns)
    return table.assign(**{name: value for name, value in known.items() if name not in table})


def test_parts_tell_sites_apart() -> None:
    rows = predictions(site=["a", "a", "b"], arm=["a", "a", "a"], split=["val", "test", "test"])
    found = {(model, split): len(part) for _, model, split, part in list_parts(rows)}
    assert found == {("m_a", "val"): 1, ("m_a", "own_site"): 1, ("m_a", "test"): 1}
    both = predictions(site=["a", "a", "b"])
    found = {split: len(part) for *_, split, part in list_parts(both)}
    assert found == {"test": 3, "test_a": 2, "test_b": 1}


def test_test_films_without_a_copy_are_a_part_of_their_own() -> None:
    rows = predictions(unseen=[True, False, True])
    assert {split: len(part) for *_, split, part in list_parts(rows)} == {
        "test": 3, "test_unseen": 2,
    }  # fmt: skip
    every = predictions(unseen=[True, True])
    assert [split for *_, split, _ in list_parts(every)] == ["test"]


def test_folds_are_measured_by_hand() -> None:
    rows = pd.DataFrame({"arm": ["x", "x", "y", "z"], "value": [1.0, 3.0, 4.0, np.nan]})
    table = measure_folds(rows, "mae", lambda part: float(part["value"].mean()))
    value = table.set_index("metric")["value"]
    assert value["mae_fold_mean"] == 3  # of 2 and 4; the third fold has no value
    assert value["mae_fold_sd"] == pytest.approx(np.sqrt(2))
    assert table["n"].tolist() == [2, 2]


def test_models_are_laid_beside_each_other_with_the_metrics_of_all_their_folds() -> None:
    trainings = pd.DataFrame(
        {
            "protocol": "honest", "model": ["cnn_fold_0", "cnn_fold_1", "other_site"],
            "name": ["cnn", "cnn", "other"], "arm": ["fold_0", "fold_1", "site"], "fold": [0, 1, -1],
        }
    )  # fmt: skip
    metrics = pd.DataFrame(
        [
            ("honest", "cnn", "test", "auroc", 0.9, 0.8, 0.95, 40),
            ("honest", "cnn", "val", "auroc", 0.1, 0.1, 0.1, 4),
            ("honest", "other_site", "test", "auroc", 0.7, np.nan, np.nan, 7),
        ],
        columns=["protocol", "model", "split", "metric", "value", "ci_low", "ci_high", "n"],
    )
    table = compare_models(trainings, metrics, ("auroc", "f1"), "auroc")
    assert table["model"].tolist() == ["cnn_fold_0", "cnn_fold_1", "other_site"]
    assert table["auroc"].tolist() == [0.9, 0.9, 0.7]
    assert table["n"].tolist() == [40, 40, 7]
    assert table["auroc_ci_low"].tolist()[:2] == [0.8, 0.8]
    assert table["f1"].isna().all()


def test_a_model_that_equals_its_probe_is_said_to() -> None:
    target = [0, 1] * 10
    rows = predictions(
        image_id=[f"i{k}" for k in range(20)], group_id=[f"i{k}" for k in range(20)],
        target=np.array(target, float), prediction=np.array(target) * 0.8 + 0.1,
    )  # fmt: skip
    table = pd.concat([rows, rows.assign(model="border")])
    (row,) = compare_with_probes(table, EvaluationParams(n_resamples=20), ["border"]).to_dict(
        "records"
    )
    assert (row["model"], row["probe"], row["split"]) == ("m", "border", "test")
    assert row["difference"] == 0
    assert row["equals_probe"]
    one_class = compare_with_probes(table.assign(target=1.0), EvaluationParams(), ["border"])
    assert one_class.empty
    assert list(one_class) == list(row)


def test_sites_are_tabulated_by_kind() -> None:
    rows = predictions(site=["a", "b"], arm=["a", "a"])
    metric = pd.DataFrame(
        {"metric": ["n"], "value": [1.0], "ci_low": [0.0], "ci_high": [2.0], "n": [1]}
    )
    matrix = tabulate_sites(rows, lambda part, arm, site: {f"{arm}{site}": metric})
    assert matrix[["train_site", "test_site", "kind"]].to_numpy().tolist() == [
        ["a", "a", "aa"], ["a", "b", "ab"],
    ]  # fmt: skip


def test_the_honest_protocol_is_shown_where_it_has_run() -> None:
    both = combine_tables({"published": films("a"), "honest": films("a")})
    assert shown_protocol(both) == "honest"
    assert shown_protocol(both[both["protocol"] != "honest"]) == "published"
