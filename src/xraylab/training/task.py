"""A network with its loss, optimiser and schedule, as Lightning trains it."""

from __future__ import annotations

from typing import Any, Literal

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Timer
from torch import Tensor, nn
from torchmetrics import MetricCollection

from xraylab.training.data import scale_films
from xraylab.training.losses import Loss
from xraylab.training.params import Recipe

__all__ = ["Task"]

_TICKS = 10_000  # steps of the one-cycle schedule, whatever the number of batches


class Task(pl.LightningModule):
    """One network to be trained.

    Parameters
    ----------
    network : torch.nn.Module
        Takes float films (B, 1, H, W) and gives logits.
    loss : callable
        ``(logits, targets) -> scalar``, in float32.
    recipe : Recipe
        Optimiser and schedule.
    seed : int
        Each epoch draws from the streams of ``seed + epoch``.
    metrics : torchmetrics.MetricCollection
        Measured on both parts at every epoch.
    kind : {"binary", "number"}
        Metrics are given the sigmoid of logits and integer targets, or numbers as they are.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        recipe: Recipe,
        seed: int,
        metrics: MetricCollection | None = None,
        kind: Literal["binary", "number"] = "binary",
    ) -> None:
        super().__init__()
        self.network, self.loss, self.recipe = network, loss, recipe
        self.seed, self.kind = seed, kind
        metrics = metrics or MetricCollection({})
        self.train_metrics = metrics.clone(prefix="train_")
        self.val_metrics = metrics.clone(prefix="val_")

    def forward(self, inputs: Tensor | list[Tensor]) -> Tensor:
        """Map films of uint8 (B, 1, H, W), with covariates (B, C) or without, to what the network gives."""
        films, *covariates = [inputs] if isinstance(inputs, Tensor) else inputs
        # without the layout of channels last, oneDNN and cuDNN reorder every tensor
        scaled = scale_films(films).contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.network(scaled, *covariates)
        return logits

    def training_step(self, batch: tuple[Any, Tensor], index: int) -> Tensor:
        """Return the loss of one batch."""
        inputs, targets = batch
        logits = self(inputs).float()
        loss = self.loss(logits, targets.float())
        self._measure(self.train_metrics, logits.detach(), targets)
        self.log_dict(self.train_metrics, on_step=False, on_epoch=True, batch_size=len(targets))
        self.log(
            "train_loss",
            loss,
            on_step=False,
            on_epoch=True,
            prog_bar=True,
            batch_size=len(targets),
            sync_dist=True,
        )
        return loss

    def validation_step(self, batch: tuple[Any, Tensor], index: int) -> None:
        """Measure loss and metrics of one batch."""
        inputs, targets = batch
        logits = self(inputs).float()
        loss = self.loss(logits, targets.float())
        self.log("val_loss", loss, prog_bar=True, batch_size=len(targets), sync_dist=True)
        self._measure(self.val_metrics, logits, targets)

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of the whole validation part."""
        if len(self.val_metrics):
            self.log_dict(self.val_metrics.compute(), prog_bar=True)
            self.val_metrics.reset()

    def _measure(self, metrics: MetricCollection, found: Tensor, targets: Tensor) -> None:
        if self.kind == "binary":
            found, targets = found.sigmoid(), targets.long()
        if len(metrics):
            metrics.update(found, targets)

    def on_train_epoch_start(self) -> None:
        """Begin the epoch's stream of random numbers."""
        self.seed_epoch()

    def seed_epoch(self) -> None:
        """Give the epoch its own stream of random numbers, on every device another."""
        torch.manual_seed(self.seed + 1000 * (self.current_epoch + 1) + self.global_rank)

    def configure_optimizers(self) -> Any:
        """Return optimiser and schedule of the recipe."""
        recipe = self.recipe
        make = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
        optimizer = make(
            self.network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay,
            # one call for all weights: a small network has many, and a step of Python each
            fused=self.device.type == "cpu",
        )  # fmt: skip
        if recipe.schedule == "plateau":
            # the thresholds are those of Keras' callback of this name
            plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer, factor=recipe.plateau_factor, patience=recipe.plateau_patience,
                cooldown=recipe.plateau_cooldown, threshold=1e-4, threshold_mode="abs",
                min_lr=recipe.min_learning_rate,
            )  # fmt: skip
            return {
                "optimizer": optimizer,
                "lr_scheduler": {"scheduler": plateau, "monitor": "val_loss"},
            }
        if recipe.schedule == "one_cycle":
            cycle = torch.optim.lr_scheduler.OneCycleLR(
                optimizer, recipe.learning_rate, total_steps=_TICKS, pct_start=0.1
            )
            return {
                "optimizer": optimizer,
                "lr_scheduler": {"scheduler": cycle, "interval": "step"},
            }
        return optimizer

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Move the one-cycle schedule to where the training is, by epochs or by the clock."""
        if isinstance(scheduler, torch.optim.lr_scheduler.OneCycleLR):
            scheduler.last_epoch = min(int(self.progress() * _TICKS), _TICKS - 2)
            scheduler.step()
        else:
            super().lr_scheduler_step(scheduler, metric)

    def progress(self) -> float:
        """Return the share of the training that is done: of its steps, or of its minutes if that is more."""
        steps = self.global_step / max(1, self.trainer.estimated_stepping_batches)
        return min(1.0, max(steps, self._minutes_used()))

    def _minutes_used(self) -> float:
        """Return the share of the time limit that has passed; 0 without a limit."""
        for each in self.trainer.callbacks:  # type: ignore[attr-defined]
            remaining = each.time_remaining() if isinstance(each, Timer) else None
            if remaining is not None:
                elapsed: float = each.time_elapsed()
                return elapsed / (elapsed + remaining)
        return 0.0
