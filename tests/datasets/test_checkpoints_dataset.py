import json

from xraylab.datasets import CheckpointsDataset


def test_checkpoints_are_a_folder_until_they_are_cleared(tmp_path):
    dataset = CheckpointsDataset(path=str(tmp_path / "deep" / "work"))
    assert dataset.exists()  # no run waits for it
    folder = dataset.load()
    (folder / "last.ckpt").write_bytes(b"x")
    dataset.save({"films": 2})
    assert json.loads((folder / "about.json").read_text()) == {"films": 2}
    assert (folder / "last.ckpt").exists()
    dataset.clear()
    assert not folder.exists()
    assert dataset.load().is_dir()
