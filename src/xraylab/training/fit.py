"""Train a network: the loop, its checkpoints, and what comes out."""

from __future__ import annotations

import logging
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
import pandas as pd
import torch
from lightning.pytorch.callbacks import (
    Callback,
    EarlyStopping,
    LambdaCallback,
    ModelCheckpoint,
)
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchmetrics import MetricCollection

from xraylab.models.mean_mask import MeanMask
from xraylab.training.checkpoints import (
    History,
    find_checkpoint,
    read_outcome,
    write_outcome,
)
from xraylab.training.clock import Clock
from xraylab.training.cost import BarWithTimeLeft, CostEstimate
from xraylab.training.losses import LOSSES, Loss
from xraylab.training.machine import choose_precision
from xraylab.training.order import EpochOrder
from xraylab.training.params import Recipe, TrainingParams
from xraylab.training.task import Task

__all__ = ["Fit", "Objective", "TrainingData", "fit", "fit_mean_mask"]

_MAX_WORKERS = 8


@dataclass(frozen=True)
class TrainingData:
    """The films that a network is trained and validated on.

    Attributes
    ----------
    train, val : Dataset
        Pairs of a film, uint8 (1, H, W), and a target.
    groups : (N,) ndarray, optional
        Group of each training film, where the recipe draws by group.
    """

    train: Dataset[Any]
    val: Dataset[Any]
    groups: NDArray[Any] | None = None


@dataclass(frozen=True)
class Objective:
    """What a training minimises and measures.

    Attributes
    ----------
    metrics : torchmetrics.MetricCollection, optional
        Measured at every epoch: on probabilities and integer targets, or on numbers as they are.
    loss : callable, optional
        ``(logits, targets) -> scalar``; None takes that of the recipe.
    kind : {"binary", "number"}
        What the network gives: logits of a class, or a number.
    """

    metrics: MetricCollection | None = None
    loss: Loss | None = None
    kind: Literal["binary", "number"] = "binary"


@dataclass(frozen=True)
class Fit:
    """What a training was.

    Attributes
    ----------
    history : DataFrame
        One row per epoch: ``epoch, train_loss, val_loss, learning_rate, seconds``, and each metric as ``train_<name>``
        (with dropout and augmentation, as the epoch went on) and ``val_<name>``.
    best_epoch : int
        Epoch whose weights were kept: that of the least validation loss, or the last, as the recipe says.
    val_loss : float
        That loss.
    stopped_by : {"epochs", "minutes", "early stopping"}
        What ended it.
    """

    history: pd.DataFrame
    best_epoch: int
    val_loss: float
    stopped_by: str

    def facts(self) -> dict[str, Any]:
        """Return what a model card says of the training."""
        return {
            "epochs": len(self.history),
            "best_epoch": self.best_epoch,
            "val_loss": self.val_loss,
            "stopped_by": self.stopped_by,
            "minutes": round(float(self.history["seconds"].sum()) / 60, 2),
        }


def fit(
    network: nn.Module,
    data: TrainingData,
    recipe: Recipe,
    params: TrainingParams,
    *,
    objective: Objective | None = None,
    report: Callable[[float, int], None] | None = None,
    folder: Path,
) -> Fit:
    """Train a network and leave it with the weights that the recipe keeps, in evaluation mode, on the processor.

    A checkpoint is written at the end of each epoch. If the folder holds one of an interrupted training, the
    training resumes from it and gives the same result as without the interruption. If the training in the folder was
    done, its result is returned at once.

    Parameters
    ----------
    network : torch.nn.Module
        Takes float films (B, 1, H, W) scaled by `xraylab.training.data.scale_films` and gives logits.
    data : TrainingData
        Training part and validation part.
    recipe : Recipe
        What is minimised, and how.
    params : TrainingParams
        Budget and machine.
    objective : Objective, optional
        What is minimised and measured; None is the recipe's loss on logits of a class, without metrics.
    report : callable, optional
        Called with the validation loss and the epoch after each epoch; an exception that it raises ends the training
        and passes on.
    folder : Path
        Where checkpoints are kept, for this training alone.

    Returns
    -------
    Fit
        History and outcome.

    Raises
    ------
    ValueError
        If a part is empty.
    """
    for name, part in (("training", data.train), ("validation", data.val)):
        if len(part) == 0:  # type: ignore[arg-type]
            raise ValueError(f"the {name} part is empty: there is nothing to train on")
    folder.mkdir(parents=True, exist_ok=True)
    done = read_outcome(folder)
    if done is None:
        task = _task(network, objective or Objective(), recipe, params.seed)
        network.to(memory_format=torch.channels_last)
        with _quiet(), _own_randomness(params):
            _run(task, _loaders(task, data, params), recipe, params, folder, report)
        done = read_outcome(folder)
    assert done is not None  # noqa: S101 - for the type checker
    best = torch.load(folder / done["best"], map_location="cpu", weights_only=True)["state_dict"]
    network.load_state_dict(
        {k.removeprefix("network."): v for k, v in best.items() if k.startswith("network.")}
    )
    network.cpu().eval()
    return Fit(
        pd.DataFrame(done["history"]), done["best_epoch"], done["val_loss"], done["stopped_by"]
    )


def fit_mean_mask(
    network: MeanMask,
    data: TrainingData,
    recipe: Recipe,
    metrics: MetricCollection,
) -> Fit:
    """Give the baseline the mean of the training masks, and measure it as `fit` measures a network: in one epoch."""
    start = time.monotonic()
    train, val = data.train, data.val
    n_train, n_val = len(train), len(val)  # type: ignore[arg-type]
    with torch.inference_mode():
        network.share.zero_()
        for row in range(n_train):
            network.share += train[row][1][0] / n_train
        losses, found = [], metrics.clone(prefix="val_")
        for begin in range(0, n_val, recipe.batch_size):
            masks = torch.stack(
                [val[row][1] for row in range(begin, min(begin + recipe.batch_size, n_val))]
            )
            logits = network(masks)  # any films: it looks at none
            losses.append((float(LOSSES[recipe.loss](logits, masks.float())), len(masks)))
            found.update(logits.sigmoid(), masks.long())
    loss = sum(value * n for value, n in losses) / n_val
    measured = {name: float(value) for name, value in found.compute().items()}
    epoch = {"epoch": 0, "train_loss": math.nan, "val_loss": loss, **measured}
    seconds = time.monotonic() - start
    history = pd.DataFrame([{**epoch, "learning_rate": math.nan, "seconds": seconds}])
    return Fit(history, 0, loss, "epochs")


def _run(
    task: Task,
    loaders: tuple[DataLoader[Any], DataLoader[Any]],
    recipe: Recipe,
    params: TrainingParams,
    folder: Path,
    report: Callable[[float, int], None] | None,
) -> None:
    """Fit, from a checkpoint if there is one, and write down the outcome."""
    options: dict[str, Any] = {"save_on_train_epoch_end": True, "enable_version_counter": False}
    latest = ModelCheckpoint(folder, "last", **options)
    clock = Clock(params.minutes)
    shown = params.progress and sys.stderr.isatty()
    history = History(announce=not shown)
    callbacks: list[Callback] = [clock, history, CostEstimate(params)]
    if recipe.keep == "best":
        callbacks.append(
            ModelCheckpoint(folder, "best", monitor="val_loss", save_weights_only=True, **options)
        )
    callbacks.append(latest)
    if shown:
        callbacks.append(BarWithTimeLeft(leave=True))
    if recipe.early_stopping_patience is not None:
        callbacks.append(EarlyStopping("val_loss", patience=recipe.early_stopping_patience))
    if report is not None:
        callbacks.append(
            LambdaCallback(
                on_train_epoch_end=lambda trainer, _: report(
                    float(trainer.callback_metrics["val_loss"]), trainer.current_epoch
                )
            )
        )
    trainer = pl.Trainer(
        accelerator=params.accelerator, devices=params.devices, strategy=params.strategy,
        num_nodes=params.num_nodes, precision=choose_precision(params.precision, params.accelerator),
        max_epochs=params.max_epochs, gradient_clip_val=recipe.clip_gradient, callbacks=callbacks,
        enable_progress_bar=shown, enable_model_summary=False, logger=False, num_sanity_val_steps=0,
        deterministic="warn" if params.deterministic else None, default_root_dir=folder,
    )  # fmt: skip
    last = find_checkpoint(folder)
    trainer.fit(task, *loaders, ckpt_path=last, weights_only=True)
    # other processes may have trained: what counts is what lies in the folder
    state = torch.load(folder / "last.ckpt", map_location="cpu", weights_only=True)["callbacks"]
    rows = state[history.state_key]["rows"]
    try:
        write_outcome(
            folder,
            rows,
            _stopped_by(len(rows), state[clock.state_key], params, recipe),
            recipe.keep,
        )
    except ValueError as error:
        raise ValueError(
            f"{error}; a lower learning_rate than {recipe.learning_rate:g} may help"
        ) from error


def _stopped_by(
    n_epochs: int, clock: dict[str, Any], params: TrainingParams, recipe: Recipe
) -> str:
    if clock["has_ended"]:
        return "minutes"
    if recipe.early_stopping_patience is not None and n_epochs < params.max_epochs:
        return "early stopping"
    return "epochs"


def _task(network: nn.Module, objective: Objective, recipe: Recipe, seed: int) -> Task:
    loss = objective.loss or LOSSES[recipe.loss]
    return Task(network, loss, recipe, seed, objective.metrics, objective.kind)


def _loaders(
    task: Task, data: TrainingData, params: TrainingParams
) -> tuple[DataLoader[Any], DataLoader[Any]]:
    on_gpu = params.accelerator not in ("cpu", "mps") and torch.cuda.is_available()
    beside_gpu = min(_MAX_WORKERS, torch.get_num_threads()) if on_gpu else 0
    workers = beside_gpu if params.workers == "auto" else params.workers
    batch_size, n_train = task.recipe.batch_size, len(data.train)  # type: ignore[arg-type]
    options: dict[str, Any] = {
        "batch_size": batch_size,
        "num_workers": workers,
        "pin_memory": on_gpu,
        "persistent_workers": workers > 0,
    }
    draws = task.recipe.draws_per_group
    order = EpochOrder(n_train, task, data.groups if draws else None, draws or 1)
    # batch normalisation has nothing to normalise by in a last batch of one
    ragged = len(order) % batch_size == 1 and len(order) > batch_size
    train = DataLoader(data.train, sampler=order, drop_last=ragged, **options)
    return train, DataLoader(data.val, **options)


@contextmanager
def _own_randomness(params: TrainingParams) -> Iterator[None]:
    """Seed what is drawn inside, and leave the process's own streams and settings as they were."""
    strict, warn = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    try:
        with torch.random.fork_rng():
            torch.manual_seed(params.seed)
            yield
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=warn)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what Lightning says of its own set-up."""
    speaker = logging.getLogger("lightning.pytorch")
    level = speaker.level
    speaker.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists.*")
            yield
    finally:
        speaker.setLevel(level)
