"""From a map of probabilities to a mask.

References
----------
Lipton Z. C., Elkan C., Naryanaswamy B. (2014), Optimal thresholding of classifiers to maximize F1 measure, *ECML PKDD*,
LNCS 8725, 225-239: the best threshold is half of the best expected F1, which is the Dice coefficient.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Threshold", "mask_threshold"]

Threshold = float | Literal["expected_dice"]
"""A probability, or that from which the mask of a film has the largest expected Dice coefficient."""

_LEAST = 0.05


def mask_threshold(probabilities: NDArray[np.float32], threshold: Threshold) -> float:
    r"""Return the probability from which a pixel of a film belongs to its mask.

    For ``expected_dice`` the k likeliest pixels are taken, k being where :math:`2 \sum_{i \le k} p_i / (k + \sum_i
    p_i)` is largest. That is at most 1/2, and less where a film is faint: a network that is unsure all over a film
    still says where it would look. It is never below 0.05, so that a film without any likely pixel has an empty mask.

    Parameters
    ----------
    probabilities : (H, W) ndarray of float32
        One film's map.
    threshold : float or "expected_dice"
        A number is returned as it is.

    Examples
    --------
    >>> mask_threshold(np.array([[0.9, 0.4], [0.1, 0.0]], np.float32), "expected_dice").__round__(2)
    0.4
    """
    if threshold != "expected_dice":
        return threshold
    falling = np.sort(probabilities, axis=None)[::-1].astype(np.float64)
    expected = 2 * falling.cumsum() / (np.arange(1, falling.size + 1) + falling.sum())
    return max(_LEAST, float(falling[expected.argmax()]))
