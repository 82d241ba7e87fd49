import cv2
import numpy as np
import pytest

from xraylab.duplicates.hash_distance import MAX_HASH_DISTANCE, find_near_duplicates
from xraylab.imaging.fingerprint import TURNS, perceptual_hashes


@pytest.fixture(scope="module")
def films() -> list[np.ndarray]:
    """Smooth random films, unlike each other."""
    rng = np.random.default_rng(7)
    coarse = rng.random((6, 9, 9), np.float32)
    return [
        np.clip(255 * cv2.resize(each, (96, 96), interpolation=cv2.INTER_CUBIC), 0, 255).astype(
            np.uint8
        )
        for each in coarse
    ]


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("quarter_turns", range(4))
def test_a_turned_copy_is_found_at_its_turn(films, mirrored, quarter_turns):
    copy = np.ascontiguousarray(
        np.rot90(films[0][:, ::-1] if mirrored else films[0], quarter_turns)
    )
    hashes = np.stack([perceptual_hashes(film) for film in (films[1], films[0], copy)])
    assert hashes.shape == (3, TURNS, 4)
    pairs = find_near_duplicates(hashes)
    assert pairs[["first", "second"]].to_numpy().tolist() == [[1, 2]]
    assert pairs["distance"].iloc[0] <= 4
    # the turn that takes the copy back to the film: a mirrored one is its own way back
    expected = 4 + quarter_turns if mirrored else (4 - quarter_turns) % 4
    assert pairs["turn"].iloc[0] == expected


def test_noise_compression_and_size_do_not_hide_a_copy(films):
    rng = np.random.default_rng(0)
    noisy = np.clip(films[2] + rng.normal(0, 5, films[2].shape), 0, 255).astype(np.uint8)
    small = cv2.resize(films[2], (64, 64), interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", films[2], [cv2.IMWRITE_JPEG_QUALITY, 60])
    copies = [noisy, small, cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)]
    hashes = np.stack([perceptual_hashes(film) for film in [films[2], *copies]])
    assert len(find_near_duplicates(hashes)) == 6  # every pair of the four


def test_distinct_films_are_apart(films):
    hashes = np.stack([perceptual_hashes(film) for film in films])
    assert find_near_duplicates(hashes).empty
    assert find_near_duplicates(hashes, 256)["distance"].min() > 2 * MAX_HASH_DISTANCE


def test_distances_are_those_of_numpy():
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 2**63, (9, TURNS, 4)).astype(np.uint64)
    pairs = find_near_duplicates(hashes, 256)
    assert len(pairs) == 36
    for row in pairs.itertuples():
        bits = np.bitwise_count(hashes[row.first, 0] ^ hashes[row.second]).sum(axis=1)
        assert row.distance == bits.min()
        assert row.turn == bits.argmin()


def test_hashes_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="films, turns, words"):
        find_near_duplicates(np.zeros((3, 4), np.uint64))
    with pytest.raises(ValueError, match=r"must be uint64 .*got uint8"):
        find_near_duplicates(np.zeros((3, 8, 8), np.uint8))
