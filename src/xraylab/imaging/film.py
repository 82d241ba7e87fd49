"""One film as it was read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Film", "FilmHeader"]


class FilmHeader(NamedTuple):
    """What a DICOM file says of its film, of all that it says of a patient.

    Attributes
    ----------
    modality : str
        Such as ``DX`` (0008,0060).
    body_part : str
        Such as ``CHEST`` (0018,0015); empty where it is not given.
    sex : str
        ``M`` or ``F`` (0010,0040); empty where it is neither.
    """

    modality: str = ""
    body_part: str = ""
    sex: str = ""


class Film(NamedTuple):
    """A film and what its file says of it.

    Attributes
    ----------
    pixels : (H, W) ndarray of float32
        In [0, 1], bone bright.
    spacing_mm : (float, float) or None
        Distance of pixel centres (between rows, between columns); None where the file does not know it.
    scaled_by : str
        How values of the file became [0, 1]: ``depth`` (the bits that the file states), ``window``, ``voi_lut`` or
        ``modality_lut`` of DICOM; where the values fill only a small part of their range, ``bits_<n>`` (the bits that
        they were made with) or ``percentiles``.
    patient_id : str
        16 hexadecimal digits that stand for the patient's id in a DICOM file; empty where there is none.
    header : FilmHeader or None
        What a DICOM file says of the film; None for files of other kinds.
    """

    pixels: NDArray[np.float32]
    spacing_mm: tuple[float, float] | None = None
    scaled_by: str = "depth"
    patient_id: str = ""
    header: FilmHeader | None = None
