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


def test_the_source_stands_at_the_foot_and_the_figure_is_as_it_was(tmp_path: Path) -> None:
    import io

    from PIL import Image
    from tests.test_provenance import SOURCE

    def draw(wide: float) -> Figure:
        figure = Figure(figsize=(wide, 2))
        figure.subplots().plot([0, 1])
        return figure

    for wide in (10.0, 3.0):
        plain = FigureDataset(filepath=str(tmp_path / "plain.png"))
        plain.save(draw(wide))
        dataset = FigureDataset(filepath=str(tmp_path / "figure.png"))
        dataset.source = SOURCE
        dataset.save(draw(wide))
        above, whole = (Image.open(io.BytesIO(each.load())) for each in (plain, dataset))
        foot = whole.crop((0, above.height, whole.width, whole.height))
        assert whole.width == above.width
        assert 30 < foot.height < 140  # one line, or a few on a narrow figure
        assert foot.convert("L").getextrema()[0] < 150  # something is written
        assert whole.crop((0, 0, *above.size)).tobytes() == above.convert("RGB").tobytes()
