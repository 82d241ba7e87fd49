"""Predictions of a trained network, film by film and in batches."""

import numpy as np
import torch

from xraylab.training.predict import Batches, predict_films, predict_probabilities


class Bright(torch.nn.Module):
    """Says 'yes' on the left half as far as it is bright there."""

    def forward(self, films: torch.Tensor) -> torch.Tensor:
        answer = 10 * films
        answer[..., films.shape[-1] // 2 :] = -10
        return answer


def test_probabilities_are_the_sigmoid_of_the_logits():
    films = np.zeros((3, 4, 4), np.uint8)
    films[1] = 255
    found = predict_probabilities(Bright(), films, precision="32", accelerator="cpu")
    assert found.shape == (3, 4, 4)
    assert found[1, :, :2].min() > 0.99
    assert found[0].max() < 0.01


def test_the_mirror_image_is_mirrored_back():
    films = np.full((1, 4, 4), 255, np.uint8)
    found = predict_probabilities(Bright(), films, precision="32", accelerator="cpu", views=2)
    assert np.allclose(found, 0.5, atol=1e-3)  # yes from one side, no from the other


def test_batches_give_the_rows_in_their_order():
    films = np.stack([np.full((4, 4), value, np.uint8) for value in (0, 120, 255)])
    rows = np.array([2, 0, 1, 2])
    options = {"precision": "32", "accelerator": "cpu"}
    found = predict_films(Bright(), films, rows, 3, **options)
    assert len(found) == 4
    reads = []

    def read(start, stop):
        reads.append((start, stop))
        return films[rows[start:stop]]

    batches = Batches(Bright(), 4, read, 3, **options)
    assert all(np.array_equal(batches(i), found[i]) for i in range(4))
    assert reads == [(0, 3), (3, 4)]
    assert np.array_equal(found[0], found[3])
    assert found[0][0, 0] > found[2][0, 0] > found[1][0, 0]
