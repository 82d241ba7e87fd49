"""A folder of films to a folder of results: one row per file, resumed after a kill, unchanged work not repeated."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from tests.prediction.made import MeanReader, bundle, write_film
from tests.prediction.test_intake import dicom

from xraylab.datasets import RadiographFolderDataset
from xraylab.prediction.engine import Predictor, PredictParams
from xraylab.prediction.folder import PredictionPlan, write_predictions

ROOT = Path(__file__).resolve().parents[2]


def plan(
    films: Path, sexes: dict[str, str] | None = None, limits: str = "None.", **params: object
) -> PredictionPlan:
    dataset = RadiographFolderDataset(path=str(films), folders=["**"], id="path", allow_empty=True)
    one = Predictor(bundle(limits=limits), MeanReader, PredictParams(**{"workers": 0, **params}))
    return PredictionPlan(one, dataset.load(), sexes or {})


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    write_film(folder / "b.png", 51)
    write_film(folder / "a.png", 255, (240, 200))
    write_film(folder / "sub/c.png", 102)
    (folder / "text.png").write_text("no film")
    (folder / "labels.csv").write_text("id,label\n")
    return folder


def test_every_file_has_a_row_in_order(films: Path, tmp_path: Path) -> None:
    found = write_predictions(plan(films, {"b.png": "F"}), tmp_path / "out")
    assert found["path"].tolist() == ["a.png", "b.png", "labels.csv", "sub/c.png", "text.png"]
    kinds = found["status"].str.split(":").str[0].tolist()
    assert kinds == ["doubtful", "ok", "ignored", "ok", "unreadable"]
    assert found.set_index("path").loc["b.png", "sex"] == "F table"
    written = pd.read_csv(tmp_path / "out/predictions.csv")
    assert written["brightness"].tolist()[1] == round(found["brightness"].iloc[1], 2)
    whole = pd.read_parquet(tmp_path / "out/predictions.parquet")
    assert whole["brightness"].iloc[1] == found["brightness"].iloc[1]
    page = (tmp_path / "out/summary.html").read_text()
    assert "Research software. Not a medical device." in page


def test_masks_have_the_size_of_their_film(films: Path, tmp_path: Path) -> None:
    found = write_predictions(plan(films, heat_maps=True), tmp_path / "out").set_index("path")
    assert found.loc["sub/c.png", "mask"] == "masks/sub/c.png"
    mask = cv2.imread(str(tmp_path / "out/masks/a.png"), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (240, 200)
    assert set(np.unique(mask)) <= {0, 255}
    assert (tmp_path / "out/heat_maps/sub/c.png").is_file()
    assert pd.isna(found.loc["text.png", "mask"])


def test_an_unchanged_folder_is_not_predicted_again(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write_predictions(plan(films), tmp_path / "out")
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}

    def fail(*args: object) -> None:
        raise AssertionError("nothing is read again")

    monkeypatch.setattr(MeanReader, "read", fail)
    again = write_predictions(plan(films), tmp_path / "out")
    pd.testing.assert_frame_equal(first, again, check_dtype=False)
    assert stamps == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}


def test_what_changes_is_predicted_again_and_what_is_gone_is_removed(
    films: Path, tmp_path: Path
) -> None:
    write_predictions(plan(films), tmp_path / "out")
    write_film(films / "b.png", 153, (30, 30))
    write_film(films / "d.png", 10)
    shutil.rmtree(films / "sub")
    found = write_predictions(plan(films), tmp_path / "out").set_index("path")
    assert found.loc["b.png", "brightness"] > 0.5
    assert {"d.png"} <= set(found.index)
    assert "sub/c.png" not in found.index
    assert not (tmp_path / "out/masks/sub/c.png").exists()
    assert list(pd.read_csv(tmp_path / "out/predictions.csv")["path"]) == list(found.index)


def test_a_folder_of_another_model_is_refused(films: Path, tmp_path: Path) -> None:
    write_predictions(plan(films), tmp_path / "out")
    with pytest.raises(ValueError, match=r"holds results of another model \(fracture, version v1\)"):  # fmt: skip
        write_predictions(plan(films, limits="It says something else."), tmp_path / "out")


def test_a_file_of_someone_else_is_not_overwritten(films: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/predictions.csv").write_text("mine")
    with pytest.raises(ValueError, match=r"holds a file 'predictions\.csv' that this software did"):
        write_predictions(plan(films), tmp_path / "out")
    assert (tmp_path / "out/predictions.csv").read_text() == "mine"


def test_a_name_may_hold_any_byte(tmp_path: Path) -> None:
    write_film(tmp_path / "films/a.png", 51)
    odd = os.fsencode(tmp_path / "films") + b"/\xff<b>\n.png"
    os.rename(os.fsencode(tmp_path / "films/a.png"), odd)
    found = write_predictions(plan(tmp_path / "films"), tmp_path / "out")
    assert found["path"].tolist() == [r"\udcff<b>\n.png"]
    assert found["status"].tolist() == ["ok"]
    assert (tmp_path / "out" / found["mask"].iloc[0]).is_file()
    assert "<b>" not in (tmp_path / "out/summary.html").read_text()


def test_masks_of_dicom_films_are_segmentations_too(films: Path, tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    import pydicom

    dicom(films / "d.dcm", Modality="DX", BodyPartExamined="CHEST")
    write_predictions(plan(films, dicom_seg=True), tmp_path / "out")
    (written,) = (tmp_path / "out/dicom_seg").rglob("*")
    segmentation = pydicom.dcmread(written)
    source = pydicom.dcmread(films / "d.dcm")
    assert (
        segmentation.ReferencedSeriesSequence[0]
        .ReferencedInstanceSequence[0]
        .ReferencedSOPInstanceUID
        == source.SOPInstanceUID
    )
    mask = cv2.imread(str(tmp_path / "out/masks/d.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(segmentation.pixel_array, mask > 0)


def test_an_empty_folder_gives_an_empty_table(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    found = write_predictions(plan(tmp_path / "films"), tmp_path / "out")
    assert len(found) == 0
    assert "brightness" in pd.read_csv(tmp_path / "out/predictions.csv")


def test_nothing_of_a_header_reaches_the_results(tmp_path: Path) -> None:
    import pydicom
    from pydicom.data import get_testdata_file

    dataset = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    dataset.PatientName, dataset.PatientID = "Planted^Name", "PLANTED-ID"
    dataset.Modality, dataset.BodyPartExamined = "DX", "CHEST"
    (tmp_path / "films").mkdir()
    dataset.save_as(tmp_path / "films/a.dcm")
    found = write_predictions(plan(tmp_path / "films", heat_maps=True), tmp_path / "out")
    assert found["status"].tolist() == ["ok"]
    for path in (tmp_path / "out").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for planted in (b"Planted", b"PLANTED", str(dataset.SOPInstanceUID).encode()):
            assert planted not in content, path


SCRIPT = """
import sys, time
from pathlib import Path
from tests.prediction import made, test_folder
from xraylab.prediction import state
from xraylab.prediction.folder import write_predictions

class Slow(made.MeanReader):
    def read(self, films, sexes):
        time.sleep(0.2)
        return super().read(films, sexes)

if __name__ == "__main__":
    state._FLUSH_S = 0.0
    test_folder.MeanReader = Slow
    write_predictions(test_folder.plan(Path(sys.argv[1]), batch_size=1), Path(sys.argv[2]))
"""


def test_a_killed_run_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        write_film(tmp_path / f"films/{number:02d}.png", 8 * number)
    (tmp_path / "run.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "run.py"), str(tmp_path / "films"), str(tmp_path / "out")]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}/src:{ROOT}"}
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    state = tmp_path / "out/.state"
    deadline = time.monotonic() + 120
    while len(list(state.glob("*.parquet"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = len(list(state.glob("*.parquet")))
    assert 3 <= done < 30
    assert not (tmp_path / "out/predictions.csv").exists()
    read: list[str] = []
    original = MeanReader.read

    def count(self: MeanReader, films: list, sexes: list) -> list:
        read.extend(film.path for film in films)
        return original(self, films, sexes)

    monkeypatch.setattr(MeanReader, "read", count)
    found = write_predictions(plan(tmp_path / "films"), tmp_path / "out")
    assert len(found) == 30
    assert len(read) == 30 - done
    whole = write_predictions(plan(tmp_path / "films"), tmp_path / "undisturbed")
    pd.testing.assert_frame_equal(found, whole)
