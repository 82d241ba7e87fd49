"""Look-ups and probes on films whose answer is known."""

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_auc_score

from xraylab.evaluation.shortcuts import (
    border_pixels,
    equals_probe,
    intensity_features,
    look_up_content,
    look_up_nearest,
    outside_pixels,
    probe,
)
from xraylab.imaging.fingerprint import perceptual_hashes


def test_content_is_looked_up():
    # 'a' twice with both labels, 'b' once; the prevalence is 2/4; a missing key equals nothing.
    train = pd.Series(["a", "a", "b", None])
    found = look_up_content(train, [1, 0, 1, 0], pd.Series(["b", "a", "c", None]))
    assert found.tolist() == [1.0, 0.5, 0.5, 0.5]
    assert look_up_content(["a", "b", "c", "d"], [1, 0, 0, 0], ["x", "b"]).tolist() == [0.25, 0.0]
    assert look_up_content(["a"], [1], []).tolist() == []


def hashes(*words):
    """Films of one word and two turns."""
    return np.array(words, np.uint64)[:, :, None]


def test_the_nearest_film_answers():
    # The first turn of a training film against either of a test film.
    train = hashes((0b0000, 0b1111), (0b0111, 0b1111))
    test = hashes((0b0001, 0b1001), (0b0110, 0b1001), (0b1111, 0b0011))
    found, distances = look_up_nearest(train, [0, 1], test)
    # 0001 is 1 from 0000; 0110 is 1 from 0111; 1111 is 1 from 0111, and so is 0011
    assert found.tolist() == [0.0, 1.0, 1.0]
    assert distances.tolist() == [1, 1, 1]


def test_films_equally_near_are_averaged():
    train = hashes((0b01, 0), (0b10, 0), (0b10, 0), (0b11111, 0))
    found, distances = look_up_nearest(train, [0, 1, 1, 0], hashes((0b00, 0b00)))
    assert found.tolist() == pytest.approx([2 / 3])
    assert distances.tolist() == [1]


def test_look_up_equals_a_plain_search():
    rng = np.random.default_rng(0)
    top = np.iinfo(np.uint64).max
    train, test = (rng.integers(0, top, (n, 8, 4), np.uint64, endpoint=True) for n in (40, 12))
    targets = rng.integers(0, 2, 40)
    found, distances = look_up_nearest(train, targets, test)
    bits = np.bitwise_count(train[:, None, :1] ^ test[None]).sum(axis=-1).min(axis=-1)
    assert distances.tolist() == bits.min(axis=0).tolist()
    expected = [targets[column == column.min()].mean() for column in bits.T]
    assert found.tolist() == pytest.approx(expected)


def test_a_turned_copy_is_looked_up():
    rng = np.random.default_rng(7)
    films = [
        np.clip(255 * cv2.resize(coarse, (96, 96), interpolation=cv2.INTER_CUBIC), 0, 255).astype(
            np.uint8
        )
        for coarse in rng.random((6, 9, 9), np.float32)
    ]
    train = np.stack([perceptual_hashes(film) for film in films])
    copies = [np.ascontiguousarray(np.rot90(films[2])), np.ascontiguousarray(films[4][:, ::-1])]
    test = np.stack([perceptual_hashes(film) for film in copies])
    found, distances = look_up_nearest(train, [0, 0, 1, 0, 1, 0], test)
    assert found.tolist() == [1.0, 1.0]
    assert len(distances) == 2
    assert (distances <= 4).all()


def test_a_border_by_hand():
    films = np.zeros((2, 50, 50), np.uint8)
    films[0, :4], films[0, -4:] = 51, 102
    films[0, 4:-4, :4], films[0, 4:-4, -4:] = 153, 204
    found = border_pixels(films)
    assert found.shape == (2, 4 * 2 * 32)
    assert found.dtype == np.float32
    assert found[0].reshape(4, 64) == pytest.approx(np.repeat([[0.2], [0.4], [0.6], [0.8]], 64, 1))
    assert not found[1].any()


@given(arrays(np.uint8, (1, 24, 20)), arrays(np.uint8, (1, 20, 16)))
def test_nothing_inside_shows_in_the_border(films, other):
    changed = films.copy()
    changed[:, 2:-2, 2:-2] = other
    assert np.array_equal(border_pixels(films), border_pixels(changed))


def test_intensities_by_hand():
    film = np.repeat(np.array([0, 255], np.uint8), 50).reshape(1, 10, 10)
    found = intensity_features(film)[0]
    assert found.tolist() == pytest.approx([0.5, 0.5, 0, 0, 0, 0.5, 1, 1, 1])


def test_the_outside_by_hand():
    film = np.full((1, 32, 32), 51, np.uint8)
    film[0, :, 16:] = 102
    mask = np.zeros_like(film)
    mask[0, :8, :16] = 1  # two cells of 16 × 16 and 8 × 8 pixels: one half covered, one not
    found = outside_pixels(film, mask, 2)[0]
    assert found.tolist() == pytest.approx([0.2, 0.4, 0.2, 0.4])
    mask[0, :16, :16] = 1  # the first cell takes the mean outside: (256·51 + 512·102) / 768
    assert outside_pixels(film, mask, 2)[0].tolist() == pytest.approx([1 / 3, 0.4, 0.2, 0.4])
    assert not outside_pixels(film, np.ones_like(film), 2).any()


@given(arrays(np.uint8, (1, 18, 18)), arrays(np.uint8, (1, 18, 18)), arrays(bool, (1, 18, 18)))
def test_nothing_under_the_mask_shows(films, other, covered):
    changed = np.where(covered, other, films)
    mask = covered.astype(np.uint8)
    assert np.array_equal(outside_pixels(films, mask, 4), outside_pixels(changed, mask, 4))


def labelled(n, shift, seed=0, features=20):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    x = rng.normal(size=(n, features))
    x[:, 0] += shift * y
    return x * 1000 + 500, y  # a scale that only standardising takes away


def test_a_probe_finds_what_is_there_and_no_more():
    (x, y), (x_test, y_test) = labelled(300, 3.0, 1), labelled(300, 3.0, 2)
    # two normal distributions 3 sd apart: AUROC Φ(3 / √2) = 0.983
    found = probe(x, y, x_test)
    assert roc_auc_score(y_test, found) == pytest.approx(0.983, abs=0.015)
    assert len(found) == len(y_test)
    assert ((found > 0) & (found < 1)).all()
    (x, y), (x_test, y_test) = labelled(300, 0.0, 1), labelled(300, 0.0, 2)
    noise = probe(x, y, x_test)
    # nothing to find: the strongest penalty is chosen and leaves the prevalence
    assert noise == pytest.approx(np.full(300, 0.5), abs=0.06)


def test_a_probe_gives_the_same_again():
    x, y = labelled(60, 1.0)
    assert np.array_equal(probe(x, y, x, seed=3), probe(x, y, x, seed=3))


def test_copies_in_a_group_do_not_change_the_fit(monkeypatch):
    monkeypatch.setattr("xraylab.evaluation.shortcuts._PENALTIES", (0.1,))
    x, y = labelled(40, 1.0)
    x_test, _ = labelled(20, 1.0, 5)
    copies = np.concatenate([np.arange(40), [0] * 30])
    found = probe(x[copies], y[copies], x_test, groups=copies)
    assert found == pytest.approx(probe(x, y, x_test), abs=1e-4)
    assert not np.allclose(found, probe(x[copies], y[copies], x_test), atol=1e-2)


def test_the_penalty_is_chosen_by_groups():
    # Each group has its own signature and label, in ten copies, and nothing else tells the label: folds that split
    # groups would trust the signature, grouped ones do not.
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(40), 10)
    y = (groups % 2).astype(int)
    x = rng.normal(size=(40, 60))[groups] + 0.01 * rng.normal(size=(400, 60))
    x_test = rng.normal(size=(200, 60))
    grouped, blind = probe(x, y, x_test, groups), probe(x, y, x_test)
    assert np.abs(grouped - 0.5).max() < 0.1
    assert np.abs(blind - 0.5).max() > 0.4


def test_a_class_of_one_group_can_be_probed():
    x, y = np.array([[0.0], [0.1], [1.0]]), [0, 0, 1]
    found = probe(x, y, np.array([[0.0], [1.0]]), groups=["a", "b", "c"])
    assert found[0] < found[1]
    assert probe(x, y, np.empty((0, 1))).tolist() == []


def rows(target, prediction, groups=None):
    n = len(target)
    return pd.DataFrame(
        {
            "image_id": [f"film_{i}" for i in range(n)],
            "group_id": [str(i) for i in range(n)] if groups is None else groups,
            "target": target,
            "prediction": prediction,
        }
    )


def test_a_model_that_is_better_and_one_that_is_not():
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    weak = rows(y, np.clip(0.5 + 0.1 * y + 0.3 * rng.normal(size=200), 0, 1))
    strong = rows(y, np.clip(0.2 + 0.6 * y + 0.2 * rng.normal(size=200), 0, 1))
    found = equals_probe(strong, weak.sample(frac=1, random_state=0), 200).iloc[0]
    assert found["auroc_model"] == pytest.approx(roc_auc_score(y, strong["prediction"]))
    assert found["auroc_probe"] == pytest.approx(roc_auc_score(y, weak["prediction"]))
    assert found["difference"] == pytest.approx(found["auroc_model"] - found["auroc_probe"])
    assert 0 < found["ci_low"] < found["difference"] < found["ci_high"]
    assert found["n"] == 200
    assert not found["equals_probe"]
    assert equals_probe(weak, strong, 200)["equals_probe"].item()


def test_a_model_equals_itself_exactly():
    # Unpaired resamples would leave an interval.
    y = np.arange(30) % 2
    model = rows(y, np.random.default_rng(0).random(30))
    found = equals_probe(model, model, 100).iloc[0]
    assert found[["difference", "ci_low", "ci_high"]].tolist() == [0, 0, 0]
    assert found["equals_probe"]


def test_too_little_data_speaks_against_the_model():
    model, other = rows([0, 1], [0.1, 0.9], ["a", "a"]), rows([0, 1], [0.9, 0.1], ["a", "a"])
    found = equals_probe(model, other).iloc[0]
    assert found["difference"] == 1
    assert np.isnan(found["ci_low"])
    assert found["equals_probe"]


def test_families_may_weigh_as_one():
    # Film 'a' in three copies that the model ranks wrongly; by group one of four pairs is wrong, not three of six.
    model = rows([0, 0, 0, 0, 1, 1], [0.5, 0.5, 0.5, 0.1, 0.4, 0.9], list("aaabcd"))
    found = equals_probe(model, model, 0, weight="group").iloc[0]
    assert found["auroc_model"] == pytest.approx(3 / 4)
    assert equals_probe(model, model, 0)["auroc_model"].item() == pytest.approx(5 / 8)


FILMS = np.zeros((2, 8, 8), np.uint8)
HASHES = np.zeros((2, 8, 4), np.uint64)
PAIR = rows([0, 1], [0.2, 0.8])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: look_up_content(["a"], [0, 1], ["a"]), r"got \(2,\) for 1 keys"),
        (lambda: look_up_content([], [], ["a"]), "a target for each training film"),
        (lambda: look_up_content(["a"], [2], ["a"]), "targets must be 0 or 1: 1 of 1"),
        (lambda: look_up_nearest(HASHES[0], [0, 1], HASHES), r"uint64 of \(films, turns, words\)"),
        (lambda: look_up_nearest(HASHES, [0, 1], HASHES.astype(int)), "test_hashes must be uint64"),
        (lambda: look_up_nearest(HASHES, [0, 1], HASHES[:, :, :2]), r"test_hashes \(8, 2\)"),
        (lambda: border_pixels(FILMS / 255), "uint8 of .*got float64"),
        (lambda: intensity_features(FILMS[0]), r"got uint8 of \(8, 8\)"),
        (lambda: outside_pixels(FILMS, FILMS[:1]), r"masks \(1, 8, 8\)"),
        (lambda: probe(np.ones((2, 3)), [0, 1], np.ones((2, 4))), "features_test must be"),
        (lambda: probe(np.full((2, 1), np.nan), [0, 1], np.ones((1, 1))), "2 of 2 values are miss"),
        (lambda: probe(np.ones((2, 1)), [1, 1], np.ones((1, 1))), "both classes: all 2 targets"),
        (lambda: probe(np.ones((2, 1)), [0, 1], np.ones((1, 1)), ["a"]), "a group for each of 2"),
        (lambda: equals_probe(PAIR, PAIR.drop(columns="image_id")), "probe lack the column"),
        (lambda: equals_probe(PAIR.iloc[[0, 0]], PAIR), "rows of the model hold 'film_0' twice"),
        (lambda: equals_probe(PAIR, PAIR.iloc[:1]), "'film_1' is in one of the two tables only"),
        (lambda: equals_probe(PAIR, PAIR.assign(target=1)), "'film_0' has another target"),
        (lambda: equals_probe(PAIR, PAIR.assign(group_id="x")), r"another group .*\(2 do so\)"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
