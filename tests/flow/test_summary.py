import pandas as pd

from xraylab.flow.summary import count_films, summarise

METRICS = pd.DataFrame({"protocol": ["honest"], "value": [0.5]})


def cohort(*rows: tuple[str, str, str, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image_id", "group_id", "split", "fold"])


def test_films_are_counted_once_per_split_whatever_the_folds() -> None:
    rows = cohort(
        *[("a", "p", "test", 0), ("b", "p", "test", 0), ("c", "q", "train", 0)],
        *[
            ("a", "p", "train", 1),
            ("b", "p", "train", 1),
            ("c", "q", "test", 1),
            ("d", "r", "", -1),
        ],
    )
    counts = count_films({"honest": rows, "published": rows.iloc[:0]})
    assert counts.to_numpy().tolist() == [
        ["honest", "all", 4, 3, 2],
        ["honest", "train", 3, 2, 2],
        ["honest", "test", 3, 2, 2],
    ]


def test_a_protocol_without_metrics_is_not_counted() -> None:
    films = cohort(("a", "p", "test", -1))
    summary = summarise(METRICS, honest__cohort=films, published__cohort=films, roc=b"png")
    assert set(summary.tables["cohort"]["protocol"]) == {"honest"}
    assert list(summary.figures) == ["roc"]


def test_tables_that_a_pipeline_lacks_are_left_out() -> None:
    nobody = pd.DataFrame(columns=["image_id", "reason"])
    summary = summarise(rejected=nobody, cohort=cohort(("a", "p", "", -1)), audit=None)
    assert list(summary.tables) == ["rejected", "cohort"]
    assert summary.tables["cohort"].iloc[0].tolist() == ["", "all", 1, 1, 0]
    assert summary.metrics.empty
    assert summary.figures == {}


def test_own_tables_travel_along_and_a_figure_may_have_the_name_of_a_table() -> None:
    audit, none = pd.DataFrame({"kind": ["copies"], "n": [3]}), pd.DataFrame()
    summary = summarise(METRICS, audit=audit, audit_figure=b"png", stability=none, roc_figure=None)
    assert list(summary.tables) == ["audit"]
    assert summary.tables["audit"] is audit
    assert summary.figures == {"audit": b"png"}


def test_the_cohort_of_all_protocols_is_counted_by_protocol() -> None:
    films = cohort(("a", "p", "test", -1), ("b", "q", "train", -1))
    both = pd.concat([films.assign(protocol="honest"), films[:1].assign(protocol="fair")])
    counts = summarise(cohort=both).tables["cohort"].query("split == 'all'")
    assert dict(zip(counts["protocol"], counts["n_films"], strict=True)) == {"honest": 2, "fair": 1}
