from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from tests.pipelines.audit.films import PARAMS, draw, record, scan, write

from xraylab.imaging.array_cache import hold_arrays
from xraylab.pipelines.audit.files import check_files, find_inverted
from xraylab.pipelines.audit.findings import list_affected
from xraylab.pipelines.audit.recognise import recognise_films

PNG = cv2.imencode(".png", draw(0))[1].tobytes()
JPEG = cv2.imencode(".jpg", draw(0))[1].tobytes()


def affected(findings: pd.DataFrame) -> dict[str, list[str]]:
    table = list_affected(findings)
    return {name: rows["image_id"].tolist() for name, rows in table.groupby("finding")}


def test_every_kind_of_broken_file_has_its_name(tmp_path: Path) -> None:
    frames = (
        PNG[:33]
        + b"\x00\x00\x00\x08acTL\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00"
        + PNG[33:]
    )
    bad = {
        "empty.png": b"",
        "cut.png": PNG[: len(PNG) // 2],
        "cut.jpg": JPEG[: len(JPEG) // 2],
        "moves.png": frames,
        "a.gif": b"GIF89a" + bytes(40),
        "text.png": b"no film at all, only a sentence",
    }
    write(tmp_path / "a", {**bad, **{f"{k}.png": draw(k) for k in range(3)}})
    arrays = scan(tmp_path / "a")
    records, _ = recognise_films(arrays, {}, None, PARAMS)
    findings = check_files(records, arrays, PARAMS)
    assert affected(findings) == {
        "empty": ["empty.png"],
        "truncated": ["cut.jpg", "cut.png"],
        "animated": ["moves.png"],
        "not_a_film": ["a.gif", "text.png"],
    }
    row = findings.set_index("finding").loc["truncated"]
    assert (row["n"], row["total"], row["severity"]) == (2, 9, "warning")
    assert row["title"] == "2 files are cut off."


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("is empty (0 bytes)", "empty"),
        ("has 3 frames (animated PNG); a film has one", "animated"),
        ("has 2 frames (multi-frame DICOM); a film has one", "several_frames"),
        (
            "is a DICOM file without Pixel Data (7FE0,0010) (RT Plan Storage), or cut before it",
            "without_pixels",
        ),
        (
            "holds a truncated JPEG-LS Lossless Image Compression stream (no end marker)",
            "truncated",
        ),
        ("is a truncated JPEG (ends after 20 bytes without EOI)", "truncated"),
        ("is a GIF image, not a PNG, JPEG, TIFF, BMP, WebP or DICOM file", "not_a_film"),
        ("is a DICOMDIR, an index of files without pixels", "not_a_film"),
        ("has 20000 x 20000 pixels, more than max_pixels (100,000,000)", "too_large"),
        ("has BitsAllocated 1 and BitsStored 1; 8, 16 or 32 are handled", "unreadable"),
        ("may not be read (permission denied)", "unreadable"),
    ],
)
def test_the_reason_of_the_reader_names_the_kind(reason: str, kind: str) -> None:
    records = record(2, status=["ok", "unreadable"], row=[0, -1], reason=["", reason])
    films = np.zeros((1, 32, 32), np.uint8)
    arrays = hold_arrays(films, films, records["image_id"][:1], {"size_px": 32})
    assert affected(check_files(records, arrays, PARAMS)) == {kind: ["001.png"]}


def test_blank_coloured_and_small_images_are_named(tmp_path: Path) -> None:
    colour = np.dstack([draw(50), draw(51), draw(52)])
    odd = {
        "blank.png": np.full((160, 160), 90, np.uint8),
        "cat.png": colour,
        "icon.png": draw(60, 24),
    }
    write(tmp_path / "a", {**odd, **{f"{k}.png": draw(k) for k in range(12)}})
    arrays = scan(tmp_path / "a")
    records, _ = recognise_films(arrays, {}, None, PARAMS)
    assert affected(check_files(records, arrays, PARAMS)) == {
        "blank": ["blank.png"],
        "photographs": ["cat.png"],
        "outlying_size": ["icon.png"],
    }


def test_a_depth_that_no_other_film_has_is_said() -> None:
    records = record(20, bits=[16.0] + [8.0] * 19)
    films = np.zeros((20, 32, 32), np.uint8)
    arrays = hold_arrays(films, films, records["image_id"], {"size_px": 32})
    findings = check_files(records, arrays, PARAMS)
    assert affected(findings) == {"outlying_bits": ["000.png"]}
    assert (
        findings["title"][0]
        == "1 file has another bits per sample than 8, which nearly all films have."
    )


@pytest.mark.parametrize("flipped", [[], [3], [1, 5, 9, 14]])
def test_inverted_films_among_films_that_lie_alike(flipped: list[int]) -> None:
    rng = np.random.default_rng(0)
    body = cv2.GaussianBlur(draw(1, 64), (0, 0), 4).astype(float)
    films = np.stack([body + rng.normal(0, 12, body.shape) for _ in range(16)]).clip(0, 255)
    films = films.astype(np.uint8)
    films[flipped] = 255 - films[flipped]
    records = record(16)
    arrays = hold_arrays(films, films, records["image_id"], {"size_px": 64})
    found = find_inverted(records, arrays, 0.3)
    assert found.tolist() == [f"{k:03}.png" for k in flipped]


def test_a_film_of_something_else_is_not_called_inverted() -> None:
    y, x = np.mgrid[:64, :64] - 32
    rng = np.random.default_rng(0)
    disc = np.where(np.hypot(x, y) < 20, 180, 40)
    films = np.stack([disc + rng.normal(0, 12, disc.shape) for _ in range(16)])
    films[7] = np.where(np.abs(x) > 20, 180, 40)  # two bones beside the middle
    films = films.clip(0, 255).astype(np.uint8)
    films[3] = 255 - films[3]
    records = record(16)
    arrays = hold_arrays(films, films, records["image_id"], {"size_px": 64})
    assert find_inverted(records, arrays, 0.3).tolist() == ["003.png"]


def test_films_that_lie_in_many_ways_are_never_called_inverted() -> None:
    films = np.stack([draw(k, 64) for k in range(30)])
    records = record(30)
    arrays = hold_arrays(films, films, records["image_id"], {"size_px": 64})
    assert len(find_inverted(records, arrays, 0.3)) == 0
