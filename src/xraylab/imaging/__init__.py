"""Radiograph in, array out: one film is a float32 array (H, W) in [0, 1] with bone bright."""

from xraylab.imaging.errors import UnreadableRadiograph
from xraylab.imaging.film import Film
from xraylab.imaging.film_file import FilmFile, FilmFolder
from xraylab.imaging.readers import (
    MAX_PIXELS,
    RADIOGRAPH_SUFFIXES,
    read_film,
    read_radiograph,
)
from xraylab.imaging.writers import encode_film, write_radiograph

__all__ = [
    "MAX_PIXELS",
    "RADIOGRAPH_SUFFIXES",
    "Film",
    "FilmFile",
    "FilmFolder",
    "UnreadableRadiograph",
    "encode_film",
    "read_film",
    "read_radiograph",
    "write_radiograph",
]
