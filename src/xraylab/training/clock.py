"""The wall-clock of a training: it ends in time for the validation that follows its last step."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Timer
from lightning.pytorch.trainer.states import RunningStage

__all__ = ["Clock"]

_VALIDATION_STEP = 0.4  # of a training step: the forward pass, and the films


class Clock(Timer):
    """Stop a training so that it ends, its last validation included, within its minutes.

    Parameters
    ----------
    minutes : float or None
        Wall-clock of the training; None sets no limit. One step is always made.

    Attributes
    ----------
    has_ended : bool
        Whether the minutes stopped the training.
    """

    def __init__(self, minutes: float | None) -> None:
        super().__init__(None if minutes is None else timedelta(minutes=minutes), verbose=False)
        self.limit_s = None if minutes is None else 60 * minutes
        self.reserved_s, self.steps, self.has_ended = 0.0, 0, False

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        """Stop where another step would leave no time to validate."""
        super().on_train_batch_end(trainer, *args, **kwargs)
        self.steps += 1
        if self.limit_s is None:
            return
        self.reserved_s = self._validation_s(trainer)
        over = self.time_elapsed() + self.reserved_s >= self.limit_s
        if trainer.strategy.broadcast(over):
            self.has_ended = trainer.should_stop = True

    def _validation_s(self, trainer: pl.Trainer) -> float:
        """Return what a validation takes: as long as the last one, or an estimate before there is one."""
        last = self.time_elapsed(RunningStage.VALIDATING)
        if last > 0:
            return last
        n_batches = float(sum(trainer.num_val_batches))
        return self.time_elapsed() / self.steps * n_batches * _VALIDATION_STEP

    def time_remaining(self, stage: str = RunningStage.TRAINING) -> float | None:
        """Return the seconds that are left to train; None without a limit."""
        left = super().time_remaining(stage)
        return None if left is None else max(0.0, left - self.reserved_s)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        own = {"steps": self.steps, "reserved_s": self.reserved_s, "has_ended": self.has_ended}
        return {**super().state_dict(), **own}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        super().load_state_dict(state_dict)
        self.steps, self.reserved_s = state_dict["steps"], state_dict["reserved_s"]
        self.has_ended = state_dict["has_ended"]
