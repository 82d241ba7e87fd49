import numpy as np
import pytest
import torch
from skimage.feature import hog

from xraylab.models.hog import OrientedGradients


def test_gradients_are_those_of_scikit_image():
    film = np.random.default_rng(0).random((128, 128)).astype(np.float32)
    (found,) = OrientedGradients()(torch.from_numpy(film)[None, None])
    wanted = hog(film, 8, (16, 16), (2, 2), block_norm="L2-Hys").reshape(7, 7, 2, 2, 8)
    mine = found[0].reshape(8, 2, 2, 7, 7).permute(3, 4, 1, 2, 0).numpy()
    with pytest.raises(ValueError, match="must be multiples of 8"):
        OrientedGradients()(torch.zeros(1, 1, 100, 100))
    # an angle on the edge of two bins may fall into either
    assert np.mean(np.abs(mine - wanted) > 1e-4) < 0.02
    assert np.abs(mine - wanted).max() < 0.05
