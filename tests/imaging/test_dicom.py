"""One table of DICOM kinds with the pixel values that the standard gives them."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from xraylab.imaging import UnreadableRadiograph, read_film, read_radiograph

RAMP = np.array([[0, 1000], [2048, 4095]], np.uint16)


def dataset(
    pixels: np.ndarray, bits: int = 12, syntax: str = ExplicitVRLittleEndian, **tags: Any
) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    made = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    made.SOPClassUID, made.SOPInstanceUID = meta.MediaStorageSOPClassUID, "1.2.3"
    made.Rows, made.Columns = pixels.shape[:2]
    made.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
    made.PhotometricInterpretation = "MONOCHROME2"
    made.BitsAllocated = 8 * pixels.dtype.itemsize
    made.BitsStored, made.HighBit = bits, bits - 1
    made.PixelRepresentation = int(pixels.dtype.kind == "i")
    if pixels.ndim == 3:
        made.PhotometricInterpretation, made.PlanarConfiguration = "RGB", 0
    made.PixelData = pixels.tobytes()
    made["PixelData"].VR = "OB" if pixels.dtype.itemsize == 1 else "OW"
    for name, value in tags.items():
        setattr(made, name, value)
    return made


def encode(made: FileDataset) -> bytes:
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def compressed(pixels: np.ndarray, syntax: str, bits: int = 12) -> FileDataset:
    made = dataset(pixels, bits)
    made.compress(syntax)
    return made


def window(centre: float, width: float, **tags: Any) -> FileDataset:
    return dataset(RAMP, WindowCenter=centre, WindowWidth=width, **tags)


# PS3.3 C.11.2.1.2.1 for centre and width 2048: y = (x - (c - 0.5)) / (w - 1) + 0.5, clipped
WINDOWED = np.clip((RAMP.astype(float) - 2047.5) / 2047 + 0.5, 0, 1)
LARGE = np.random.default_rng(0).integers(0, 4096, (64, 96), np.uint16)

KINDS: dict[str, tuple[Callable[[], FileDataset], Any]] = {
    "12 bit by its depth": (lambda: dataset(RAMP), RAMP / 4095),
    "16 bit": (lambda: dataset(RAMP * 16, 16), RAMP * 16 / 65535),
    "12 bit in 16": (lambda: dataset(RAMP, 16), RAMP / 4095),
    "12 bit in signed 16": (lambda: dataset(RAMP.astype(np.int16), 16), RAMP / 4095),
    "8 bit": (lambda: dataset((RAMP >> 4).astype(np.uint8), 8), (RAMP >> 4) / 255),
    "signed by its range": (lambda: dataset((RAMP.astype(np.int16) - 2048), 12), RAMP / 4095),
    "MONOCHROME1 is turned": (
        lambda: dataset(RAMP, PhotometricInterpretation="MONOCHROME1"),
        1 - RAMP / 4095,
    ),
    "rescale cancels": (
        lambda: dataset(RAMP, RescaleSlope=2.0, RescaleIntercept=-1024.0),
        RAMP / 4095,
    ),
    "a negative slope turns": (
        lambda: dataset(RAMP, RescaleSlope=-1.0, RescaleIntercept=4095.0),
        1 - RAMP / 4095,
    ),
    "a window is applied": (lambda: window(2048, 2048), WINDOWED),
    "implicit": (lambda: dataset(RAMP, syntax=ImplicitVRLittleEndian), RAMP / 4095),
    "RLE": (lambda: compressed(LARGE, RLELossless), LARGE / 4095),
    "JPEG 2000": (lambda: compressed(LARGE, JPEG2000Lossless), LARGE / 4095),
    "RGB": (
        lambda: dataset(
            np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8), 8
        ),
        np.array([[0.299, 0.587], [0.114, 1.0]]),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds(tmp_path: Path, kind: str) -> None:
    make, expected = KINDS[kind]
    path = tmp_path / "film"  # no suffix: a DICOM is known by its content
    path.write_bytes(encode(make()))
    film = read_radiograph(str(path))
    assert film.dtype == np.float32
    assert np.allclose(film, expected, atol=0.003 if kind == "RGB" else 1e-6)


def test_baseline_jpeg(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
    made = dataset(ramp, 8, JPEGBaseline8Bit)
    made.PixelData = encapsulate([cv2.imencode(".jpg", ramp)[1].tobytes()])
    made["PixelData"].is_undefined_length = True
    path = tmp_path / "film.dcm"
    path.write_bytes(encode(made))
    assert np.abs(read_radiograph(str(path)) - ramp / 255).max() < 0.03


@pytest.mark.parametrize("after", [b"\x00" * 100, b"\xff" * 33 + b"\x00", b""])
def test_bytes_after_the_end_of_a_stream_do_no_harm(tmp_path: Path, after: bytes) -> None:
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
    for suffix, syntax in ((".jpg", JPEGBaseline8Bit), (".jp2", JPEG2000Lossless)):
        made = dataset(ramp, 8, syntax)
        stream = cv2.imencode(suffix, ramp)[1].tobytes()
        # a JP2 file may hold further boxes after its codestream (T.800 I.2.1)
        box = (40).to_bytes(4, "big") + b"uuid" + bytes(32) if suffix == ".jp2" else b""
        made.PixelData = encapsulate([stream + box + after])
        made["PixelData"].is_undefined_length = True
        path = tmp_path / "film.dcm"
        path.write_bytes(encode(made))
        assert np.abs(read_radiograph(str(path)) - ramp / 255).max() < 0.03
        made.PixelData = encapsulate([stream[: len(stream) * 2 // 3]])
        path.write_bytes(encode(made))
        with pytest.raises(UnreadableRadiograph, match=r"no end marker|truncated"):
            read_radiograph(str(path))


def test_a_directory_of_dicom_files_is_none(tmp_path: Path) -> None:
    made = without("PixelData")
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    path = tmp_path / "DICOMDIR"
    path.write_bytes(encode(made))
    with pytest.raises(
        UnreadableRadiograph, match="is a DICOMDIR, an index of files without pixels"
    ):
        read_radiograph(str(path))


def test_jpeg_ls(tmp_path: Path) -> None:
    """A JPEG-LS stream of a constant film, its one run coded by hand (T.87, A.7): all ones."""
    height, width = 1, 8
    frame = b"\xff\xf7" + bytes([0, 11, 8, 0, height, 0, width, 1, 1, 0x11, 0])
    scan = b"\xff\xda" + bytes([0, 8, 1, 1, 0, 0, 0, 0])
    # a run of zeros (the predicted value) to the end of the line; eight pixels are four runs of one and two of two
    stream = b"\xff\xd8" + frame + scan + b"\xfc" + b"\xff\xd9"
    made = dataset(np.zeros((height, width), np.uint8), 8, JPEGLSLossless)
    made.PixelData = encapsulate([stream])
    made["PixelData"].is_undefined_length = True
    path = tmp_path / "film.dcm"
    path.write_bytes(encode(made))
    assert np.array_equal(read_radiograph(str(path)), np.zeros((height, width), np.float32))


def test_big_endian(tmp_path: Path) -> None:
    made = dataset(RAMP, syntax=ExplicitVRBigEndian)
    made.PixelData = RAMP.astype(">u2").tobytes()
    path = tmp_path / "film.dcm"
    pydicom.dcmwrite(str(path), made, little_endian=False, implicit_vr=False)
    assert np.allclose(read_radiograph(str(path)), RAMP / 4095, atol=1e-6)


def test_a_window_may_be_asked_for_or_left_out(tmp_path: Path) -> None:
    path = tmp_path / "film.dcm"
    path.write_bytes(encode(window(2048, 2048)))
    assert np.allclose(read_radiograph(str(path), apply_voi="always"), WINDOWED, atol=1e-6)
    assert np.allclose(read_radiograph(str(path), apply_voi="never"), RAMP / 4095, atol=1e-6)
    path.write_bytes(encode(dataset(RAMP)))
    with pytest.raises(UnreadableRadiograph, match=r"no VOI LUT and no window.*'always'"):
        read_radiograph(str(path), apply_voi="always")


def test_spacing(tmp_path: Path) -> None:
    path = tmp_path / "film.dcm"
    path.write_bytes(encode(dataset(RAMP, ImagerPixelSpacing=[0.2, 0.1])))
    assert read_film(str(path)).spacing_mm == (0.2, 0.1)
    path.write_bytes(encode(dataset(RAMP)))
    assert read_film(str(path)).spacing_mm is None
    path.write_bytes(encode(dataset(RAMP, PixelSpacing=[0.0, 0.1])))
    with pytest.raises(UnreadableRadiograph, match="two positive numbers"):
        read_film(str(path))


def test_palette(tmp_path: Path) -> None:
    colours = {"Red": [255, 0, 0, 255], "Green": [0, 255, 0, 255], "Blue": [0, 0, 255, 255]}
    made = dataset(
        np.array([[0, 1], [2, 3]], np.uint8), 8, PhotometricInterpretation="PALETTE COLOR"
    )
    for name, values in colours.items():
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [4, 0, 8])
        setattr(made, f"{name}PaletteColorLookupTableData", bytes(values))
    path = tmp_path / "film.dcm"
    path.write_bytes(encode(made))
    assert np.allclose(read_radiograph(str(path)), [[0.299, 0.587], [0.114, 1.0]], atol=0.003)


def without(name: str) -> FileDataset:
    made = dataset(RAMP)
    delattr(made, name)
    return made


BAD: dict[str, tuple[Callable[[], FileDataset], str]] = {
    "no pixels": (lambda: without("PixelData"), "pixel|Pixel"),
    "no rows": (lambda: without("Rows"), "Rows"),
    "no photometric interpretation": (
        lambda: without("PhotometricInterpretation"),
        "PhotometricInterpretation",
    ),
    "multi-frame": (lambda: dataset(RAMP, NumberOfFrames=2, PixelData=RAMP.tobytes() * 2), "frame"),
    "too few bytes": (lambda: dataset(RAMP, PixelData=RAMP.tobytes()[:4]), "bytes|length|pixel"),
    "unknown photometric interpretation": (
        lambda: dataset(RAMP, PhotometricInterpretation="HSV"),
        "HSV",
    ),
    "too large": (lambda: dataset(RAMP, Rows=60_000, Columns=60_000), "60000 x 60000"),
}


@pytest.mark.parametrize("kind", BAD)
def test_wrong_dicom_is_refused(tmp_path: Path, kind: str) -> None:
    make, reason = BAD[kind]
    path = tmp_path / "film.dcm"
    path.write_bytes(encode(make()))
    with pytest.raises(UnreadableRadiograph, match=reason):
        read_radiograph(str(path))


def test_unknown_transfer_syntax_is_refused(tmp_path: Path) -> None:
    made = dataset(RAMP, syntax="1.2.840.10008.1.2.4.102")  # MPEG-4 video
    made.PixelData = encapsulate([b"\x00" * 8])
    made["PixelData"].is_undefined_length = True
    path = tmp_path / "film.dcm"
    path.write_bytes(encode(made))
    with pytest.raises(UnreadableRadiograph):
        read_radiograph(str(path))
