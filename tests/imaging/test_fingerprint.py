import numpy as np

from xraylab.imaging.fingerprint import HASH_BITS, TURNS, digest_pixels, perceptual_hashes


def test_equal_pixels_have_equal_digests():
    film = np.random.default_rng(7).random((12, 9), np.float32)
    assert digest_pixels(film) == digest_pixels(np.asfortranarray(film))
    changed = film.copy()
    changed[0, 0] += 1
    assert digest_pixels(film) != digest_pixels(changed)


def test_the_turns_of_a_film_are_those_of_its_copies():
    film = np.random.default_rng(7).integers(0, 255, (64, 64), np.uint8)
    hashes = perceptual_hashes(film)
    assert hashes.shape == (TURNS, HASH_BITS // 64)
    for turn in range(4):
        assert np.array_equal(perceptual_hashes(np.rot90(film, turn))[0], hashes[turn])
        mirrored = np.rot90(film[:, ::-1], turn)
        assert np.array_equal(
            perceptual_hashes(np.ascontiguousarray(mirrored))[0], hashes[4 + turn]
        )
