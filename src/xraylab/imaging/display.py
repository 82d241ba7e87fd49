"""DICOM's stored values as a viewer shows them: modality, VOI and presentation, in this order, to [0, 1].

Sections are those of the DICOM standard (NEMA PS3), part / section.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xraylab.imaging.codestreams import BrokenFileError
from xraylab.imaging.scaling import ApplyVoi, effective_bits, fill_range, is_sliver

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["show_grey"]

FloatImage = NDArray[np.float32]

_SIGN = 32768  # a word from which on is negative where words are signed
_WORDS = 65536
_DEPTHS = range(8, 17)  # bits of an entry (PS3.3 C.11.1.1, C.11.2.1.1)
_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


class _Lut(NamedTuple):
    """A lookup table: entry i is the output of the input ``first + i``; `top` is the largest output."""

    first: int
    entries: NDArray[np.float32]
    top: int

    def apply(self, values: NDArray[Any]) -> FloatImage:
        """Return the outputs in [0, 1]; inputs beyond an end of the table take the entry there."""
        places = np.clip(np.rint(values).astype(np.int64) - self.first, 0, len(self.entries) - 1)
        return np.asarray(self.entries[places] / np.float32(self.top), np.float32)

    def look_up(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return the outputs as the table has them."""
        return np.asarray(self.apply(values) * np.float32(self.top), np.float32)


class _Window(NamedTuple):
    centre: float
    width: float
    function: str


def show_grey(
    pixels: NDArray[Any], dataset: Dataset, apply_voi: ApplyVoi
) -> tuple[FloatImage, str]:
    r"""Return a monochrome film as a viewer shows it, and by what it was scaled.

    The modality LUT or rescale comes first (PS3.3 C.11.1), then the VOI LUT or the first window (C.11.2), then the
    inversion of MONOCHROME1 or of the presentation LUT shape INVERSE (C.7.6.3.1.2, C.11.6.1.2: both speak of the same
    inversion, so that it is done once). Padding is background, black, and takes no part in any scaling (C.7.5.1.1.2).

    Parameters
    ----------
    pixels : (H, W) ndarray of int
        Stored values.
    dataset : pydicom.Dataset
        The header.
    apply_voi : {"auto", "always", "never"}
        See `xraylab.imaging.read_film`.

    Returns
    -------
    film : (H, W) ndarray of float32
        In [0, 1], bone bright.
    scaled_by : str
        ``voi_lut, window, modality_lut, depth`` (bits stored), ``bits_<n>`` (of fewer bits than stored) or
        ``percentiles``.

    Raises
    ------
    BrokenFileError
        If a table or window breaks the standard in a way that leaves its meaning open, or `always` finds none.

    Examples
    --------
    >>> from pydicom import Dataset
    >>> header = Dataset()
    >>> header.PixelRepresentation, header.BitsAllocated, header.BitsStored = 0, 8, 8
    >>> header.PhotometricInterpretation = "MONOCHROME1"  # bone is dark in the file
    >>> film, scaled_by = show_grey(np.array([[0, 255]], np.uint8), header, "auto")
    >>> film.tolist(), scaled_by
    ([[1.0, 0.0]], 'depth')
    """
    padding = _find_padding(pixels, dataset)
    table = _read_lut(dataset, "ModalityLUTSequence", signed=bool(dataset.PixelRepresentation))
    slope, intercept = _rescale(dataset)
    voi = None if apply_voi == "never" else _find_voi(dataset, pixels, table, slope, intercept)
    if voi is None and apply_voi == "always":
        raise BrokenFileError("has no VOI LUT and no window, which apply_voi 'always' asks for")
    if voi is not None:
        values: NDArray[Any] = (
            pixels.astype(np.float64) * slope + intercept
            if table is None
            else table.look_up(pixels)
        )
        film, scaled_by = (
            (voi.apply(values), "voi_lut")
            if isinstance(voi, _Lut)
            else (_apply_window(values, voi), "window")
        )
    elif table is not None:
        film, scaled_by = table.apply(pixels), "modality_lut"
    else:
        film, scaled_by = _scale_stored(pixels, dataset, padding, rescue=apply_voi != "never")
        if slope < 0:
            film = np.subtract(np.float32(1), film)
    inverse = str(dataset.get("PresentationLUTShape") or "").upper() == "INVERSE"
    if dataset.PhotometricInterpretation == "MONOCHROME1" or inverse:
        film = np.subtract(np.float32(1), film)
    if padding is not None:
        film[padding] = 0
    return film, scaled_by


def _find_padding(pixels: NDArray[Any], dataset: Dataset) -> NDArray[np.bool_] | None:
    """Return where pixels are padding (PS3.3 C.7.5.1.1.2); None where there is none, or nothing else."""
    value, limit = (
        _number(dataset, name) for name in ("PixelPaddingValue", "PixelPaddingRangeLimit")
    )
    if value is None:
        return None
    low, high = sorted((value, value if limit is None else limit))
    if dataset.PixelRepresentation:
        low, high = sorted(each - _WORDS if each >= _SIGN else each for each in (low, high))
    found = np.asarray((pixels >= low) & (pixels <= high))
    return found if found.any() and not found.all() else None


def _rescale(dataset: Dataset) -> tuple[float, float]:
    """Return slope and intercept (PS3.3 C.11.1.1.2); one that is missing has its default, 1 or 0."""
    slope, intercept = (_number(dataset, f"Rescale{name}") for name in ("Slope", "Intercept"))
    slope, intercept = 1.0 if slope is None else slope, intercept or 0.0
    if slope == 0 or not math.isfinite(slope) or not math.isfinite(intercept):
        raise BrokenFileError(
            f"has RescaleSlope {slope} and RescaleIntercept {intercept}, which map nothing"
        )
    return slope, intercept


def _find_voi(
    dataset: Dataset, pixels: NDArray[Any], table: _Lut | None, slope: float, intercept: float
) -> _Lut | _Window | None:
    """Return the VOI LUT or, if there is none, the first window; None without either."""
    ends = [float(end) * slope + intercept for end in (pixels.min(), pixels.max())]
    negative = table is None and min(ends) < 0  # the output of a modality table is unsigned
    lut = _read_lut(dataset, "VOILUTSequence", signed=negative)
    if lut is not None:
        return lut
    centre, width = _number(dataset, "WindowCenter"), _number(dataset, "WindowWidth")
    # devices write a width of 0 for "none"
    if centre is None or width is None or not math.isfinite(centre) or not 0 < width < math.inf:
        return None
    function = str(dataset.get("VOILUTFunction") or "LINEAR").upper()
    if function not in _FUNCTIONS:
        raise BrokenFileError(
            f"has VOILUTFunction '{function}'; the standard has {', '.join(_FUNCTIONS)}"
        )
    return _Window(centre, width, function)


def _apply_window(values: NDArray[Any], window: _Window) -> FloatImage:
    """Map values to [0, 1] (PS3.3 C.11.2.1.2.1, C.11.2.1.3.1 and C.11.2.1.3.2)."""
    centre, width, function = window
    if function == "SIGMOID":
        exponent = np.clip(-4 * (values - centre) / width, -700, 700)
        return np.asarray(1 / (1 + np.exp(exponent)), np.float32)
    if function == "LINEAR":
        centre, width = centre - 0.5, width - 1
    if width <= 0:  # a LINEAR window of width 1 is a threshold
        return np.asarray(values > centre, np.float32)
    return np.clip((values - centre) / width + 0.5, 0, 1).astype(np.float32)


def _scale_stored(
    pixels: NDArray[Any], dataset: Dataset, padding: NDArray[np.bool_] | None, *, rescue: bool
) -> tuple[FloatImage, str]:
    """Scale stored values by their bits, or by the range that they really use where that is a small part."""
    bits, signed = int(dataset.BitsStored), bool(dataset.PixelRepresentation)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    scaled_by = "depth"
    if rescue:
        shown = pixels if padding is None else pixels[~padding]
        least, most = int(shown.min()), int(shown.max())
        # fewer bits than the container's are stated on purpose
        stated = bits < int(dataset.BitsAllocated)
        used = bits if stated else effective_bits(least, most, bits, signed=signed)
        if used < bits:
            scaled_by = f"bits_{used}"
            low, high = (-(2 ** (used - 1)), 2 ** (used - 1) - 1) if least < 0 else (0, 2**used - 1)
        if is_sliver(least, most, low, high):
            return fill_range(pixels, shown), "percentiles"
    if low or high > 2**24:  # float32 would not hold these whole numbers, or their shift
        film = ((pixels.astype(np.float64) - low) / (high - low)).astype(np.float32)
    else:
        film = np.divide(pixels, np.float32(high), dtype=np.float32)
    return (film if scaled_by == "depth" else np.clip(film, 0, 1)), scaled_by


def _read_lut(dataset: Dataset, keyword: str, *, signed: bool) -> _Lut | None:
    """Read the first item of a sequence of lookup tables (PS3.3 C.11.1.1, C.11.2.1.1); None where there is none.

    Devices differ from the standard: a descriptor may say 16 bits of entries of 10, and entries of 8 bits may lie two
    in a word or one in each.
    """
    items = dataset.get(keyword)
    item = items[0] if items else None
    if item is None or item.get("LUTDescriptor") is None or item.get("LUTData") is None:
        return None
    count, first, depth = (int(number) for number in item.LUTDescriptor)
    count = count % _WORDS or _WORDS  # 0 is 65536, and a count may have been read as signed
    if depth not in _DEPTHS:
        raise BrokenFileError(f"has a {keyword} with entries of {depth} bits; 8 to 16 are handled")
    if signed and first >= _SIGN:
        first -= _WORDS
    entries = _entries(
        item["LUTData"], count, keyword, little=dataset.original_encoding[1] is not False
    )
    most = int(entries.max())
    bits = max(depth, most.bit_length())
    return _Lut(first, entries.astype(np.float32), 2 ** effective_bits(0, most, bits) - 1)


def _entries(element: Any, count: int, keyword: str, *, little: bool) -> NDArray[Any]:
    value = element.value
    if isinstance(value, bytes):
        if len(value) >= 2 * count:
            return np.frombuffer(value, "<u2" if little else ">u2", count)
        if len(value) >= count:
            return np.frombuffer(value, np.uint8, count)
        n_found = len(value) // 2
    else:
        words = np.atleast_1d(np.asarray(value, np.int64)) % _WORDS
        if len(words) >= count:
            return words[:count]
        if 2 * len(words) >= count:  # two entries of 8 bits in a word, the first in its low byte
            return np.stack([words & 255, words >> 8], axis=1).ravel()[:count]
        n_found = len(words)
    raise BrokenFileError(f"has a {keyword} of {n_found} entries where its descriptor says {count}")


def _number(dataset: Dataset, keyword: str) -> float | None:
    """Return the first value of an element as a number; None if it has none."""
    value = dataset.get(keyword)
    if isinstance(value, bytes) or value is None:
        return None
    if not isinstance(value, str) and hasattr(value, "__len__"):
        value = value[0] if len(value) else None
    return None if value in (None, "") else float(value)
