import logging
from pathlib import Path

import pytest
from kedro.io.core import DatasetError

from xraylab.datasets import TextFolderDataset


def test_texts_under_a_root_that_looks_like_a_pattern(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The root is a folder, not a pattern: brackets in it were read as one, and no reading was found."""
    caplog.set_level(logging.WARNING)
    root = tmp_path / "xray [2024] *, a'b"
    for place in ("ClinicalReadings", "Montgomery/ClinicalReadings"):
        (root / place).mkdir(parents=True)
    (root / "ClinicalReadings/a.txt").write_text("male 45yrs\nnormal\n")
    (root / "ClinicalReadings/._a.txt").write_bytes(b"\x00\x05\x16\x07")
    (root / "Montgomery/ClinicalReadings/b.txt").write_bytes("F 7Y \u2013 ja".encode("utf-16"))
    (root / "ClinicalReadings/c.txt").write_text("one")
    (root / "Montgomery/ClinicalReadings/c.txt").write_text("another")
    dataset = TextFolderDataset(path=str(root), folders=["ClinicalReadings", "*/ClinicalReadings"])
    assert dataset.load() == {"a": "male 45yrs\nnormal\n", "b": "F 7Y \u2013 ja"}
    assert "'c' has more texts than one" in caplog.text


def test_texts_are_read_by_their_stem_and_may_be_missing(tmp_path):
    folders = ["ClinicalReadings", "*/ClinicalReadings"]
    dataset = TextFolderDataset(path=str(tmp_path), folders=folders)
    assert dataset.load() == {}
    for place, name in (("ClinicalReadings", "a.txt"), ("set/ClinicalReadings", "b.TXT")):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / name).write_text(f"of {name}")
    (tmp_path / "ClinicalReadings/notes.pdf").write_text("no reading")
    assert dataset.load() == {"a": "of a.txt", "b": "of b.TXT"}
    assert dataset.exists()
    with pytest.raises(DatasetError, match="read only"):
        dataset.save({})
