import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from xraylab.phantoms.lead_marker import burn_in_marker


@given(seed=st.integers(0, 2**32 - 1), size_px=st.integers(48, 160))
def test_a_marker_changes_its_box_and_nothing_else(seed: int, size_px: int) -> None:
    film = np.full((size_px, size_px + 10), 60, np.uint8)
    burned, box = burn_in_marker(film, np.random.default_rng(seed))
    assert (film == 60).all()
    rows, columns = np.nonzero(
        np.abs(burned.astype(int) - 60) > 12
    )  # a pixel less than 1/16 covered may stay
    left, top, width, height = box
    assert 0 <= columns.min() - (left + 0.5) <= 1
    assert 0 <= rows.min() - (top + 0.5) <= 1
    assert 0 <= (left + width - 0.5) - columns.max() <= 1
    assert 0 <= (top + height - 0.5) - rows.max() <= 1
    outside = np.ones(film.shape, bool)
    outside[
        round(top + 0.5) : round(top + 0.5 + height), round(left + 0.5) : round(left + 0.5 + width)
    ] = False
    assert np.array_equal(burned[outside], film[outside])
    assert burned.max() > 150
