from pathlib import Path

import pytest
from kedro.io import DatasetError
from matplotlib.figure import Figure

from xraylab.datasets import FigureDataset


@pytest.fixture
def figure() -> Figure:
    drawn = Figure(figsize=(2, 1))
    drawn.subplots().plot([0, 1])
    return drawn


def test_round_trip_as_png(tmp_path: Path, figure: Figure) -> None:
    dataset = FigureDataset(filepath=str(tmp_path / "deep" / "figure.png"))
    assert dataset.load() is None
    assert not dataset.exists()
    dataset.save(figure)
    assert dataset.exists()
    data = dataset.load()
    assert data is not None
    assert data.startswith(b"\x89PNG")
    assert int.from_bytes(data[16:20], "big") == 300  # 2 inches at 150 dots an inch


def test_save_args_and_protocol(figure: Figure) -> None:
    dataset = FigureDataset(filepath="memory:///figures/a.png", save_args={"dpi": 50})
    dataset.save(figure)
    data = dataset.load()
    assert data is not None
    assert int.from_bytes(data[16:20], "big") == 100


def test_preview_is_an_image(tmp_path: Path, figure: Figure) -> None:
    dataset = FigureDataset(filepath=str(tmp_path / "figure.png"))
    dataset.save(figure)
    assert dataset.preview().startswith("iVBOR")


def test_what_is_no_figure_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError):
        FigureDataset(filepath=str(tmp_path / "figure.png")).save("no figure")
    assert not (tmp_path / "figure.png").exists()
