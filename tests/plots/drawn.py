"""What the tests of figures share: a figure is drawn, and its words are read."""

from io import BytesIO

import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray


def draw(figure: Figure) -> None:
    figure.savefig(BytesIO(), dpi=40)


def text_of(figure: Figure) -> str:
    """Return all words of a figure, with plain spaces."""
    words = "\n".join(str(artist.get_text()) for artist in figure.findobj(Text))
    return words.replace("\u00a0", " ")


def film(rows: int = 20, columns: int = 16) -> NDArray[np.uint8]:
    """Return a film of seeded noise, shape (rows, columns)."""
    return np.random.default_rng(0).integers(0, 256, (rows, columns), dtype=np.uint8)
