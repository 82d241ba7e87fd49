"""DICOM: the bytes of one file in, one film out.

Sections are those of the DICOM standard (NEMA PS3), part / section.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from xraylab.imaging.codestreams import (
    BrokenFileError,
    SeveralFramesError,
    codestream_size,
    has_end,
)
from xraylab.imaging.display import show_grey
from xraylab.imaging.film import Film, FilmHeader
from xraylab.imaging.scaling import ApplyVoi

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["decode_dicom", "digest_id", "looks_like_dicom"]

FloatImage = NDArray[np.float32]

_COLOUR_BITS = 16
_DIRECTORY = "1.2.840.10008.1.3.10"
_NEEDED = ("Rows", "Columns", "BitsAllocated", "BitsStored", "PixelRepresentation")
_PALETTE = "PALETTE COLOR"
_COLOUR = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"})
# PS3.3 10.7.1.3: where both are given, Pixel Spacing is the one corrected to the patient; the spacing at
# the detector and that of a digitised film stand in for it.
_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
# Those that end with the marker FFD9: the JPEG family, without RLE and video (PS3.5 A.4).
_JPEG_FAMILY = (
    "1.2.840.10008.1.2.4.5",
    "1.2.840.10008.1.2.4.7",
    "1.2.840.10008.1.2.4.8",
    "1.2.840.10008.1.2.4.9",
)


def looks_like_dicom(data: bytes) -> bool:
    """Tell a DICOM file from others, with its preamble (PS3.10 7.1) or, as older files are, without.

    A file without preamble is taken for DICOM if it begins with an element of group 0002 or 0008 whose
    value representation is a known one, or whose length (implicit) stays inside the file.

    Examples
    --------
    >>> looks_like_dicom(bytes(128) + b"DICM"), looks_like_dicom(b"II*" + bytes(200))
    (True, False)
    """
    if data[128:132] == b"DICM":
        return True
    little = data[0:2] in (b"\x02\x00", b"\x08\x00") and data[3:4] == b"\x00"
    big = data[0:2] == b"\x00\x08" and data[2:3] == b"\x00"
    explicit = data[4:6] in (
        b"UL",
        b"UI",
        b"CS",
        b"OB",
        b"DA",
        b"TM",
        b"LO",
        b"SH",
        b"PN",
        b"SQ",
        b"DT",
        b"ST",
    )
    implicit = little and int.from_bytes(data[4:8], "little") <= len(data) - 8
    return ((little or big) and explicit) or implicit


def decode_dicom(data: bytes, *, apply_voi: ApplyVoi, max_pixels: int) -> Film:
    """Decode the one frame of a DICOM file to a film, as a viewer shows it (`xraylab.imaging.display.show_grey`).

    Parameters
    ----------
    data : bytes
        A whole file.
    apply_voi : {"auto", "always", "never"}
        See `xraylab.imaging.read_film`; colour has no VOI transformation.
    max_pixels : int
        A larger film is refused by its header.

    Returns
    -------
    Film
        Pixels (H, W) of float32 in [0, 1], MONOCHROME2.

    Raises
    ------
    BrokenFileError
        With the reason, for a file that does not give one whole film.

    Examples
    --------
    >>> from pydicom import examples
    >>> data = examples.get_path("ct").read_bytes()
    >>> film = decode_dicom(data, apply_voi="never", max_pixels=10**6)
    >>> film.pixels.shape, film.spacing_mm
    ((128, 128), (0.661468, 0.661468))
    """
    try:
        dataset = _read(data)
        _check(dataset, max_pixels)
        pixels = _pixels(dataset)
        photometric = dataset.PhotometricInterpretation
        scaled_by = "depth"
        if photometric == _PALETTE:
            film = _look_up(pixels, dataset)
        elif photometric in _COLOUR:
            grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
            film = np.divide(grey, np.float32(2**dataset.BitsStored - 1), dtype=np.float32)
        else:
            film, scaled_by = show_grey(pixels, dataset, apply_voi)
        return Film(film, _spacing(dataset), scaled_by, _patient(dataset), _header(dataset))
    except BrokenFileError:
        raise
    except Exception as error:  # pydicom and its decoders raise of many kinds on a broken file
        raise BrokenFileError(f"is a DICOM file that does not decode ({_words(error)})") from error


def digest_id(written: object) -> str:
    """Return 16 hexadecimal digits that stand for an id; empty for an empty one.

    Examples
    --------
    >>> digest_id("P1") == digest_id(" P1 "), len(digest_id("P1")), digest_id("")
    (True, 16, '')
    """
    from xxhash import xxh3_64_hexdigest

    text = str(written or "").strip()
    return str(xxh3_64_hexdigest(text.encode())) if text else ""


def _patient(dataset: Dataset) -> str:
    """Return a digest of the patient's id, never the id itself; empty where there is none."""
    return digest_id(dataset.get("PatientID"))


def _header(dataset: Dataset) -> FilmHeader:
    """Return the little that a film is judged by; PS3.3 C.7.3.1, C.7.1.1."""
    modality, body_part, sex = (
        str(dataset.get(keyword) or "").strip().upper()
        for keyword in ("Modality", "BodyPartExamined", "PatientSex")
    )
    return FilmHeader(modality, body_part, sex if sex in ("M", "F") else "")


def _spacing(dataset: Dataset) -> tuple[float, float] | None:
    """Return the distance (between rows, between columns) of pixel centres in mm; None if not given."""
    for keyword in _SPACINGS:
        value = dataset.get(keyword)
        if value in (None, ""):
            continue
        try:
            row, column = (float(number) for number in value)
        except (TypeError, ValueError):
            row = column = math.nan
        if not (0 < row < math.inf and 0 < column < math.inf):
            raise BrokenFileError(f"has {keyword} {value}, which must be two positive numbers (mm)")
        return row, column
    return None


def _read(data: bytes) -> Dataset:
    from pydicom import dcmread
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    dataset = dcmread(io.BytesIO(data), force=True)
    if "TransferSyntaxUID" not in dataset.file_meta:
        # A bare data set has no file meta information (PS3.10 7.1): its encoding is the one it was read by.
        implicit, little = dataset.original_encoding
        plain = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else plain
    return dataset


def _check(dataset: Dataset, max_pixels: int) -> None:
    """Refuse, by its header, a file that is not one film of a supported kind."""
    if "PixelData" not in dataset:
        kind = dataset.file_meta.get("MediaStorageSOPClassUID") or dataset.get("SOPClassUID")
        if kind == _DIRECTORY:
            raise BrokenFileError("is a DICOMDIR, an index of files without pixels")
        raise BrokenFileError(
            f"is a DICOM file without Pixel Data (7FE0,0010){f' ({kind.name})' if kind else ''}, or cut before it"
        )
    for keyword in (*_NEEDED, "PhotometricInterpretation"):
        if dataset.get(keyword) in (None, ""):
            raise BrokenFileError(f"is a DICOM file without {keyword}")
    rows, columns, allocated, stored, _ = (int(dataset[keyword].value) for keyword in _NEEDED)
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames != 1:
        raise SeveralFramesError(f"has {frames} frames (multi-frame DICOM); a film has one")
    if rows < 1 or columns < 1:
        raise BrokenFileError(f"has no size ({columns} x {rows} pixels)")
    if rows * columns > max_pixels:
        raise BrokenFileError(
            f"has {columns} x {rows} pixels, more than max_pixels ({max_pixels:,})"
        )
    if allocated not in (8, 16, 32) or not 1 <= stored <= allocated:
        raise BrokenFileError(
            f"has BitsAllocated {allocated} and BitsStored {stored}; 8, 16 or 32 are handled"
        )
    if int(dataset.get("HighBit", stored - 1)) != stored - 1:  # PS3.5 8.1.1
        raise BrokenFileError(
            f"has HighBit {dataset.HighBit}, which must be BitsStored - 1 = {stored - 1}"
        )
    photometric, samples = (
        str(dataset.PhotometricInterpretation),
        int(dataset.get("SamplesPerPixel", 1)),
    )
    if photometric in _COLOUR:
        if samples != len("RGB") or stored != allocated or allocated > _COLOUR_BITS:
            raise BrokenFileError(
                f"is colour of {samples} samples and {stored} bits; 3 of 8 or 16 are handled"
            )
    elif photometric not in ("MONOCHROME1", "MONOCHROME2", _PALETTE) or samples != 1:
        raise BrokenFileError(
            f"has PhotometricInterpretation {photometric!r} of {samples} samples; handled are MONOCHROME1, "
            f"MONOCHROME2 and {_PALETTE} of 1, {', '.join(sorted(_COLOUR))} of 3"
        )
    _check_codestream(dataset, rows, columns)


def _check_codestream(dataset: Dataset, rows: int, columns: int) -> None:
    """Refuse an encapsulated stream that is cut, or that is not of the size its header says."""
    from pydicom.encaps import get_frame

    syntax = dataset.file_meta.TransferSyntaxUID
    if not syntax.is_transfer_syntax or syntax.is_private:
        raise BrokenFileError(f"has the transfer syntax {syntax}, which is not handled")
    if not syntax.startswith(_JPEG_FAMILY):
        return
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    size = codestream_size(frame)
    if size is None:
        raise BrokenFileError(f"has no {syntax.name} stream where its pixels should be")
    if size != (columns, rows):
        raise BrokenFileError(
            f"holds a stream of {size[0]} x {size[1]} pixels under a header of {columns} x {rows}"
        )
    if not has_end(frame):
        raise BrokenFileError(f"holds a truncated {syntax.name} stream (no end marker)")


def _pixels(dataset: Dataset) -> NDArray[Any]:
    """Return stored values (H, W), or RGB (H, W, 3)."""
    from pydicom.pixels.utils import pixel_array

    pixels = np.asarray(pixel_array(dataset))
    if dataset.PhotometricInterpretation not in _COLOUR:
        # PS3.5 8.1.1: bits above HighBit are no part of the value (overlays once lay there).
        unused = 8 * pixels.dtype.itemsize - int(dataset.BitsStored)
        if unused:
            pixels = np.right_shift(np.left_shift(pixels, unused), unused)
    return pixels


def _look_up(pixels: NDArray[Any], dataset: Dataset) -> FloatImage:
    """Turn palette indices to grey by their colours (PS3.3 C.7.6.3.1.5, C.7.6.3.1.6)."""
    from pydicom.pixels.processing import apply_color_lut

    colours = np.ascontiguousarray(apply_color_lut(pixels, dataset)[..., :3])
    depth = int(dataset.RedPaletteColorLookupTableDescriptor[2])
    grey = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)
    return np.divide(grey, np.float32(2**depth - 1), dtype=np.float32)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
