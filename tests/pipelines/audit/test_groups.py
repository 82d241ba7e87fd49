from tests.pipelines.audit.films import PARAMS, record

from xraylab.pipelines.audit.groups import check_groups


def test_a_patient_in_two_parts_is_an_error() -> None:
    records = record(
        6,
        patient=["p", "p", "q", "q", "r", ""],
        split=["train", "test", "val", "val", "train", "test"],
    )
    findings = check_groups(records, PARAMS).set_index("finding")
    across = findings.loc["patients_across_parts"]
    assert across[["severity", "n", "total"]].tolist() == ["error", 1, 3]
    assert across["title"] == "1 patient lies in several parts (test, train), with 2 films."
    assert across["examples"] == '[["000.png", "001.png"]]'
    assert findings.loc["films_without_patient", "n"] == 1


def test_a_study_counts_where_no_patient_is_named() -> None:
    records = record(4, study=["s", "s", "t", "u"], split=["train", "test", "train", "test"])
    findings = check_groups(records, PARAMS).set_index("finding")
    assert findings.loc["studies_across_parts", "n"] == 1
    assert findings.loc["no_patients", "severity"] == "warning"
    both = check_groups(records.assign(patient=records["study"]), PARAMS)["finding"].tolist()
    assert "patients_across_parts" in both
    assert "studies_across_parts" not in both  # the same films, said once


def test_what_contradicts_itself_is_named() -> None:
    records = record(
        5, patient=["p", "p", "q", "q", "Doe^Jane"], sex=["M", "F", "F", "F", ""], label=["a", "a", "a", "b", "b"],
        age_note=["", "its age '411' is more than 120 years", "", "", ""], instance=["1", "1", "2", "3", ""],
    )  # fmt: skip
    findings = check_groups(records, PARAMS).set_index("finding")
    assert findings.loc["conflicting_sex", "n"] == 1
    assert findings.loc["conflicting_labels", ["severity", "n"]].tolist() == ["info", 1]
    assert findings.loc["impossible_age", "affected"] == '["001.png"]'
    assert findings.loc["one_instance_uid", "n"] == 2
    assert findings.loc["names_as_ids", "n"] == 1
    shown = findings.reset_index().to_csv()
    assert "Jane" not in shown


def test_nothing_is_said_of_no_films() -> None:
    assert (check_groups(record(0), PARAMS)["n"] == 0).all()
