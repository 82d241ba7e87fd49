"""DICOM SEG: it is the mask, it refers to its film, and it holds nothing of the patient."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.uid import RLELossless
from tests.imaging.test_dicom import dataset, encode

from xraylab.imaging import read_radiograph
from xraylab.prediction.dicom_seg import (
    LEFT_LUNG,
    LESION,
    LUNG,
    RIGHT_LUNG,
    Segment,
    encode_segmentation,
)

SHAPE = (60, 44)
STUDY, SERIES, FILM, FRAME = "1.2.826.1.1", "1.2.826.1.2", "1.2.826.1.3", "1.2.826.1.4"
PLANTED = {
    "PatientName": "Quux^Zebedee", "PatientID": "MRN-4711", "PatientBirthDate": "19010203", "PatientSex": "M",
    "PatientAge": "099Y", "PatientComments": "lives at Zebedee Lane", "AccessionNumber": "ACC-4711",
    "StudyID": "STU-4711", "StudyDate": "19991231", "StudyTime": "235958", "StudyDescription": "Zebedee's hand",
    "ReferringPhysicianName": "Doctor^Zebedee", "InstitutionName": "Zebedee Hospital", "Manufacturer": "Zebedee Rays",
    "DeviceSerialNumber": "SER-4711", "StationName": "ZEBEDEE", "OperatorsName": "Zebedee^Op",
    "OtherPatientIDs": "OTHER-4711", "EthnicGroup": "Zebedean", "ProtocolName": "Zebedee protocol",
}  # fmt: skip
"""What a header says of a patient and of a hospital."""


def film(**tags: Any) -> bytes:
    rng = np.random.default_rng(3)
    named = {
        "StudyInstanceUID": STUDY, "SeriesInstanceUID": SERIES, "SOPInstanceUID": FILM, "Modality": "DX",
        **PLANTED, **tags,
    }  # fmt: skip
    return encode(dataset(rng.integers(0, 4096, SHAPE, np.uint16), **named))


def mask(n: int = 1) -> NDArray[np.uint8]:
    values = np.zeros(SHAPE, np.uint8)
    for k in range(1, n + 1):
        values[8:50, 20 * (k - 1) + 2 : 20 * k - 3] = k
    return values


def segment(source: bytes, values: NDArray[np.uint8], *segments: Segment) -> tuple[bytes, Dataset]:
    data = encode_segmentation(source, values, segments, model="lung_segmentation", version="v7")
    return data, dcmread(io.BytesIO(data))


def test_the_mask_comes_back_one_frame_per_segment() -> None:
    _, found = segment(film(), mask(2), RIGHT_LUNG, LEFT_LUNG)
    assert np.array_equal(found.pixel_array, [mask(2) == 1, mask(2) == 2])
    assert [each.SegmentLabel for each in found.SegmentSequence] == ["Right lung", "Left lung"]
    codes = [each.SegmentedPropertyTypeCodeSequence[0] for each in found.SegmentSequence]
    assert [(each.CodeValue, each.CodingSchemeDesignator) for each in codes] == [
        ("3341006", "SCT"),
        ("44029006", "SCT"),
    ]


@pytest.mark.parametrize("each", [LUNG, LESION])
def test_the_mask_comes_back(each: Segment) -> None:
    _, found = segment(film(), mask(), each)
    assert np.array_equal(found.pixel_array, mask())
    assert found.SegmentSequence[0].SegmentLabel == each.label


def test_an_empty_mask_is_a_segmentation_too() -> None:
    _, found = segment(film(), np.zeros(SHAPE, np.uint8), LESION)
    assert found.pixel_array.shape == SHAPE
    assert not found.pixel_array.any()


def test_it_refers_to_its_film_and_has_uids_of_its_own() -> None:
    _, found = segment(film(FrameOfReferenceUID=FRAME), mask(), LUNG)
    series = found.ReferencedSeriesSequence[0]
    assert series.SeriesInstanceUID == SERIES
    assert series.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == FILM
    derivation = found.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0]
    assert derivation.SourceImageSequence[0].ReferencedSOPInstanceUID == FILM
    assert (found.StudyInstanceUID, found.FrameOfReferenceUID) == (STUDY, FRAME)
    assert found.SOPInstanceUID != FILM
    assert found.SeriesInstanceUID != SERIES
    assert (found.Modality, found.Rows, found.Columns) == ("SEG", *SHAPE)
    assert found.LossyImageCompression == "00"


def test_it_says_by_what_it_was_drawn() -> None:
    _, found = segment(film(), mask(), LUNG)
    drawn = found.SegmentSequence[0]
    assert drawn.SegmentAlgorithmType == "AUTOMATIC"
    algorithm = drawn.SegmentationAlgorithmIdentificationSequence[0]
    assert algorithm.AlgorithmName == "xraylab lung_segmentation"
    assert algorithm.AlgorithmVersion.endswith("model v7")
    assert found.ContentDescription == "Research software. Not a medical device."


def test_nothing_of_the_patient_or_the_hospital_is_in_it() -> None:
    source = film()
    data, found = segment(source, mask(), LUNG)
    for keyword, value in PLANTED.items():
        assert value.encode() in source, keyword
        if len(value) > 1:
            assert value.encode() not in data, keyword
    assert not found.PatientSex
    for keyword in (
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "StudyDate",
        "StudyID",
    ):
        assert keyword in found
        assert not found[keyword].value


def test_pixels_lie_where_the_reader_has_them(tmp_path: Path) -> None:
    """Reading turns nothing, and neither does MONOCHROME1: a mask of what is bright comes back at its place."""
    pixels = np.full(SHAPE, 4095, np.uint16)
    pixels[5:20, 30:40] = 0
    made = dataset(
        pixels,
        PhotometricInterpretation="MONOCHROME1",
        StudyInstanceUID=STUDY,
        SeriesInstanceUID=SERIES,
    )
    made.compress(RLELossless)
    path = tmp_path / "film.dcm"
    path.write_bytes(encode(made))
    bright = (read_radiograph(str(path)) > 0.5).astype(np.uint8)
    _, found = segment(path.read_bytes(), bright, LESION)
    assert np.array_equal(found.pixel_array, pixels == 0)


def test_a_film_that_lost_detail_says_so() -> None:
    source = film(
        LossyImageCompression="01",
        LossyImageCompressionRatio="12.5",
        LossyImageCompressionMethod="ISO_10918_1",
    )
    _, found = segment(source, mask(), LUNG)
    assert (found.LossyImageCompression, found.LossyImageCompressionRatio) == ("01", 12.5)


@pytest.mark.parametrize(
    ("source", "values", "segments", "words"),
    [
        (b"\x89PNG" + bytes(200), mask(), (LUNG,), "no DICOM file"),
        (film(StudyInstanceUID=""), mask(), (LUNG,), "without StudyInstanceUID"),
        (film(), mask().T, (LUNG,), r"shape \(44, 60\) for a film of rows and columns \(60, 44\)"),
        (film(), mask(2), (LUNG,), "value 2, for 1 segments"),
        (film(SOPClassUID="1.2.3.4"), mask(), (LUNG,), "SOP class 1.2.3.4"),
    ],
)
def test_what_cannot_be_encoded_is_refused(
    source: bytes, values: NDArray[np.uint8], segments: tuple[Segment, ...], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        segment(source, values, *segments)


def test_without_highdicom_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "highdicom", None)  # type: ignore[arg-type]
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'xraylab\[dicom\]'"):
        segment(film(), mask(), LUNG)
