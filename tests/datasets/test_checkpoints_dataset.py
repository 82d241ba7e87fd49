import pytest
from kedro.io.core import DatasetError

from xraylab.datasets import CheckpointsDataset


def test_checkpoints_are_a_folder_until_they_are_cleared(tmp_path):
    dataset = CheckpointsDataset(path=str(tmp_path / "deep" / "work"))
    assert dataset.exists()  # no run waits for it
    folder = dataset.load()
    (folder / "last.ckpt").write_bytes(b"x")
    dataset.clear()
    assert not folder.exists()
    assert dataset.load().is_dir()
    with pytest.raises(DatasetError, match="is an input"):
        dataset.save("x")
