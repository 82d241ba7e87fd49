"""What the file of a film says beside its pixels: format, depth, compression, and a few header values.

Ids of a DICOM file leave as digests, never as they are written, and of a patient's name nothing is kept.
"""

from __future__ import annotations

import io
import math
import re
from typing import Any, NamedTuple

import cv2
import numpy as np

from xraylab.imaging.codestreams import (
    JPEG_MAGIC,
    PNG_MAGIC,
    BrokenFileError,
    read_jpeg_header,
    read_png_header,
)
from xraylab.imaging.dicom import digest_id, looks_like_dicom

__all__ = ["FileFacts", "describe_file", "looks_like_name"]

_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}  # by colour type; a palette is colour
_PILLOW_FORMATS = {"TIFF": "tiff", "BMP": "bmp", "WEBP": "webp"}
_EXIF_IFD, _EXPOSURE = 0x8769, (0x829A, 0x829D, 0x920A)  # ExposureTime, FNumber, FocalLength
_LARGEST = 255  # of a table of 8 bits: where quality is low, larger values are cut off there
_COLOUR_LEVELS = 24  # of 255 between two channels: above what JPEG leaves in a grey film
_NAME = re.compile(r"[^\W\d_]{2,}(?:[\^, ]+[^\W\d_]{2,})+|[^\W\d_]+\^.*")

# ITU-T T.81, table K.1: luminance, to which quality 50 of the Independent JPEG Group is equal
_K1 = np.array(
    [
        *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
        *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
        *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
        *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
    ],
    np.float64,
)
_KEYWORDS = {
    "manufacturer": "Manufacturer",
    "view": "ViewPosition",
    "photometric": "PhotometricInterpretation",
}


class FileFacts(NamedTuple):
    """What a file says; numbers are nan and texts empty where it says nothing.

    Attributes
    ----------
    format : str
        ``png``, ``jpeg``, ``tiff``, ``bmp``, ``webp`` or ``dicom``.
    file_bytes, bits, channels : float
        Size of the file, bits of a sample, and samples of a pixel.
    jpeg_quality : float
        1 to 100, as the Independent JPEG Group counts; of JPEG files.
    colour : float
        Share of the pixels, in [0, 1], that are not grey.
    camera : bool
        Whether its EXIF names an aperture, exposure or focal length: it is a photograph.
    manufacturer, view, photometric : str
        Of DICOM: (0008,0070), (0018,5101), (0028,0004).
    kvp : float
        Of DICOM: (0018,0060), kV.
    age : str
        Of DICOM: (0010,1010), such as ``034Y``.
    study, series, instance : str
        Of DICOM: digests of the UIDs (`xraylab.imaging.dicom.digest_id`).
    named : bool
        Whether the patient's id in a DICOM file looks like a name.
    """

    format: str = ""
    file_bytes: float = math.nan
    bits: float = math.nan
    channels: float = math.nan
    jpeg_quality: float = math.nan
    colour: float = 0.0
    camera: bool = False
    manufacturer: str = ""
    view: str = ""
    photometric: str = ""
    kvp: float = math.nan
    age: str = ""
    study: str = ""
    series: str = ""
    instance: str = ""
    named: bool = False


def looks_like_name(written: str) -> bool:
    """Tell whether an id looks like the name of a person: two words of letters, or the carets of DICOM.

    Examples
    --------
    >>> [looks_like_name(each) for each in ("DOE^JANE", "Doe, Jane", "MCUCXR_0001", "patient 12", "A17")]
    [True, True, False, False, False]
    """
    return bool(_NAME.fullmatch(written.strip()))


def describe_file(data: bytes) -> FileFacts:
    """Return what a file that can be read as a film says of itself.

    Parameters
    ----------
    data : bytes
        A whole file, see `xraylab.imaging.read_film` for what can be read.

    Examples
    --------
    >>> from xraylab.imaging import encode_film
    >>> facts = describe_file(encode_film([[0, 0.5, 1]]))
    >>> facts.format, facts.bits, facts.channels, facts.colour
    ('png', 16.0, 1.0, 0.0)
    """
    facts = FileFacts(file_bytes=float(len(data)))
    try:
        if data.startswith(PNG_MAGIC):
            return _describe_png(data, facts)
        if data.startswith(JPEG_MAGIC):
            return _describe_jpeg(data, facts)
        if looks_like_dicom(data):
            return _describe_dicom(data, facts)
        return _describe_by_pillow(data, facts)
    except BrokenFileError:  # the reader says what is wrong with it
        return facts


def _describe_png(data: bytes, facts: FileFacts) -> FileFacts:
    header = read_png_header(data)
    channels = _PNG_CHANNELS.get(header.colour_type, 1)
    return facts._replace(
        format="png",
        bits=float(header.bit_depth),
        channels=float(channels),
        colour=_measure_colour(data) if channels > 2 else 0.0,  # noqa: PLR2004 - more than grey and opacity
        camera=header.exif and _has_exposure(data),
    )


def _describe_jpeg(data: bytes, facts: FileFacts) -> FileFacts:
    header = read_jpeg_header(data)
    return facts._replace(
        format="jpeg",
        bits=float(header.precision),
        channels=float(header.components),
        jpeg_quality=_measure_quality(data),
        colour=_measure_colour(data) if header.components > 1 else 0.0,
        camera=data.find(b"Exif\x00\x00", 0, header.scan_start) >= 0 and _has_exposure(data),
    )


def _describe_by_pillow(data: bytes, facts: FileFacts) -> FileFacts:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            bands, mode = len(image.getbands()), image.mode
            found = _PILLOW_FORMATS.get(str(image.format), "")
    except Exception:  # of many kinds; the reader says what is wrong with the file
        return facts
    bits = 16.0 if mode.startswith("I;16") else 1.0 if mode == "1" else 8.0
    colour = _measure_colour(data) if mode not in ("1", "L", "LA") and bits == 8 else 0.0  # noqa: PLR2004
    return facts._replace(format=found, bits=bits, channels=float(bands), colour=colour)


def _describe_dicom(data: bytes, facts: FileFacts) -> FileFacts:
    from pydicom import dcmread

    uids = {
        "study": "StudyInstanceUID",
        "series": "SeriesInstanceUID",
        "instance": "SOPInstanceUID",
    }
    wanted = [*_KEYWORDS.values(), *uids.values(), "KVP", "PatientAge", "PatientID"]
    wanted += ["BitsStored", "SamplesPerPixel"]
    try:
        header = dcmread(
            io.BytesIO(data), force=True, stop_before_pixels=True, specific_tags=wanted
        )
        said: dict[str, Any] = {name: _text(header, word) for name, word in _KEYWORDS.items()}
        said |= {name: digest_id(header.get(word, "")) for name, word in uids.items()}
        return facts._replace(
            format="dicom",
            bits=_number(header.get("BitsStored")),
            channels=_number(header.get("SamplesPerPixel", 1)),
            kvp=_number(header.get("KVP")),
            age=str(header.get("PatientAge") or "").strip()[:16],
            named=looks_like_name(str(header.get("PatientID") or "")),
            **said,
        )
    except Exception:  # a broken header raises of many kinds; the reader says what is wrong
        return facts._replace(format="dicom")


def _text(header: Any, keyword: str) -> str:
    return " ".join(str(header.get(keyword) or "").split()).upper()[:64]


def _number(written: object) -> float:
    try:
        value = float(str(written))
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _measure_quality(data: bytes) -> float:
    """Return the quality that a JPEG's luminance table stands for, nan where there is none (lossless)."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            tables = getattr(image, "quantization", {})
    except Exception:
        return math.nan
    if 0 not in tables:
        return math.nan
    table = np.asarray(tables[0], np.float64)
    unclipped = table < _LARGEST
    scale = 100 * float(np.mean(table[unclipped] / _K1[unclipped])) if unclipped.any() else 5000.0
    quality = (200 - scale) / 2 if scale <= 100 else 5000 / scale  # noqa: PLR2004 - as the IJG scales
    return float(np.clip(round(quality), 1, 100))


def _measure_colour(data: bytes) -> float:
    """Return the share of pixels that are not grey, of an eighth of the size where the format allows it."""
    small = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_COLOR_8)
    if small is None:
        return 0.0
    spread = np.ptp(np.asarray(small, np.int16), axis=-1)
    return float((spread > _COLOUR_LEVELS).mean())


def _has_exposure(data: bytes) -> bool:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            tags = image.getexif().get_ifd(_EXIF_IFD)
    except Exception:
        return False
    return any(each in tags for each in _EXPOSURE)
