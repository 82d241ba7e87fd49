from pathlib import Path

import numpy as np
import pytest
from kedro.io import DatasetError
from kedro.io.core import Version, generate_timestamp

from xraylab.datasets import RadiographDataset

FILM = np.array([[0.0, 0.25], [0.5, 1.0]], np.float32)


def test_one_film_round_trips(tmp_path: Path) -> None:
    dataset = RadiographDataset(filepath=str(tmp_path / "film.png"))
    assert not dataset.exists()
    with pytest.raises(DatasetError):
        dataset.load()
    dataset.save(FILM)
    assert dataset.exists()
    assert np.allclose(dataset.load(), FILM, atol=1e-5)


def test_one_film_by_version_and_protocol(tmp_path: Path) -> None:
    path = str(tmp_path / "film.png")
    RadiographDataset(filepath=path, version=Version(None, generate_timestamp())).save(FILM)
    assert np.allclose(
        RadiographDataset(filepath=path, version=Version(None, None)).load(), FILM, atol=1e-5
    )
    memory = RadiographDataset(filepath="memory:///films/one.png", save_args={"bits": 8})
    memory.save(FILM)
    assert np.allclose(memory.load(), FILM, atol=1 / 255)
