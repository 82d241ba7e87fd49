import io

import cv2
import numpy as np
import pytest
from PIL import Image

from xraylab.imaging import encode_film
from xraylab.imaging.dicom import digest_id
from xraylab.imaging.file_facts import describe_file, looks_like_name

NOISE = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)


def jpeg(image: np.ndarray, quality: int) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def dicom(**values: object) -> bytes:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


@pytest.mark.parametrize("quality", [10, 30, 50, 75, 90, 95, 100])
def test_the_quality_of_a_jpeg_is_the_one_it_was_written_with(quality: int) -> None:
    facts = describe_file(jpeg(NOISE, quality))
    assert (facts.format, facts.channels, facts.bits) == ("jpeg", 1, 8)
    assert facts.jpeg_quality == pytest.approx(quality, abs=1)


@pytest.mark.parametrize(("bits", "expected"), [(8, 8.0), (16, 16.0)])
def test_a_png_says_its_depth(bits: int, expected: float) -> None:
    data = encode_film(NOISE / 255, bits=bits)
    facts = describe_file(data)
    assert (facts.format, facts.bits, facts.file_bytes) == ("png", expected, len(data))
    assert np.isnan(facts.jpeg_quality)


def test_grey_saved_as_colour_is_not_coloured_and_a_red_half_is() -> None:
    grey = np.repeat(NOISE[..., None], 3, axis=2)
    assert describe_file(cv2.imencode(".png", grey)[1].tobytes()).colour == 0
    assert describe_file(jpeg(cv2.resize(grey, (256, 256)), 90)).colour == 0
    red = np.full((256, 256, 3), 90, np.uint8)
    red[:, :128, 2] = 250
    found = describe_file(cv2.imencode(".png", red)[1].tobytes())
    assert found.colour == pytest.approx(0.5, abs=0.05)


def test_a_photograph_names_its_exposure() -> None:
    def save(tags: dict[int, object]) -> bytes:
        file, exif = io.BytesIO(), Image.Exif()
        exif.get_ifd(0x8769).update(tags)
        Image.fromarray(NOISE).save(file, "JPEG", exif=exif)
        return file.getvalue()

    assert describe_file(save({0x829D: 2.8})).camera
    assert not describe_file(save({0x9286: b"a comment"})).camera


def test_other_formats_by_their_name() -> None:
    for name, suffix in (("tiff", ".tif"), ("bmp", ".bmp"), ("webp", ".webp")):
        assert describe_file(cv2.imencode(suffix, NOISE)[1].tobytes()).format == name


def test_a_dicom_file_gives_digests_and_no_id() -> None:
    data = dicom(
        PatientID="DOE^JANE", StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.4", SOPInstanceUID="1.2.5",
        Manufacturer="Acme", KVP="110", ViewPosition="PA", PatientAge="034Y", BitsStored=12, SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME1",
    )  # fmt: skip
    facts = describe_file(data)
    assert facts[:4] == ("dicom", len(data), 12, 1)
    assert (facts.manufacturer, facts.kvp, facts.view, facts.age) == ("ACME", 110, "PA", "034Y")
    assert (facts.study, facts.series, facts.instance) == tuple(
        digest_id(uid) for uid in ("1.2.3", "1.2.4", "1.2.5")
    )
    assert facts.named
    assert not any("JANE" in str(value) or "1.2.3" in str(value) for value in facts)


def test_a_broken_file_says_its_size_and_no_more() -> None:
    facts = describe_file(encode_film(NOISE / 255)[:40])
    assert (facts.format, facts.file_bytes) == ("", 40)


def test_ids_are_no_names() -> None:
    for written in ("12345", "MCUCXR_0001_0", "patient 7", "P-001", "", "hand", "ANONYMOUS"):
        assert not looks_like_name(written)
    for written in ("Miller^Anna", "Anna Miller", "Müller, Anna", "VAN DER BERG^A"):
        assert looks_like_name(written)
