import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from xraylab.phantoms.registry import PHANTOMS, write_phantom
from xraylab.phantoms.write import STAMP, write_once


def write_text(folder: Path) -> None:
    (folder / "film.txt").write_text("film")


def test_writes_once_and_again_when_parameters_change(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "set"
    assert write_once(folder, write_text, {"n": (1, 2)})
    assert (folder / "film.txt").read_text() == "film"
    assert not write_once(folder, lambda path: pytest.fail("written twice"), {"n": [1, 2]})
    (folder / "stale.txt").touch()
    assert write_once(folder, write_text, {"n": 2})
    assert not (folder / "stale.txt").exists()
    assert sorted(path.name for path in folder.parent.iterdir()) == ["set"]


def test_a_folder_of_the_user_is_never_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "patient.png").touch()
    with pytest.raises(FileExistsError, match=f"holds no {STAMP}"):
        write_once(folder, write_text, {})
    assert [path.name for path in folder.iterdir()] == ["patient.png"]


def test_a_failing_writer_leaves_nothing(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        write_text(path)
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        write_once(tmp_path / "set", fail, {})
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_leaves_no_half_folder_and_the_next_one_clears_up(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from xraylab.phantoms.write import write_once\n"
        "def slow(folder):\n"
        "    (folder / 'half.txt').touch(); print('writing', flush=True); time.sleep(60)\n"
        "write_once(Path(sys.argv[1]), slow, {})\n"
    )
    folder = tmp_path / "set"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert not folder.exists()
    (leftover,) = tmp_path.iterdir()
    day_ago = time.time() - 86_400
    os.utime(leftover, (day_ago, day_ago))
    assert write_once(folder, write_text, {})
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_writers_that_race_agree(tmp_path: Path) -> None:
    def slow(folder: Path) -> None:
        write_text(folder)
        time.sleep(0.05)

    with ThreadPoolExecutor(4) as pool:
        written = list(pool.map(lambda _: write_once(tmp_path / "set", slow, {"n": 1}), range(4)))
    assert any(written)
    assert (tmp_path / "set" / "film.txt").read_text() == "film"
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_registry_writes_a_data_set_by_its_name(tmp_path: Path) -> None:
    assert set(PHANTOMS) == {
        "covid_lesions",
        "fracture_multi_region",
        "montgomery_shenzhen",
        "nih_chest_xray14",
        "rsna_bone_age",
        "seed_lesion_results",
    }
    sizes = {"n_patients": 1, "films_per_patient": [1, 1], "size_px": 64, "bad_films": False}
    assert write_phantom("nih_chest_xray14", tmp_path / "nih", sizes)
    assert not write_phantom("nih_chest_xray14", tmp_path / "nih", sizes)
    assert (tmp_path / "nih/images/90000001_000.png").is_file()
