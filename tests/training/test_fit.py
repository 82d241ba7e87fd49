import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from tests.training import killed_training
from torchmetrics import MetricCollection
from torchmetrics.classification import BinaryF1Score

from xraylab.training.fit import Objective, TrainingData, fit
from xraylab.training.params import Limits, Recipe, TrainingParams

QUICK = TrainingParams(max_epochs=6, precision="32", accelerator="cpu", seed=3, progress=False)
RECIPE = Recipe(loss="dice_bce", learning_rate=2e-2, batch_size=4)


def without_times(history: pd.DataFrame) -> pd.DataFrame:
    return history.drop(columns="seconds")


def test_a_network_learns_and_keeps_its_best_weights(parts, new_network, tmp_path):
    network = new_network()
    outcome = fit(
        network,
        parts,
        RECIPE,
        QUICK,
        objective=Objective(MetricCollection({"dice": BinaryF1Score()})),
        folder=tmp_path,
    )
    history = outcome.history
    assert history["epoch"].tolist() == list(range(6))
    assert {"train_loss", "val_loss", "val_dice", "learning_rate", "seconds"} <= set(history)
    assert history["train_loss"].iloc[-1] < 0.5 * history["train_loss"].iloc[0]
    assert history["val_dice"].max() > 0.9
    assert outcome.stopped_by == "epochs"
    assert outcome.best_epoch == history["val_loss"].idxmin()
    assert outcome.val_loss == history["val_loss"].min()
    assert not network.training

    # the weights are those of the best epoch: they give its loss again
    from xraylab.training.data import scale_films
    from xraylab.training.losses import dice_and_cross_entropy

    losses = []
    for start in (0, 4):
        films, masks = (
            torch.stack(x)
            for x in zip(*(parts.val[i] for i in range(start, start + 4)), strict=True)
        )
        with torch.inference_mode():
            losses.append(float(dice_and_cross_entropy(network(scale_films(films)), masks.float())))
    assert np.mean(losses) == pytest.approx(outcome.val_loss, rel=1e-4)


def test_the_last_weights_are_kept_on_request(parts, new_network, tmp_path):
    network, recipe = new_network(), RECIPE.model_copy(update={"keep": "last"})
    quick = QUICK.model_copy(update={"max_epochs": 3})
    outcome = fit(network, parts, recipe, quick, folder=tmp_path)
    assert outcome.best_epoch == 2
    assert outcome.val_loss == outcome.history["val_loss"].iloc[-1]
    last = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
    for name, value in network.state_dict().items():
        assert torch.equal(value, last[f"network.{name}"])


def test_one_seed_gives_one_history_and_leaves_the_process_alone(parts, new_network, tmp_path):
    torch.manual_seed(11)
    before = torch.rand(3)
    torch.manual_seed(11)
    first = fit(new_network(), parts, RECIPE, QUICK, folder=tmp_path / "a").history
    assert torch.equal(torch.rand(3), before)
    assert not torch.are_deterministic_algorithms_enabled()
    second = fit(new_network(), parts, RECIPE, QUICK, folder=tmp_path / "b").history
    pd.testing.assert_frame_equal(without_times(first), without_times(second))
    other = QUICK.model_copy(update={"seed": 4})
    third = fit(new_network(), parts, RECIPE, other, folder=tmp_path / "c").history
    assert not np.allclose(third["train_loss"], first["train_loss"])


def test_a_killed_training_goes_on_and_ends_as_an_unbroken_one(tmp_path):
    # 12 films an epoch: the 30th is read in the middle of the third epoch
    process = subprocess.run(
        [sys.executable, killed_training.__file__, str(tmp_path / "killed"), "30"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert (tmp_path / "killed" / "last.ckpt").exists()
    assert not (tmp_path / "killed" / "done.json").exists()

    resumed, resumed_network = killed_training.train(tmp_path / "killed")
    reads = killed_training.Deadly.reads
    unbroken, unbroken_network = killed_training.train(tmp_path / "unbroken")
    assert reads == 3 * 12  # two of the five epochs were done
    assert len(resumed.history) == len(unbroken.history) == 5
    pd.testing.assert_frame_equal(without_times(resumed.history), without_times(unbroken.history))
    for first, second in zip(
        resumed_network.parameters(), unbroken_network.parameters(), strict=True
    ):
        assert torch.equal(first, second)


def test_a_finished_training_is_not_done_again(parts, new_network, tmp_path):
    first_network, second_network = new_network(), new_network()
    first = fit(first_network, parts, RECIPE, QUICK, folder=tmp_path)
    written = (tmp_path / "last.ckpt").stat().st_mtime_ns
    second = fit(second_network, parts, RECIPE, QUICK, folder=tmp_path)
    assert (tmp_path / "last.ckpt").stat().st_mtime_ns == written
    pd.testing.assert_frame_equal(first.history, second.history)
    assert all(map(torch.equal, first_network.parameters(), second_network.parameters()))


def test_a_broken_checkpoint_starts_anew(parts, new_network, tmp_path, caplog):
    tmp_path.joinpath("last.ckpt").write_bytes(b"half of it")
    with caplog.at_level("WARNING"):
        outcome = fit(
            new_network(),
            parts,
            RECIPE,
            QUICK.model_copy(update={"max_epochs": 1}),
            folder=tmp_path,
        )
    assert "cannot be read" in caplog.text
    assert len(outcome.history) == 1


def test_each_epoch_is_reported_and_may_end_the_training(parts, new_network, tmp_path):
    told = []

    def report(loss: float, epoch: int) -> None:
        told.append((loss, epoch))
        if epoch == 1:
            raise InterruptedError("hopeless")

    params = QUICK.model_copy(update={"max_epochs": 4})
    with pytest.raises(InterruptedError, match="hopeless"):
        fit(new_network(), parts, RECIPE, params, report=report, folder=tmp_path / "a")
    assert [epoch for _, epoch in told] == [0, 1]
    whole = fit(new_network(), parts, RECIPE, params, folder=tmp_path / "b")
    assert [loss for loss, _ in told] == pytest.approx(whole.history["val_loss"].tolist()[:2])


def test_the_budget_ends_a_training_with_its_last_epoch_measured(parts, new_network, tmp_path):
    params = QUICK.model_copy(update={"max_epochs": 100_000}).within(Limits(1 / 60))
    outcome = fit(
        new_network(),
        parts,
        RECIPE.model_copy(update={"schedule": "one_cycle"}),
        params,
        folder=tmp_path,
    )
    assert outcome.stopped_by == "minutes"
    assert outcome.history["seconds"].sum() < 30
    assert outcome.history[["train_loss", "val_loss"]].notna().all().all()
    # the schedule has annealed by the clock, though hardly a thousandth of the epochs is done
    assert outcome.history["learning_rate"].iloc[-1] < 0.05 * RECIPE.learning_rate
    assert outcome.history["learning_rate"].max() > 0.5 * RECIPE.learning_rate


def test_training_stops_early_and_lowers_the_rate_on_a_plateau(films, new_network, tmp_path):
    from xraylab.training.data import MaskedFilms

    noise = np.random.default_rng(1).integers(
        0, 2, films[1].shape, dtype=np.uint8
    )  # nothing to learn
    parts = TrainingData(
        MaskedFilms(films[0], noise, np.arange(16)),
        MaskedFilms(films[0], noise, np.arange(16, 24)),
    )
    recipe = Recipe(
        loss="bce", learning_rate=1e-2, batch_size=4, schedule="plateau", plateau_patience=0, plateau_cooldown=0,
        early_stopping_patience=6,
    )  # fmt: skip
    outcome = fit(
        new_network(), parts, recipe, QUICK.model_copy(update={"max_epochs": 200}), folder=tmp_path
    )
    rates = outcome.history["learning_rate"]
    assert outcome.stopped_by == "early stopping"
    assert len(outcome.history) == outcome.best_epoch + 1 + 6
    assert rates.iloc[0] == 1e-2
    assert set(np.round(np.log2(1e-2 / rates), 6) % 1) == {0.0}
    assert rates.iloc[-1] < 1e-2


def test_a_loss_that_is_not_finite_is_an_error(parts, new_network, tmp_path):
    def broken(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return logits.mean() * float("nan")

    with pytest.raises(
        ValueError, match=r"was not finite in any of 1 epochs; a lower learning_rate than 0.02"
    ):
        fit(
            new_network(),
            parts,
            RECIPE,
            QUICK.model_copy(update={"max_epochs": 1}),
            objective=Objective(loss=broken),
            folder=tmp_path,
        )


def test_an_empty_part_is_named(parts, films, new_network, tmp_path):
    from xraylab.training.data import MaskedFilms

    with pytest.raises(ValueError, match="the validation part is empty"):
        fit(
            new_network(),
            TrainingData(parts.train, MaskedFilms(*films, np.arange(0))),
            RECIPE,
            QUICK,
            folder=tmp_path,
        )


def test_two_devices_share_a_training(parts, new_network, tmp_path):
    params = QUICK.model_copy(update={"devices": 2, "strategy": "ddp_fork", "max_epochs": 2})
    script = (
        tmp_path / "train.py"
    )  # in a process of its own: torch forbids a fork after threads have run
    script.write_text(
        "import sys, pickle, pathlib\n"
        "from xraylab.training.fit import fit\n"
        "network, parts, recipe, params = pickle.load(open(sys.argv[1], 'rb'))\n"
        "outcome = fit(network, parts, recipe, params, folder=pathlib.Path(sys.argv[2]))\n"
        "print('epochs', len(outcome.history))\n"
    )
    import pickle

    (tmp_path / "task.pkl").write_bytes(pickle.dumps((new_network(), parts, RECIPE, params)))
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "task.pkl"), str(tmp_path / "work")],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert "epochs 2" in done.stdout, done.stderr
    assert "MEMBER: 2/2" in done.stderr


def test_the_baseline_is_the_mean_of_the_training_masks(films, parts):
    from xraylab.models.mean_mask import MeanMask
    from xraylab.training.fit import fit_mean_mask

    network = MeanMask(16)
    outcome = fit_mean_mask(network, parts, RECIPE, MetricCollection({"dice": BinaryF1Score()}))
    assert np.allclose(network.share.numpy(), films[1][:16].mean(axis=0))
    answer = network(torch.zeros(3, 1, 16, 16)).sigmoid()
    assert answer.shape == (3, 1, 16, 16)
    assert torch.allclose(answer[0, 0], network.share.clamp(1e-4, 1 - 1e-4), atol=1e-5)
    said, truth = films[1][:16].mean(axis=0) > 0.5, films[1][16:].astype(bool)
    expected = 2 * (said & truth).sum() / (8 * said.sum() + truth.sum())
    assert outcome.history["val_dice"].iloc[0] == pytest.approx(expected, abs=1e-6)
    assert outcome.val_loss > 0
