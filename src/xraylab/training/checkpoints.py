"""What a training leaves in its folder: checkpoints to go on from, and its outcome."""

from __future__ import annotations

import json
import logging
import math
import shutil
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, Timer

__all__ = ["History", "find_checkpoint", "read_outcome", "write_outcome"]

logger = logging.getLogger(__name__)

_DONE = "done.json"


def find_checkpoint(folder: Path) -> Path | None:
    """Return the checkpoint to go on from; a broken one, such as a full disk leaves, is set aside."""
    last = folder / "last.ckpt"
    if not last.exists():
        return None
    try:
        state = torch.load(last, map_location="cpu", weights_only=True)
    except Exception as error:  # torch names no error of its own for a broken file
        logger.warning("The checkpoint %s cannot be read (%s); training starts anew", last, error)
        shutil.rmtree(folder)
        folder.mkdir()
        return None
    logger.info("Going on after epoch %d of a training that was interrupted", state["epoch"] + 1)
    return last


def write_outcome(
    folder: Path,
    rows: list[dict[str, float]],
    stopped_by: str,
    keep: Literal["best", "last"] = "best",
) -> None:
    """Write down how a training ended: its epochs, and of which of them the weights are kept.

    Raises
    ------
    ValueError
        If the validation loss was finite in none of them.
    """
    kept = min(
        rows, key=lambda row: row["val_loss"] if math.isfinite(row["val_loss"]) else math.inf
    )
    if not math.isfinite(kept["val_loss"]):
        raise ValueError(f"the validation loss was not finite in any of {len(rows)} epochs")
    if keep == "last":
        kept = rows[-1]
    outcome = {
        "best": f"{keep}.ckpt",
        "best_epoch": int(kept["epoch"]),
        "val_loss": kept["val_loss"],
        "stopped_by": stopped_by,
        "history": {key: [row[key] for row in rows] for key in rows[0]},
    }
    partial = folder / f".{_DONE}"
    partial.write_text(json.dumps(outcome), encoding="utf-8")
    partial.replace(folder / _DONE)


def read_outcome(folder: Path) -> dict[str, Any] | None:
    """Return what `write_outcome` wrote, or None where the training is not done."""
    path = folder / _DONE
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


class History(Callback):
    """One row per epoch, kept in the checkpoint so that it outlives a kill."""

    def __init__(self, announce: bool) -> None:
        self.rows: list[dict[str, float]] = []
        self.announce = announce

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin the row of an epoch."""
        # the training loss of the epoch is known after this hook; `on_train_epoch_end` fills it in
        measured = {
            k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("val_")
        }
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        self.rows.append(
            {
                "epoch": trainer.current_epoch,
                "train_loss": float("nan"),
                **measured,
                "learning_rate": rate,
            }
        )

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """End the row of an epoch."""
        row = self.rows[-1]
        row.update(
            {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("train_")}
        )
        elapsed = next(c for c in trainer.callbacks if isinstance(c, Timer)).time_elapsed()  # type: ignore[attr-defined]
        row["seconds"] = elapsed - sum(each["seconds"] for each in self.rows[:-1])
        if self.announce and trainer.is_global_zero:
            words = ", ".join(
                f"{k} {v:.4g}" for k, v in row.items() if k not in ("epoch", "seconds")
            )
            logger.debug("Epoch %d: %s (%.0f s)", row["epoch"] + 1, words, row["seconds"])

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.rows = list(state_dict["rows"])
