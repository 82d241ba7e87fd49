import numpy as np
import pytest
from kedro.io.core import DatasetError, Version

from xraylab.datasets import EmbeddingsDataset
from xraylab.models.embeddings import EmbeddingPlan


def test_versions_of_embeddings_are_whole_and_copy_what_is_known(tmp_path):
    asked = []

    def compute(rows):
        asked.append(len(rows))
        return np.ones((len(rows), 2), np.float32)

    def dataset(version):
        return EmbeddingsDataset(filepath=str(tmp_path / "store"), version=Version(None, version))

    first = dataset("2020-01-01T00.00.00.000Z")
    assert not first.exists()
    first.save({"a": EmbeddingPlan(["x"], ["1"], {}, compute)})
    dataset("2021-01-01T00.00.00.000Z").save(
        {"a": EmbeddingPlan(["x", "y"], ["1", "2"], {}, compute)}
    )
    assert asked == [1, 1]
    latest = EmbeddingsDataset(filepath=str(tmp_path / "store"), version=Version(None, None))
    assert latest.load()["a"].matrix.shape == (2, 2)
    with pytest.raises(DatasetError, match="their folder must be local"):
        EmbeddingsDataset(filepath="s3://bucket/store")
