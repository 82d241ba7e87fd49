"""Masks: what is drawn, in every way in which people draw."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.imaging.test_dicom import dataset, encode

from xraylab.imaging import UnreadableRadiograph
from xraylab.imaging.array_cache import CachePlan, read_cache, write_cache
from xraylab.imaging.masks import MaskFile, find_foreground, read_mask
from xraylab.imaging.preprocess import PreprocessParams

# Two lungs on 24 x 24 pixels, the right one on the image's left.
SIDES = np.zeros((24, 24), np.uint8)
SIDES[4:20, 3:10] = 1
SIDES[4:20, 14:21] = 2
LUNGS = (SIDES > 0).astype(np.uint8)


def coloured(colour: tuple[int, ...]) -> np.ndarray:
    return LUNGS[..., None] * np.array(colour, np.uint8)


def on_transparent(colour: tuple[int, int, int]) -> np.ndarray:
    return np.dstack([coloured(colour), LUNGS * 255])


def palette(colours: list[int]) -> Image.Image:
    image = Image.fromarray(SIDES, "P")
    image.putpalette(colours)
    return image


def rimmed() -> np.ndarray:
    """Lungs of 255 with a rim of grey values: 127 is outside, 128 inside."""
    image = LUNGS * 255
    image[3, 3:10] = 127
    image[4, 3:10] = 128
    image[4:20, 2] = np.arange(16) * 7  # up to 105
    return image


IMAGES: dict[str, Image.Image] = {
    "0 and 255": Image.fromarray(LUNGS * 255),
    "0 and 1": Image.fromarray(LUNGS),
    "one bit": Image.fromarray(LUNGS > 0),
    "labels 1 and 2": Image.fromarray(SIDES),
    "labels 100 and 200": Image.fromarray(SIDES * 100),
    "16 bits, 0 and 1": Image.fromarray(LUNGS.astype(np.uint16)),
    "16 bits, 0 and 65535": Image.fromarray(LUNGS.astype(np.uint16) * 65535),
    "palette, red and green": palette([0, 0, 0, 255, 0, 0, 0, 255, 0]),
    "palette, dark blue": palette([0, 0, 0, 0, 0, 40, 0, 0, 90]),
    "red on black": Image.fromarray(coloured((255, 0, 0))),
    "dark blue on black": Image.fromarray(coloured((0, 0, 60))),
    "opaque RGBA": Image.fromarray(np.dstack([coloured((0, 200, 0)), np.full_like(LUNGS, 255)])),
    "white on transparent": Image.fromarray(on_transparent((255, 255, 255))),
    "red on transparent": Image.fromarray(on_transparent((200, 0, 0))),
    "black on transparent": Image.fromarray(on_transparent((0, 0, 0))),
    "grey at the rim": Image.fromarray(rimmed()),
    "16 bits, grey at the rim": Image.fromarray(rimmed().astype(np.uint16) * 257),
}


def save(path: Path, image: Image.Image, kind: str = "PNG", **options: object) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    path.write_bytes(buffer.getvalue())
    return str(path)


@pytest.mark.parametrize("kind", IMAGES)
def test_what_is_drawn_is_found(tmp_path: Path, kind: str) -> None:
    path = save(tmp_path / "mask.png", IMAGES[kind])
    mask = read_mask(path)
    assert mask.dtype == np.float32
    assert np.array_equal(mask, LUNGS)
    assert np.array_equal(MaskFile(path)(), LUNGS)


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "WEBP"])
@pytest.mark.parametrize("name", ["0 and 255", "red on black", "labels 1 and 2"])
def test_other_formats(tmp_path: Path, kind: str, name: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    image = IMAGES[name]
    if kind == "WEBP" and name == "labels 1 and 2":
        image = image.convert("RGB")
    assert np.array_equal(read_mask(save(tmp_path / "mask", image, kind, **options)), LUNGS)


def test_jpeg_and_dicom(tmp_path: Path) -> None:
    big = np.kron(LUNGS, np.ones((16, 16), np.uint8))
    path = save(tmp_path / "mask.jpg", Image.fromarray(big * 255), "JPEG", quality=80)
    assert np.abs(read_mask(path) - big).mean() < 0.01
    for values in (LUNGS, SIDES, LUNGS * 255):
        (tmp_path / "mask.dcm").write_bytes(encode(dataset(values, 8)))
        assert np.array_equal(read_mask(tmp_path / "mask.dcm"), LUNGS)
        # the preamble may be the head of a TIFF (PS3.10 7.1)
        (tmp_path / "mask.dcm").write_bytes(b"II*\x00" + encode(dataset(values, 8))[4:])
        assert np.array_equal(read_mask(tmp_path / "mask.dcm"), LUNGS)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (255 - 255 * (np.arange(400).reshape(20, 20) < 30).astype(np.uint8), "92 % is foreground"),
        (255 - np.pad(LUNGS, 8) * 255, "inverted mask"),
        (np.full((8, 8), 255, np.uint8), "100 % is foreground"),
        (np.arange(64, dtype=np.uint8).reshape(8, 8), "63 grey values, none above the threshold 127"),
    ],
    ids=["nearly all", "the whole border", "everything", "too dark"],
)  # fmt: skip
def test_what_cannot_be_a_mask_is_refused(tmp_path: Path, image: np.ndarray, words: str) -> None:
    path = save(tmp_path / "mask.png", Image.fromarray(image))
    with pytest.raises(UnreadableRadiograph, match=words) as error:
        read_mask(path)
    assert error.value.path == path


def test_an_empty_mask_is_empty(tmp_path: Path) -> None:
    assert not read_mask(save(tmp_path / "mask.png", Image.fromarray(LUNGS * 0))).any()
    clear = np.zeros((6, 6, 4), np.uint8)
    assert not read_mask(save(tmp_path / "clear.png", Image.fromarray(clear))).any()


def test_a_mask_is_turned_as_its_film_is(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / "mask.png", Image.fromarray(SIDES[:, :20]), exif=exif)
    assert np.array_equal(read_mask(path), np.rot90(LUNGS[:, :20], -1))


@given(
    bits=st.integers(0, 2**16 - 1),
    values=st.tuples(st.integers(1, 255), st.sampled_from([np.uint8, np.uint16])),
)
def test_any_two_values_show_the_same_shape(bits: int, values: tuple[int, type]) -> None:
    shape = np.array([bits >> i & 1 for i in range(16)], np.uint8).reshape(4, 4)
    shape = np.pad(shape, 2)
    value, kind = values
    assert np.array_equal(find_foreground(shape.astype(kind) * kind(value)), shape > 0)


PARAMS = PreprocessParams(size_px=16, equalise="none")


def plan(masks: dict[str, np.ndarray], **options: object) -> CachePlan:
    film = np.linspace(0, 1, 24 * 24, dtype=np.float32).reshape(24, 24)
    films = {name: (lambda i=i: np.roll(film, i)) for i, name in enumerate(masks)}
    lazy = {name: [lambda mask=mask: mask.astype(np.float32)] for name, mask in masks.items()}
    return CachePlan(films, lazy, preprocess=PARAMS, workers=1, **options)


def test_a_set_of_empty_masks_stops_and_a_few_are_told_apart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    masks = {"a": LUNGS, "b": LUNGS, "c": LUNGS * 0}
    folder = str(tmp_path / "arrays")
    write_cache(plan(masks, empty_masks="keep"), folder)
    assert read_cache(folder).index["image_id"].tolist() == ["a", "b", "c"]
    write_cache(plan(masks, empty_masks="reject", max_rejected_fraction=0.5), folder)
    cache = read_cache(folder)
    assert cache.rejected.to_numpy().tolist() == [["c", "its mask is empty"]]
    mostly = {"a": LUNGS, "b": LUNGS * 0, "c": LUNGS * 0}
    for rule in ("keep", "reject"):
        with pytest.raises(ValueError, match="2 of 3 masks are empty, such as that of 'b'"):
            write_cache(plan(mostly, empty_masks=rule, max_rejected_fraction=1), folder)
    write_cache(plan(mostly), folder)


def test_a_bad_mask_is_named(tmp_path: Path) -> None:
    path = save(tmp_path / "x_mask.png", Image.fromarray(255 - np.pad(LUNGS, 8) * 255))
    given = plan({"a": LUNGS, "b": LUNGS})
    given.masks["b"][:] = [MaskFile(path)]
    with pytest.raises(ValueError, match=r"'b' \(its mask 'x_mask.png' is a mask of which"):
        write_cache(given, str(tmp_path / "arrays"))
