import io
import pickle
import struct
import zlib
from pathlib import Path

import cv2
import fsspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageOps

from xraylab.imaging import (
    UnreadableRadiograph,
    encode_film,
    read_film,
    read_radiograph,
    write_radiograph,
)

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
real = pytest.mark.skipif(
    not SHARED.is_dir(), reason="no real films beside the checkout (shared/data)"
)


def save(folder: Path, data: bytes, name: str = "film.png") -> str:
    path = folder / name
    path.write_bytes(data)
    return str(path)


def pil(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


GREY = np.array([[0, 51], [102, 255]], np.uint8)
RGB = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)
BT601 = np.array([[0.299, 0.587], [0.114, 1.0]])


@pytest.mark.parametrize(
    ("data", "expected", "tolerance"),
    [
        (pil(Image.fromarray(GREY)), GREY / 255, 0),
        (pil(Image.fromarray(GREY.astype(np.uint16) * 257)), GREY / 255, 1e-7),
        (
            pil(Image.fromarray(np.array([[0, 1], [4095, 65535]], np.uint16))),
            np.array([[0, 1], [4095, 65535]]) / 65535,
            1e-7,
        ),
        (pil(Image.fromarray(RGB)), BT601, 0.003),
        (pil(Image.fromarray(RGB).convert("RGBA")), BT601, 0.003),
        (pil(Image.fromarray(RGB).quantize(4)), BT601, 0.003),
        (pil(Image.fromarray(GREY).convert("LA")), GREY / 255, 0),
        (pil(Image.fromarray(GREY > 100)), np.array([[0.0, 0.0], [1.0, 1.0]]), 0),
    ],
    ids=[
        "8 bit",
        "16 bit",
        "16 bit by its depth, not its maximum",
        "RGB",
        "RGBA",
        "palette",
        "grey + alpha",
        "1 bit",
    ],
)
def test_png_kinds(tmp_path: Path, data: bytes, expected: np.ndarray, tolerance: float) -> None:
    film = read_radiograph(save(tmp_path, data))
    assert film.dtype == np.float32
    assert film.flags.c_contiguous
    assert np.allclose(film, expected.astype(np.float32), atol=tolerance, rtol=0)


def test_a_transparent_pixel_is_seen_on_black(tmp_path: Path) -> None:
    image = np.dstack([np.full((1, 2, 3), 200, np.uint8), np.array([[255, 0]], np.uint8)])
    film = read_radiograph(save(tmp_path, pil(Image.fromarray(image, "RGBA"))))
    assert np.allclose(film, [[200 / 255, 0]], atol=0.003)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg_is_read_by_content_not_by_name(tmp_path: Path, mode: str) -> None:
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
    data = pil(Image.fromarray(ramp).convert(mode), "JPEG", quality=95)
    film = read_radiograph(save(tmp_path, data, "film.png"))
    assert np.abs(film - ramp / 255).max() < 0.03


def test_bytes_after_the_end_do_no_harm(tmp_path: Path) -> None:
    for data in (
        pil(Image.fromarray(GREY)),
        pil(Image.fromarray(np.full((16, 16), 90, np.uint8)), "JPEG"),
    ):
        film = read_radiograph(save(tmp_path, data))
        assert np.array_equal(film, read_radiograph(save(tmp_path, data + b"scanner notes")))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "RGBA", "TIFF", "WEBP"])
def test_an_exif_orientation_is_applied(tmp_path: Path, kind: str, orientation: int) -> None:
    blocks = np.kron(
        np.array([[0, 40, 80], [120, 160, 255]], np.uint8), np.ones((16, 16), np.uint8)
    )
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(blocks)
    if kind == "RGBA":
        image = image.convert("RGBA")
    options: dict[str, object] = {"lossless": True} if kind == "WEBP" else {"quality": 98}
    data = pil(
        image, "PNG" if kind == "RGBA" else kind, exif=exif, **(options if kind != "TIFF" else {})
    )
    with Image.open(io.BytesIO(data)) as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored).convert("L"))
    film = read_radiograph(save(tmp_path, data))
    assert film.shape == expected.shape == ((32, 48) if orientation < 5 else (48, 32))
    assert np.abs(film - expected / 255).max() < 0.02


@pytest.mark.parametrize(
    ("data", "top"),
    [
        (pil(Image.fromarray(GREY), "TIFF"), 255),
        (pil(Image.fromarray(GREY), "TIFF", compression="tiff_lzw"), 255),
        (pil(Image.fromarray(GREY), "BMP"), 255),
        (pil(Image.fromarray(GREY).convert("RGB"), "BMP"), 255),
        (pil(Image.fromarray(GREY), "WEBP", lossless=True), 255),
        (pil(Image.fromarray(GREY.astype(np.uint16) * 257), "TIFF"), 255),
        (pil(Image.fromarray(GREY), "TIFF", tiffinfo={262: 0}), 255),  # Pillow inverts as it writes
        (pil(Image.fromarray(65535 - GREY.astype(np.uint16) * 257), "TIFF", tiffinfo={262: 0}), 255),
    ],
    ids=["tiff", "lzw", "bmp", "colour bmp", "webp", "16-bit tiff", "white is zero", "16 bits, white is zero"],
)  # fmt: skip
def test_tiff_bmp_and_webp(tmp_path: Path, data: bytes, top: int) -> None:
    film = read_radiograph(save(tmp_path, data, "film"))
    assert np.allclose(film, GREY / top, atol=1e-6)


@pytest.mark.parametrize(
    ("top", "scaled_by"), [(4095, "bits_12"), (1000, "bits_10"), (9000, "depth"), (65535, "depth")]
)
def test_a_16_bit_png_of_fewer_bits_is_scaled_by_those(
    tmp_path: Path, top: int, scaled_by: str
) -> None:
    values = np.array([[0, top // 2, top]], np.uint16)
    path = save(tmp_path, pil(Image.fromarray(values)))
    film = read_film(path)
    assert film.scaled_by == scaled_by
    divisor = {"bits_12": 4095, "bits_10": 1023, "depth": 65535}[scaled_by]
    assert np.allclose(film.pixels, values / divisor, atol=1e-6)
    assert np.allclose(read_film(path, apply_voi="never").pixels, values / 65535, atol=1e-6)


def test_a_sliver_of_the_range_is_spread_and_a_film_of_our_own_is_not(tmp_path: Path) -> None:
    values = np.linspace(100, 109, 400).round().reshape(20, 20).astype(np.uint8)
    film = read_film(save(tmp_path, pil(Image.fromarray(values))))
    assert film.scaled_by == "percentiles"
    assert np.allclose(film.pixels, (values - 100.0) / 9)
    constant = read_film(save(tmp_path, pil(Image.fromarray(np.full((4, 4), 7, np.uint8)))))
    assert constant.scaled_by == "depth"
    assert np.allclose(constant.pixels, 7 / 255)
    for bits in (8, 16):
        write_radiograph(str(tmp_path / "own.png"), values / 255 / 10, bits=bits)
        own = read_film(str(tmp_path / "own.png"))
        assert own.scaled_by == "depth"
        assert np.abs(own.pixels - values / 255 / 10).max() <= 0.51 / (2**bits - 1)


def bomb() -> bytes:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(1_000_000), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def animated() -> bytes:
    frames = [Image.fromarray(np.full((4, 4), v, np.uint8)) for v in (10, 200)]
    return pil(frames[0], "PNG", save_all=True, append_images=frames[1:])


def pages() -> bytes:
    frames = [Image.fromarray(np.full((4, 4), v, np.uint8)) for v in (10, 200)]
    return pil(frames[0], "TIFF", save_all=True, append_images=frames[1:])


NOISE = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"this is a letter\n", "is not a PNG, JPEG, TIFF, BMP, WebP or DICOM file"),
        (b"<!doctype html>", "HTML"),
        (bomb(), "60000 x 60000 pixels, more than max_pixels"),
        (animated(), "2 frames"),
        (pil(Image.fromarray(NOISE))[:-30], "truncated"),
        (pil(Image.fromarray(NOISE))[:20], "truncated"),
        (pil(Image.fromarray(NOISE), "JPEG")[:-200], "truncated|broken"),
        (pil(Image.fromarray(NOISE), "GIF"), "GIF"),
        (pil(Image.fromarray(NOISE), "TIFF")[:-600], "does not decode|truncated"),
        (pil(Image.fromarray(NOISE), "BMP")[:-600], "does not decode"),
        (pil(Image.fromarray(NOISE), "WEBP", lossless=True)[:-600], "does not decode|is none"),
        (pages(), "2 pages"),
        (pil(Image.fromarray(NOISE.astype(np.float32)), "TIFF"), "pixel kind 'F'"),
        (b"II*\x00 and no more", "is none"),
    ],
    ids=[
        "empty",
        "text",
        "html",
        "bomb",
        "animated",
        "cut png",
        "cut header",
        "cut jpeg",
        "gif",
        "cut tiff",
        "cut bmp",
        "cut webp",
        "pages",
        "float tiff",
        "no tiff",
    ],
)
def test_bad_files_are_refused_with_path_and_reason(
    tmp_path: Path, data: bytes, reason: str
) -> None:
    path = save(tmp_path, data)
    with pytest.raises(UnreadableRadiograph, match=reason) as error:
        read_radiograph(path)
    assert error.value.path == path
    assert path in str(error.value)


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.png").mkdir()
    for name in ("x.png", "nobody.png"):
        with pytest.raises(UnreadableRadiograph):
            read_radiograph(str(tmp_path / name))


def test_the_bomb_is_refused_without_being_held(tmp_path: Path) -> None:
    import tracemalloc

    path = save(tmp_path, bomb())
    tracemalloc.start()
    with pytest.raises(UnreadableRadiograph):
        read_radiograph(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_the_error_crosses_processes() -> None:
    error = UnreadableRadiograph("a/b.png", "is empty (0 bytes)")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made one line above
    assert (again.path, again.reason, str(again)) == (error.path, error.reason, str(error))


@given(data=st.binary(max_size=300))
def test_byte_soup_raises_that_error_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = save(tmp_path_factory.mktemp("soup"), data)
    with pytest.raises(UnreadableRadiograph):
        read_radiograph(path)


@given(cut=st.integers(1, 2000), kind=st.sampled_from(["PNG", "JPEG"]), head=st.booleans())
def test_no_part_of_a_film_passes_as_a_film(
    tmp_path_factory: pytest.TempPathFactory, cut: int, kind: str, head: bool
) -> None:
    data = pil(Image.fromarray(NOISE), kind)
    kept = data[: len(data) - min(cut, len(data))] if head else data[min(cut, len(data)) :]
    path = save(tmp_path_factory.mktemp("cut"), kept)
    with pytest.raises(UnreadableRadiograph):
        read_radiograph(path)


@given(
    image=hnp.arrays(np.uint16, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))
)
def test_16_bit_films_round_trip_exactly(image: np.ndarray) -> None:
    film = image.astype(np.float64) / 65535
    write_radiograph("memory:///round/trip.png", film, bits=16)
    read = read_radiograph("memory:///round/trip.png")
    assert np.array_equal(np.rint(read.astype(np.float64) * 65535).astype(np.uint16), image)


def test_writing_is_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "film.png"
    write_radiograph(str(path), np.array([[0.0, 0.5]]), bits=8)
    assert [p.name for p in path.parent.iterdir()] == ["film.png"]
    assert np.allclose(read_radiograph(str(path)), [[0, 128 / 255]])
    for bad, rule in ((np.array([[1.5]]), r"\[0, 1\]"), (np.zeros(3), "two-dimensional|2-D|H, W")):
        with pytest.raises(ValueError, match=rule):
            write_radiograph(str(path), bad)
    assert read_radiograph(str(path)).shape == (1, 2)
    assert encode_film(np.zeros((2, 2)), bits=8).startswith(b"\x89PNG")


def test_any_fsspec_path(tmp_path: Path) -> None:
    with fsspec.open("memory:///bucket/film.png", "wb") as file:
        file.write(pil(Image.fromarray(GREY)))
    assert np.array_equal(read_radiograph("memory:///bucket/film.png"), np.float32(GREY / 255))
    local = save(tmp_path, pil(Image.fromarray(GREY)))
    assert np.array_equal(read_radiograph(f"file://{local}"), np.float32(GREY / 255))
    with pytest.raises(UnreadableRadiograph):
        read_radiograph("memory:///bucket/nobody.png")


@real
@pytest.mark.real_films
def test_every_real_film_reads_as_opencv_reads_it() -> None:
    paths = sorted((SHARED / "nih_chest_xray14/images").glob("*.png"))
    assert len(paths) == 96
    for path in paths:
        film = read_radiograph(str(path))
        assert film.dtype == np.float32
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert film.shape == grey.shape
        assert np.abs(film - grey / np.float32(255)).max() <= 1.01 / 255


@real
@pytest.mark.real_films
def test_truncated_real_films_are_found_and_whole_ones_pass() -> None:
    """Pillow tells the truncated JPEGs of the public fracture set; the reader agrees on every file."""
    paths = [
        p
        for p in sorted((SHARED / "fracture_multi_region").rglob("*"))
        if p.suffix.lower() in {".jpg", ".jpeg", ".png"} and p.is_file()
    ]
    assert len(paths) > 1000
    broken, refused = set(), set()
    for path in paths:
        try:
            Image.open(path).convert("L").load()
        except (OSError, SyntaxError):
            broken.add(path.name)
        try:
            read_radiograph(str(path))
        except UnreadableRadiograph:
            refused.add(path.name)
    assert broken
    assert broken <= refused
    assert len(refused - broken) <= 2, refused - broken
