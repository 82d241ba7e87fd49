"""One film at a time: what is predicted, refused and doubted, and from where its sex is known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.prediction.made import MeanReader, bundle, write_film
from tests.prediction.test_intake import dicom

from xraylab.models.card import NOTICE
from xraylab.prediction.engine import Predictor, PredictParams
from xraylab.prediction.familiarity import Assessment
from xraylab.prediction.result import Column, round_table, tabulate


def predictor(**params: object) -> Predictor:
    return Predictor(bundle(), MeanReader, PredictParams(**params))


def test_a_film_is_predicted_with_all_that_its_row_needs(tmp_path: Path) -> None:
    write_film(tmp_path / "a.png", 51)
    found = predictor().predict(tmp_path / "a.png")
    row = found.row()
    assert row["status"] == "ok"
    assert 0.18 < row["brightness"] < 0.2
    assert (row["model"], row["model_version"], row["trained_on"]) == ("mean", "v1", "my_set")
    assert row["notice"] == NOTICE
    assert found.mask is not None
    assert found.mask.shape == (24, 20)


def test_a_reader_may_doubt_a_film(tmp_path: Path) -> None:
    write_film(tmp_path / "a.png", 255, (240, 200))
    found = predictor().predict(tmp_path / "a.png")
    assert str(found.status) == "doubtful: very bright"
    assert found["brightness"] > 0.9


def test_a_refused_film_has_no_prediction_unless_one_insists(tmp_path: Path) -> None:
    dicom(tmp_path / "a.dcm", Modality="CT")
    found = predictor().predict(tmp_path / "a.dcm")
    assert found.status.kind == "refused"
    with pytest.raises(KeyError, match=r"no 'brightness' for .*a\.dcm \(refused: its header"):
        found["brightness"]
    insisted = predictor(refuse=False).predict(tmp_path / "a.dcm")
    assert insisted.status == found.status
    assert insisted["brightness"] > 0


class Suspicious:
    """Finds every film of one kind unfamiliar."""

    def __init__(self, assessment: Assessment) -> None:
        self.assessment = assessment

    def assess(self, films: np.ndarray) -> list[Assessment]:
        return [self.assessment] * len(films)


@pytest.mark.parametrize(
    ("assessment", "status"),
    [
        (Assessment(0.4, "", ()), "ok"),
        (Assessment(0.9, "", ("looks inverted",)), "doubtful: looks inverted"),
        (Assessment(1.7, "is unlike a chest", ()), "refused: is unlike a chest"),
    ],
)
def test_what_a_film_shows_decides_too(tmp_path: Path, assessment: Assessment, status: str) -> None:
    write_film(tmp_path / "a.png", 51)
    one = predictor()
    one.__dict__["_familiarity"] = Suspicious(assessment)
    found = one.predict(tmp_path / "a.png")
    assert str(found.status) == status
    assert found.unfamiliarity == assessment.score
    assert ("brightness" in found.outputs) == (found.status.kind != "refused")


def test_the_sex_is_known_from_the_caller_before_the_file_before_the_default(
    tmp_path: Path,
) -> None:
    dicom(tmp_path / "a.dcm", Modality="DX", BodyPartExamined="CHEST", PatientSex="F")
    write_film(tmp_path / "b.png", 51)
    one = predictor(sex="M")
    assert one.predict(tmp_path / "a.dcm", sex="M")["sex"] == "M argument"
    assert one.predict(tmp_path / "a.dcm")["sex"] == "F DICOM"
    assert one.predict(tmp_path / "b.png")["sex"] == "M parameter"
    assert predictor().predict(tmp_path / "b.png")["sex"] == "unknown"
    with pytest.raises(ValueError, match="sex must be 'M', 'F' or empty"):
        one.predict(tmp_path / "b.png", sex="X")


def test_a_file_that_is_no_film_is_no_error(tmp_path: Path) -> None:
    found = predictor().predict(tmp_path / "nothing.png")
    assert found.status.kind == "unreadable"
    assert np.isnan(found.unfamiliarity)


def test_a_table_has_the_columns_of_the_task_and_is_rounded_for_a_person() -> None:
    columns = [Column("months", "Bone age", "months", 0)]
    rows = [{"path": "a", "status": "ok", "months": 101.6}, {"path": "b", "status": "ignored: x"}]
    table = tabulate(rows, columns)
    assert list(table)[:3] == ["path", "status", "months"]
    assert round_table(table, columns)["months"].to_list() == [102, pd.NA]
    assert table["months"].iloc[0] == 101.6
