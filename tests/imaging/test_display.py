"""DICOM as a viewer shows it: values worked out by the formulas of PS3.3, or by pydicom where it is right."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileDataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from tests.imaging.test_dicom import RAMP, dataset, encode

from xraylab.imaging import Film, UnreadableRadiograph, read_film

# Stored values 0, 1000, 2048 and 4095 of 12 bits.


def read(tmp_path: Path, made: FileDataset, **options: Any) -> Film:
    path = tmp_path / "film.dcm"
    path.write_bytes(encode(made))
    return read_film(str(path), **options)


def lut(first: int, depth: int, entries: Any, count: int | None = None, vr: str = "US") -> Dataset:
    item = Dataset()
    n = len(entries) if count is None else count
    item.add_new(0x00283002, "SS" if first < 0 else "US", [n % 65536, first, depth])
    item.add_new(
        0x00283006, vr, entries if isinstance(entries, bytes) else [int(e) for e in entries]
    )
    return item


def linear(x: np.ndarray, c: float, w: float) -> np.ndarray:
    return np.clip((x - (c - 0.5)) / (w - 1) + 0.5, 0, 1)


X = RAMP.astype(float)
WINDOWS: dict[str, tuple[dict[str, Any], np.ndarray]] = {
    "linear": ({"WindowCenter": 2048, "WindowWidth": 1024}, linear(X, 2048, 1024)),
    "linear, width 1 is a threshold": (
        {"WindowCenter": 1000.5, "WindowWidth": 1}, (X > 1000).astype(float),
    ),
    "linear exact": (
        {"WindowCenter": 2048, "WindowWidth": 1024, "VOILUTFunction": "LINEAR_EXACT"},
        np.clip((X - 2048) / 1024 + 0.5, 0, 1),
    ),
    "sigmoid": (
        {"WindowCenter": 2048, "WindowWidth": 1024, "VOILUTFunction": "SIGMOID"},
        1 / (1 + np.exp(-4 * (X - 2048) / 1024)),
    ),
    "the first of several": (
        {"WindowCenter": [2048, 40], "WindowWidth": [1024, 400]}, linear(X, 2048, 1024),
    ),
    "after the rescale": (
        {"WindowCenter": 3072, "WindowWidth": 2048, "RescaleSlope": 2, "RescaleIntercept": -1024},
        linear(2 * X - 1024, 3072, 2048),
    ),
    "a lone slope": ({"WindowCenter": 4096, "WindowWidth": 2048, "RescaleSlope": 2}, linear(2 * X, 4096, 2048)),
    "a lone intercept": (
        {"WindowCenter": 1024, "WindowWidth": 1024, "RescaleIntercept": -1024}, linear(X - 1024, 1024, 1024),
    ),
    "a window of width 0 is none": ({"WindowCenter": 0, "WindowWidth": 0}, X / 4095),
    "MONOCHROME1 is turned after the window": (
        {"WindowCenter": 2048, "WindowWidth": 1024, "PhotometricInterpretation": "MONOCHROME1"},
        1 - linear(X, 2048, 1024),
    ),
    "and once, whatever the presentation LUT says": (
        {
            "WindowCenter": 2048, "WindowWidth": 1024, "PhotometricInterpretation": "MONOCHROME1",
            "PresentationLUTShape": "INVERSE",
        },
        1 - linear(X, 2048, 1024),
    ),
    "presentation LUT shape": ({"PresentationLUTShape": "INVERSE"}, 1 - X / 4095),
    "identity": ({"PresentationLUTShape": "IDENTITY"}, X / 4095),
}  # fmt: skip


@pytest.mark.parametrize("kind", WINDOWS)
def test_windows(tmp_path: Path, kind: str) -> None:
    tags, expected = WINDOWS[kind]
    assert np.allclose(read(tmp_path, dataset(RAMP, **tags)).pixels, expected, atol=1e-6)


TEN_BITS = np.arange(1024)
RAMP_10 = RAMP // 4
LUTS: dict[str, tuple[FileDataset, np.ndarray, str]] = {
    "modality LUT": (
        dataset(RAMP, ModalityLUTSequence=[lut(0, 12, np.arange(4095, -1, -1))]), 1 - X / 4095, "modality_lut",
    ),
    "16 bits of 10-bit entries": (
        dataset(RAMP_10, 10, ModalityLUTSequence=[lut(0, 16, TEN_BITS)]), RAMP_10 / 1023, "modality_lut",
    ),
    "VOI LUT": (
        dataset(1000 + RAMP // 5, VOILUTSequence=[lut(1000, 12, np.linspace(0, 4095, 820))]),
        np.rint(np.floor(np.linspace(0, 4095, 820)))[RAMP // 5] / 4095, "voi_lut",
    ),
    "VOI LUT before the window": (
        dataset(RAMP, VOILUTSequence=[lut(0, 10, np.arange(4096) // 4)], WindowCenter=1, WindowWidth=2),
        (RAMP // 4) / 1023, "voi_lut",
    ),
    "10-bit VOI LUT after a modality LUT": (
        dataset(
            RAMP, ModalityLUTSequence=[lut(0, 12, np.arange(4095, -1, -1))],
            VOILUTSequence=[lut(0, 10, np.arange(4096) // 4)],
        ),
        ((4095 - RAMP) // 4) / 1023, "voi_lut",
    ),
    "0 entries are 65536": (
        dataset(RAMP * 16, 16, VOILUTSequence=[lut(0, 16, np.arange(65536).astype("<u2").tobytes(), 0, "OW")]),
        RAMP * 16 / 65535, "voi_lut",
    ),
    "4096 entries of 8 bits, two in a word": (
        dataset(RAMP, VOILUTSequence=[lut(0, 8, (np.arange(4096) // 16).astype(np.uint8).tobytes(), 4096, "OW")]),
        (RAMP // 16) / 255, "voi_lut",
    ),
    "4096 entries of 8 bits, one in a word": (
        dataset(RAMP, VOILUTSequence=[lut(0, 8, np.arange(4096) // 16)]), (RAMP // 16) / 255, "voi_lut",
    ),
    "a negative first value": (
        dataset(RAMP.astype(np.int16) - 2048, VOILUTSequence=[lut(-2048, 12, np.arange(4096))]), X / 4095, "voi_lut",
    ),
    "a negative first value, read as unsigned": (
        dataset(RAMP.astype(np.int16) - 2048, VOILUTSequence=[lut(65536 - 2048, 12, np.arange(4096))]),
        X / 4095, "voi_lut",
    ),
    "inputs beyond the table take its ends": (
        dataset(RAMP, VOILUTSequence=[lut(1000, 8, [7, 255])]), np.array([[7, 7], [255, 255]]) / 255, "voi_lut",
    ),
    "an empty item": (dataset(RAMP, VOILUTSequence=[Dataset()], ModalityLUTSequence=[]), X / 4095, "depth"),
}  # fmt: skip


@pytest.mark.parametrize("kind", LUTS)
def test_lookup_tables(tmp_path: Path, kind: str) -> None:
    made, expected, scaled_by = LUTS[kind]
    film = read(tmp_path, made)
    assert np.allclose(film.pixels, expected, atol=1e-6)
    assert film.scaled_by == scaled_by


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (lut(0, 12, np.arange(100), 4096), "VOILUTSequence of 100 entries where its descriptor says 4096"),
        (lut(0, 20, np.arange(16)), "entries of 20 bits"),
    ],
)  # fmt: skip
def test_a_table_that_means_nothing_is_refused(tmp_path: Path, item: Dataset, words: str) -> None:
    with pytest.raises(UnreadableRadiograph, match=words):
        read(tmp_path, dataset(RAMP, VOILUTSequence=[item]))


def test_padding_is_background(tmp_path: Path) -> None:
    framed = RAMP.copy()
    framed[0, 0] = 4095
    film = read(tmp_path, dataset(framed, PixelPaddingValue=4095)).pixels
    # 4095 is padding wherever it stands; the others as they were
    assert np.allclose(film, [[0, 1000 / 4095], [2048 / 4095, 0]], atol=1e-6)
    dark = {"PhotometricInterpretation": "MONOCHROME1"}
    film = read(tmp_path, dataset(framed, PixelPaddingValue=4095, **dark)).pixels
    assert np.allclose(film, [[0, 1 - 1000 / 4095], [1 - 2048 / 4095, 0]], atol=1e-6)
    made = dataset(framed, PixelPaddingValue=2000, PixelPaddingRangeLimit=4095)
    assert np.allclose(read(tmp_path, made).pixels, [[0, 1000 / 4095], [0, 0]], atol=1e-6)
    signed = dataset(np.array([[-2000, 0], [100, 2047]], np.int16), 12, PixelPaddingValue=-2000)
    expected = (np.array([[0, 0], [100, 2047]]) + 2048) / 4095 * [[0, 1], [1, 1]]
    assert np.allclose(read(tmp_path, signed).pixels, expected, atol=1e-6)
    # a film that is nothing but padding is as it is
    assert (
        read(tmp_path, dataset(np.full((2, 2), 9, np.uint16), PixelPaddingValue=9)).pixels.max() > 0
    )


def test_padding_takes_no_part_in_scaling(tmp_path: Path) -> None:
    sliver = 20_000 + np.arange(100, dtype=np.uint16).reshape(10, 10)
    framed = np.pad(sliver, 2, constant_values=65535)
    bare = read(tmp_path, dataset(sliver, 16))
    film = read(tmp_path, dataset(framed, 16, PixelPaddingValue=65535))
    assert bare.scaled_by == film.scaled_by == "percentiles"
    assert np.allclose(film.pixels[2:-2, 2:-2], bare.pixels)
    assert film.pixels[0].max() == 0
    assert bare.pixels.min() == 0
    assert bare.pixels.max() == 1


@pytest.mark.parametrize(
    ("values", "bits", "signed", "scaled_by", "top"),
    [
        ([0, 4095], 16, False, "bits_12", 4095),
        ([0, 1023], 16, False, "bits_10", 1023),
        ([0, 9000], 16, False, "depth", 65535),
        (
            [0, 1000],
            12,
            False,
            "depth",
            4095,
        ),  # fewer bits than the container's are stated on purpose
        ([0, 255], 8, False, "depth", 255),
        ([0, 4095], 16, True, "bits_12", 4095),
        ([300, 300], 12, False, "depth", 4095),  # nothing to spread
    ],
)
def test_values_that_fill_a_small_part_of_their_range(
    tmp_path: Path, values: list[int], bits: int, signed: bool, scaled_by: str, top: int
) -> None:
    kind = np.uint8 if bits == 8 else np.int16 if signed else np.uint16
    film = read(tmp_path, dataset(np.array([values], kind), bits))
    assert film.scaled_by == scaled_by
    assert np.allclose(film.pixels, np.array([values]) / top, atol=1e-6)
    # as stored, when asked
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    never = read(tmp_path, dataset(np.array([values], kind), bits), apply_voi="never")
    assert never.scaled_by == "depth"
    assert np.allclose(never.pixels, (np.array([values]) - low) / (high - low), atol=1e-6)


@given(
    centre=st.integers(0, 4095),
    width=st.integers(2, 4096),
    slope=st.sampled_from([0.5, 1.0, 3.0]),
    intercept=st.sampled_from([-1024.0, 0.0, 100.0]),
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
)
def test_windows_agree_with_pydicom(
    tmp_path_factory: pytest.TempPathFactory,
    centre: int, width: int, slope: float, intercept: float, function: str,
) -> None:  # fmt: skip
    made = dataset(
        RAMP, WindowCenter=centre, WindowWidth=width, VOILUTFunction=function,
        RescaleSlope=slope, RescaleIntercept=intercept,
    )  # fmt: skip
    shown = apply_voi_lut(apply_modality_lut(RAMP, made), made)
    first, last = intercept, 4095 * slope + intercept
    film = read(tmp_path_factory.mktemp("window"), made).pixels
    assert np.allclose(film, (shown - first) / (last - first), atol=1e-5)


def test_patients_are_known_by_a_digest(tmp_path: Path) -> None:
    first = read(tmp_path, dataset(RAMP, PatientID="A-17")).patient_id
    assert first == read(tmp_path, dataset(RAMP, PatientID=" A-17 ")).patient_id
    assert first != read(tmp_path, dataset(RAMP, PatientID="A-18")).patient_id
    assert len(first) == 16
    assert "17" not in first or first != "A-17"
    assert read(tmp_path, dataset(RAMP)).patient_id == ""
