"""What a training will cost: said from its first steps, and shown on the bar."""

from __future__ import annotations

import logging
import time
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback, Timer, TQDMProgressBar

from xraylab.training.params import TrainingParams

__all__ = ["BarWithTimeLeft", "CostEstimate", "describe_seconds"]

logger = logging.getLogger(__name__)

_SKIPPED = 2  # first steps, which allocate memory and choose kernels
_MEASURED, _MEASURED_S = 10, 5.0  # steps, or seconds, that a speed is measured over
_WORTH_SAYING_S = 60.0
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


def describe_seconds(seconds: float) -> str:
    """Return a duration as a person says it.

    Examples
    --------
    >>> describe_seconds(48), describe_seconds(1260), describe_seconds(33000), describe_seconds(4e5)
    ('48 s', '21 min', '9.2 h', '4.6 days')
    """
    if seconds < 1.5 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 1.5 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    if seconds < 2 * _DAY:
        return f"{seconds / _HOUR:.2g} h"
    return f"{seconds / _DAY:.2g} days"


class CostEstimate(Callback):
    """Log once what the trainings of a model will take, from the first steps that are made.

    Parameters
    ----------
    params : TrainingParams
        With the limits of the training: its name, its minutes, and how many trainings of its like there are.
    """

    def __init__(self, params: TrainingParams) -> None:
        self.params = params
        self.steps, self.films, self.begin = 0, 0, 0.0
        self.done = not params.limits.n_trainings

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Count a step, and say the cost when enough of them are counted."""
        if self.done:
            return
        self.steps += 1
        if self.steps <= _SKIPPED:
            self.begin = time.monotonic()
            return
        self.films += len(batch[1])
        seconds = time.monotonic() - self.begin
        if self.steps - _SKIPPED >= _MEASURED or seconds >= _MEASURED_S:
            self.done = True
            self._say(trainer, self.films * trainer.world_size / max(seconds, 1e-9))

    def _say(self, trainer: pl.Trainer, films_per_s: float) -> None:
        limits, epochs = self.params.limits, self.params.max_epochs
        dataset = trainer.train_dataloader.sampler  # type: ignore[union-attr]
        n_films = len(dataset)
        seconds = limits.n_trainings * epochs * n_films / films_per_s
        if seconds < _WORTH_SAYING_S or not trainer.is_global_zero:
            return
        bound = (
            "--params minutes=… bounds it"
            if limits.minutes is None
            else f"this training stops after {describe_seconds(60 * limits.minutes)}"
        )
        logger.info(
            "%s will take about %s on %s at %.3g films/s: %d × %d epochs of %d films; %s",
            limits.name or "The training", describe_seconds(seconds), _machine(trainer), films_per_s,
            limits.n_trainings, epochs, n_films, bound,
        )  # fmt: skip


def _machine(trainer: pl.Trainer) -> str:
    import torch

    if isinstance(trainer.accelerator, pl.accelerators.CPUAccelerator):
        n_cores = torch.get_num_threads()
        return f"{n_cores} core{'' if n_cores == 1 else 's'}"
    return (
        f"{trainer.world_size} × {type(trainer.accelerator).__name__.removesuffix('Accelerator')}"
    )


class BarWithTimeLeft(TQDMProgressBar):
    """A progress bar of the epoch that also says what is left of the whole training."""

    def get_metrics(self, trainer: pl.Trainer, pl_module: Any) -> dict[str, Any]:
        """Return what stands behind the bar: losses, and ``left``."""
        shown = super().get_metrics(trainer, pl_module)
        shown.pop("v_num", None)
        timers = [each for each in trainer.callbacks if isinstance(each, Timer)]  # type: ignore[attr-defined]
        done = pl_module.progress()
        if done > 0 and timers:
            elapsed = timers[0].time_elapsed()
            shown["left"] = describe_seconds(elapsed * (1 - done) / done)
        return shown
