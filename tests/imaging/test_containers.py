"""One film in many containers gives one picture."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.imaging.test_dicom import dataset, encode
from tests.imaging.test_display import lut
from tests.imaging.test_readers import pil

from xraylab.imaging import read_radiograph
from xraylab.imaging.preprocess import PreprocessParams, prepare_film


def film() -> np.ndarray:
    """A seeded chest-like film in [0, 1]: two dark fields, smooth tissue, grain."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:96, :96] / 96
    picture = 0.6 + 0.15 * np.cos(5 * x + 3 * y) + 0.1 * np.sin(9 * y)
    for centre in (0.3, 0.7):
        picture -= 0.35 * ((((x - centre) / 0.14) ** 2 + ((y - 0.5) / 0.3) ** 2) < 1)
    return np.clip(picture + 0.02 * rng.standard_normal(picture.shape), 0, 1)


V12 = np.rint(film() * 4095).astype(np.uint16)
WINDOW = {"WindowCenter": 2048, "WindowWidth": 4096}
CONTAINERS: dict[str, Callable[[], bytes]] = {
    "16-bit PNG": lambda: pil(Image.fromarray(V12 * 16)),
    "16-bit PNG of 12 bits": lambda: pil(Image.fromarray(V12)),
    "16-bit TIFF of 12 bits": lambda: pil(Image.fromarray(V12), "TIFF"),
    "8-bit BMP": lambda: pil(Image.fromarray((V12 >> 4).astype(np.uint8)), "BMP"),
    "8-bit DICOM": lambda: encode(dataset((V12 >> 4).astype(np.uint8), 8)),
    "12-bit DICOM": lambda: encode(dataset(V12, 12)),
    "16-bit DICOM": lambda: encode(dataset(V12 * 16, 16)),
    "12 bits in 16": lambda: encode(dataset(V12, 16)),
    "12 bits in 16, window": lambda: encode(dataset(V12, 16, **WINDOW)),
    "signed, window": lambda: encode(dataset(V12.astype(np.int16), 16, **WINDOW)),
    "MONOCHROME1": lambda: encode(dataset(4095 - V12, 12, PhotometricInterpretation="MONOCHROME1")),
    "MONOCHROME1, window": lambda: encode(
        dataset(4095 - V12, 16, PhotometricInterpretation="MONOCHROME1", **WINDOW)
    ),
    "rescale": lambda: encode(
        dataset(
            V12, 12, RescaleSlope=2, RescaleIntercept=-1024, WindowCenter=3072, WindowWidth=8192
        )
    ),
    "narrow window": lambda: encode(
        dataset(V12 // 16 + 2000, 16, WindowCenter=2128, WindowWidth=256)
    ),
    "modality LUT": lambda: encode(
        dataset(4095 - V12, 12, ModalityLUTSequence=[lut(0, 12, np.arange(4095, -1, -1))])
    ),
    "VOI LUT": lambda: encode(
        dataset(1000 + V12 // 5, 12, VOILUTSequence=[lut(1000, 12, np.linspace(0, 4095, 820))])
    ),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_one_film_gives_one_picture(tmp_path: Path, kind: str) -> None:
    reference, other = tmp_path / "reference", tmp_path / "other"
    reference.write_bytes(pil(Image.fromarray(np.rint(film() * 255).astype(np.uint8))))
    other.write_bytes(CONTAINERS[kind]())
    for equalise in ("none", "histogram"):
        params = PreprocessParams(size_px=48, equalise=equalise)
        first, second = (
            prepare_film(read_radiograph(str(path)), params).astype(float) / 255
            for path in (reference, other)
        )
        assert np.abs(first - second).mean() < 0.01


@given(seed=st.integers(0, 2**16), bits=st.integers(8, 16), turned=st.booleans())
def test_a_window_over_the_whole_range_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, seed: int, bits: int, turned: bool
) -> None:
    top = 2**bits - 1
    values = np.random.default_rng(seed).integers(0, top + 1, (6, 5)).astype(np.uint16)
    values[0, :2] = 0, top
    stored = top - values if turned else values
    made = dataset(
        stored, bits, WindowCenter=2 ** (bits - 1), WindowWidth=2**bits,
        PhotometricInterpretation="MONOCHROME1" if turned else "MONOCHROME2",
    )  # fmt: skip
    path = tmp_path_factory.mktemp("container") / "film"
    path.write_bytes(encode(made))
    assert np.abs(read_radiograph(str(path)) - values / top).max() < 1 / 255
