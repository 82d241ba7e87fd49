import numpy as np
import pytest

from xraylab.features.lungs import LUNG_FEATURES, measure_lungs


def two_lungs() -> np.ndarray:
    """Lungs whose box is 128 by 128 pixels, so that nothing is resized."""
    mask = np.zeros((160, 160), np.uint8)
    mask[16:144, 16:64] = 1
    mask[16:144, 96:144] = 1
    return mask


def noise(size: int = 160) -> np.ndarray:
    return np.random.default_rng(0).integers(80, 160, (size, size)).astype(np.uint8)


def test_every_name_has_a_value_and_shares_sum_to_one():
    found = measure_lungs(noise(), two_lungs())
    assert tuple(found) == LUNG_FEATURES
    assert np.isfinite(list(found.values())).all()
    for kind in ("lbp1", "lbp4", "grey", "gradient"):
        shares = [value for name, value in found.items() if name.startswith(f"{kind}_lower_left_")]
        assert sum(shares) == pytest.approx(1)
    assert found["lung_area"] == pytest.approx(0.48)
    assert found["area_asymmetry"] == pytest.approx(0)


def test_exposure_and_film_curve_do_not_count():
    film, mask = noise(), two_lungs()
    curved = np.rint(film.astype(float) ** 2 / 140).astype(np.uint8)
    assert len(np.unique(curved)) == len(np.unique(film))  # no grey is lost
    assert measure_lungs(curved, mask) == measure_lungs(film, mask)


def test_what_is_outside_of_the_lungs_does_not_count():
    film, mask = noise(), two_lungs()
    other = np.where(mask > 0, film, 255).astype(np.uint8)
    a, b = measure_lungs(film, mask), measure_lungs(other, mask)
    # patterns look a few pixels over the rim; greys do not
    for name in LUNG_FEATURES:
        if name.startswith("grey"):
            assert a[name] == b[name]


def test_a_bright_spot_shows_in_its_zone_and_as_asymmetry():
    film, mask = noise(), two_lungs()
    film[20:40, 20:60] = 250  # upper right: the image's upper left
    found, plain = measure_lungs(film, mask), measure_lungs(noise(), mask)
    assert found["grey_upper_right_7"] > plain["grey_upper_right_7"] + 0.2
    assert found["mean_asymmetry"] > 0.05
    assert found["mean_difference"] == found["mean_asymmetry"]
    mirrored = measure_lungs(film[:, ::-1].copy(), mask)
    assert mirrored["mean_asymmetry"] == pytest.approx(-found["mean_asymmetry"], abs=1e-3)
    assert mirrored["upper_minus_lower"] == pytest.approx(found["upper_minus_lower"], abs=1e-3)


def test_without_lungs_nothing_is_known():
    found = measure_lungs(noise(), np.zeros((160, 160), np.uint8))
    assert found.pop("lung_area") == 0
    assert np.isnan(list(found.values())).all()
    with pytest.raises(ValueError, match=r"the film has shape \(64, 64\), its mask \(160, 160\)"):
        measure_lungs(noise(64), two_lungs())
