import numpy as np
import pytest
from kedro.io.core import DatasetError

from xraylab.datasets import ArrayCacheDataset
from xraylab.imaging.array_cache import CachePlan
from xraylab.imaging.preprocess import PreprocessParams


def test_arrays_make_the_round_trip_and_have_a_preview(tmp_path):
    dataset = ArrayCacheDataset(path=str(tmp_path / "arrays"))
    assert not dataset.exists()
    with pytest.raises(DatasetError, match="holds no arrays"):
        dataset.load()
    films = {
        "a": lambda: np.full((8, 8), 0.2, np.float32),
        "b": lambda: np.ones((8, 8), np.float32),
    }
    dataset.save(CachePlan(films, preprocess=PreprocessParams(size_px=16, equalise="none")))
    assert dataset.exists()
    assert dataset.load().films[:, 0, 0].tolist() == [51, 255]
    assert len(dataset.preview()) > 100


def test_arrays_must_lie_on_a_local_disk():
    with pytest.raises(DatasetError, match="their folder must be local"):
        ArrayCacheDataset(path="s3://bucket/arrays")
