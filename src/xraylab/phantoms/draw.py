"""One phantom film of the kind that a raw data set holds, without a data set around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["DRAWN", "draw_phantom"]

_CHEST, _HAND, _LIMB = "chest", "hand", "limb"

DRAWN = {
    "covid_lesions": _CHEST,
    "fracture_multi_region": _LIMB,
    "montgomery_shenzhen": _CHEST,
    "nih_chest_xray14": _CHEST,
    "rsna_bone_age": _HAND,
}
"""What the films of a raw data set show."""


def draw_phantom(name: str, size_px: int, seed: int) -> NDArray[np.float32]:
    """Draw one film.

    Parameters
    ----------
    name : str
        Name of the raw data set, a key of `DRAWN`.
    size_px : int
        Edge of the square film.
    seed : int
        Seed of the patient, the position and the noise.

    Returns
    -------
    (S, S) ndarray of float32
        In [0, 1], bone bright.

    Examples
    --------
    >>> film = draw_phantom("rsna_bone_age", 64, seed=0)
    >>> film.shape, bool(film.max() > film.min())
    ((64, 64), True)
    """
    from xraylab.dose.detector import Detector, counts_to_film, expose

    rng = np.random.default_rng(seed)
    detector = Detector()
    if DRAWN[name] == _HAND:
        from xraylab.phantoms.rsna_bone_age import FILM_RANGE

        narrow = FILM_RANGE * detector.log_range
        detector = detector.model_copy(update={"log_range": narrow})
    depth = _project(DRAWN[name], size_px, rng)
    film = counts_to_film(expose(depth, 1.0, rng, detector), 1.0, detector)
    return np.asarray(np.clip(film, 0, 1), np.float32)


def _project(kind: str, size_px: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the optical depth of what a film shows."""
    if kind == _HAND:
        from xraylab.phantoms.hand import draw_hand_anatomy, project_hand

        anatomy = draw_hand_anatomy(rng, float(rng.integers(12, 216)), bool(rng.random() < 0.5))  # noqa: PLR2004
        return project_hand(anatomy, size_px, rng).optical_depth
    if kind == _LIMB:
        from xraylab.phantoms.limb import draw_limb_anatomy
        from xraylab.phantoms.long_bone import project_limb

        return project_limb(draw_limb_anatomy(rng), size_px).optical_depth
    from xraylab.phantoms.anatomy import draw_chest_anatomy
    from xraylab.phantoms.chest import project_chest

    return project_chest(draw_chest_anatomy(rng), size_px, rng).optical_depth
