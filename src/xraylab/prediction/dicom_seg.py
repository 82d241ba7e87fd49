"""A predicted mask as a DICOM Segmentation that refers to its film.

Sections are those of the DICOM standard (NEMA PS3), part / section.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xraylab import __version__
from xraylab.extras import require
from xraylab.imaging.dicom import looks_like_dicom
from xraylab.models.card import NOTICE

if TYPE_CHECKING:
    from highdicom.seg import SegmentDescription
    from pydicom import Dataset

__all__ = [
    "LEFT_LUNG",
    "LESION",
    "LUNG",
    "RIGHT_LUNG",
    "SEGMENTS",
    "Code",
    "Segment",
    "encode_segmentation",
]

_UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_FRAME = "FrameOfReferenceUID"
# PS3.3 C.8.20.2: lossy, if the film ever was
_LOSSY = ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod")
_SIZE = ("Rows", "Columns")
# PS3.3 C.7.1.1 and C.7.2.1: of type 2, so that they are there, and may be empty
_EMPTY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate",
    "StudyTime", "ReferringPhysicianName",
)  # fmt: skip
_SERIES_NUMBER = 1
_MOST_OF_A_NAME = 64  # characters of the value representation LO (PS3.5 6.2)


class Code(NamedTuple):
    """A concept of a coding scheme (PS3.3 8): ``SCT`` is SNOMED CT."""

    value: str
    meaning: str
    scheme: str = "SCT"


@dataclass(frozen=True)
class Segment:
    """What a value of a mask stands for.

    Attributes
    ----------
    label : str
        As a viewer shows it.
    category : Code
        Of CID 7150 (PS3.16), such as an anatomical structure.
    property : Code
        What it is, such as a lung.
    """

    label: str
    category: Code
    property: Code


_STRUCTURE = Code("91723000", "Anatomical Structure")
_ABNORMAL = Code("49755003", "Morphologically Abnormal Structure")
LUNG = Segment("Lung", _STRUCTURE, Code("39607008", "Lung"))
RIGHT_LUNG = Segment("Right lung", _STRUCTURE, Code("3341006", "Right lung"))
LEFT_LUNG = Segment("Left lung", _STRUCTURE, Code("44029006", "Left lung"))
LESION = Segment("Lesion", _ABNORMAL, Code("52988006", "Lesion"))
SEGMENTS = {each.label: each for each in (LUNG, RIGHT_LUNG, LEFT_LUNG, LESION)}
"""What masks of this project stand for, by label."""


def encode_segmentation(
    source: bytes, mask: NDArray[np.uint8], segments: Sequence[Segment], *, model: str, version: str
) -> bytes:
    """Return the DICOM Segmentation of a mask (PS3.3 A.51), one binary frame per segment.

    Of the film's header it holds nothing but what a segmentation needs to refer to its film: the UIDs of the film, its
    SOP class, its series and its study (C.7.2.1, C.12.4; a segmentation is an object of the study of its source),
    where the film has one the frame of reference (C.7.4.1), and whether the film was ever compressed with loss
    (C.8.20.2). UIDs are numbers without a name, but whoever holds the film can tell by them whose it is. The patient's
    name, id, birth date and sex, and the date, number and physician of the study, are of type 2 (C.7.1.1, C.7.2.1):
    they are there and empty, and whoever sends the file to an archive that files by patient fills them in. Nothing else
    of the header is read.

    Parameters
    ----------
    source : bytes
        The DICOM file of the film.
    mask : (H, W) ndarray of uint8
        0 outside; k where a pixel belongs to ``segments[k - 1]``. Rows and columns are those of the film as it is
        stored: reading a film turns nothing.
    segments : sequence of Segment
        What the values stand for.
    model, version : str
        By what the mask was drawn.

    Returns
    -------
    bytes
        A DICOM file with UIDs of its own.

    Raises
    ------
    ModuleNotFoundError
        If highdicom is not installed.
    ValueError
        If the source is no DICOM file, lacks a UID or is of a class unknown to highdicom, or if the mask is not of its
        rows and columns or has a value without a segment.

    References
    ----------
    Bridge C. P. et al. (2022), Highdicom: a Python library for standardized encoding of image annotations and machine
    learning model outputs in pathology and radiology, *Journal of Digital Imaging* 35, 1719-1737.

    Examples
    --------
    >>> from pydicom import dcmread, examples
    >>> source = examples.get_path("ct").read_bytes()
    >>> mask = np.zeros((128, 128), np.uint8)
    >>> mask[40:80, 40:80] = 1
    >>> found = dcmread(io.BytesIO(encode_segmentation(source, mask, [LESION], model="lesions", version="1")))
    >>> found.SegmentSequence[0].SegmentLabel, int(found.pixel_array.sum()), found.PatientName
    ('Lesion', 1600, '')
    """
    film = _read_references(source)
    _check_mask(mask, segments, (film.Rows, film.Columns))
    highdicom = require("highdicom")
    try:
        made = highdicom.seg.Segmentation(
            source_images=[film],
            pixel_array=mask,
            segmentation_type="BINARY",
            segment_descriptions=[
                _describe(number, each, model, version) for number, each in enumerate(segments, 1)
            ],
            series_instance_uid=highdicom.UID(),
            series_number=_SERIES_NUMBER,
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer="xraylab",
            manufacturer_model_name=model[:_MOST_OF_A_NAME],
            software_versions=__version__,
            device_serial_number=version[:_MOST_OF_A_NAME],
            content_label="SEGMENTATION",
            content_description=NOTICE,
            series_description=NOTICE,
            omit_empty_frames=False,
        )
    except KeyError as error:
        raise ValueError(
            f"is of the SOP class {film.SOPClassUID}, of which highdicom makes no segmentation"
        ) from error
    stream = io.BytesIO()
    made.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _read_references(source: bytes) -> Dataset:
    """Return by what a segmentation refers to its film; nothing else of the header is read."""
    from pydicom import Dataset, dcmread

    if not looks_like_dicom(source):
        raise ValueError("is no DICOM file, so that no segmentation can refer to it")
    tags: list[Any] = [*_UIDS, _FRAME, *_SIZE, *_LOSSY]
    header = dcmread(io.BytesIO(source), stop_before_pixels=True, force=True, specific_tags=tags)
    film = Dataset()
    for keyword in (*_UIDS, *_SIZE):
        if header.get(keyword) in (None, ""):
            raise ValueError(f"is a DICOM file without {keyword}, which a segmentation refers to")
        setattr(film, keyword, header[keyword].value)
    for keyword in (_FRAME, *_LOSSY):
        if header.get(keyword):
            setattr(film, keyword, header[keyword].value)
    for keyword in _EMPTY:
        setattr(film, keyword, "")
    return film


def _check_mask(
    mask: NDArray[np.uint8], segments: Sequence[Segment], shape: tuple[int, int]
) -> None:
    if mask.shape != shape:
        raise ValueError(f"a mask of shape {mask.shape} for a film of rows and columns {shape}")
    if not segments or mask.max() > len(segments):
        raise ValueError(f"a mask has the value {mask.max()}, for {len(segments)} segments")


def _describe(number: int, segment: Segment, model: str, version: str) -> SegmentDescription:
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import SegmentDescription
    from pydicom.sr.codedict import codes
    from pydicom.sr.coding import Code as Coded

    algorithm = AlgorithmIdentificationSequence(
        name=f"xraylab {model}"[:_MOST_OF_A_NAME],
        version=f"{__version__}, model {version}"[:_MOST_OF_A_NAME],
        family=codes.DCM.ArtificialIntelligence,
        source="xraylab",
    )
    category, kind = (
        Coded(each.value, each.scheme, each.meaning)
        for each in (segment.category, segment.property)
    )
    return SegmentDescription(
        segment_number=number,
        segment_label=segment.label,
        segmented_property_category=category,
        segmented_property_type=kind,
        algorithm_type="AUTOMATIC",
        algorithm_identification=algorithm,
    )
