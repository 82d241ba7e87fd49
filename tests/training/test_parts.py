"""Losses, machine, parameters and prediction."""

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from xraylab.training import machine
from xraylab.training.history import join_histories
from xraylab.training.losses import LOSSES
from xraylab.training.params import Recipe, TrainingParams
from xraylab.training.predict import Batches, predict_films, predict_probabilities

HALF = torch.zeros(1, 1, 2, 2)  # probability 1/2 everywhere
ONE_OF_FOUR = torch.tensor([[[[1.0, 0], [0, 0]]]])
SURE = torch.tensor([[[[50.0, -50], [-50, -50]]]])


@pytest.mark.parametrize(
    ("loss", "logits", "expected"),
    [
        ("dice", HALF, 1 - (2 * 0.5 + 1) / (2 + 1 + 1)),
        ("dice", SURE, 0.0),
        ("dice", -SURE, 1 - 1 / (3 + 1 + 1)),
        ("bce", HALF, np.log(2)),
        ("dice_bce", HALF, np.log(2) + 0.5),
    ],
)
def test_losses_by_hand(loss, logits, expected):
    assert float(LOSSES[loss](logits, ONE_OF_FOUR)) == pytest.approx(expected, abs=1e-6)


def test_dice_is_over_the_whole_batch():
    # one film right, one film empty and right: 1 - (2 * 1 + 1) / (1 + 1 + 1)
    logits = torch.cat([SURE, torch.full((1, 1, 2, 2), -50.0)])
    targets = torch.cat([ONE_OF_FOUR, torch.zeros(1, 1, 2, 2)])
    assert float(LOSSES["dice"](logits, targets)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("asked", "given"), [("32", "32-true"), ("bf16", "bf16-mixed"), ("16", "16-mixed")]
)
def test_a_named_precision_is_taken(asked, given):
    assert machine.choose_precision(asked, "cpu") == given


def test_precision_is_half_only_where_the_processor_computes_in_it(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    for capabilities, given in (
        ({}, "32-true"),
        ({"avx512_bf16": True}, "bf16-mixed"),
        ({"amx_bf16": True}, "bf16-mixed"),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=capabilities: found)
        assert machine.choose_precision("auto", "cpu") == given


@pytest.mark.parametrize(
    ("kind", "change", "rule"),
    [
        (TrainingParams, {"devices": 0}, "devices must be 'auto', -1"),
        (TrainingParams, {"workers": -1}, "workers must be 'auto' or at least 0"),
        (TrainingParams, {"max_minutes": 0}, "greater than 0"),
        (TrainingParams, {"max_epoch": 3}, "did you mean 'max_epochs'"),
        (Recipe, {"loss": "mae"}, "'dice_bce', 'mse' or 'l1'"),
        (Recipe, {"plateau_factor": 1.0}, "less than 1"),
    ],
)
def test_bad_settings_are_refused(kind, change, rule):
    with pytest.raises(ValidationError, match=rule):
        kind.model_validate(change)


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


def test_a_training_has_the_budget_of_its_model_or_the_common_one() -> None:
    common = TrainingParams(max_minutes=5, max_epochs=3)
    assert common.within(None) == common
    assert common.within(0.5) == TrainingParams(max_minutes=0.5, max_epochs=3)


def test_histories_are_one_table() -> None:
    epochs = pd.DataFrame({"epoch": [0, 1], "train_loss": [2.0, 1.0], "val_loss": [3.0, 2.0]})
    joined = join_histories(
        {"a": epochs.assign(val_dice=[0.1, 0.2]), "at_once": pd.DataFrame(), "b": epochs}
    )
    assert joined["model"].tolist() == ["a", "a", "b", "b"]
    assert list(joined) == ["model", "epoch", "train_loss", "val_loss", "val_dice"]
    assert list(join_histories({})) == ["model", "epoch", "train_loss", "val_loss"]
