"""How a network is trained: the recipe, the machine, and the limits that a run sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field, PrivateAttr, model_validator

from xraylab.parameters import Parameters

__all__ = ["Augmentation", "Limits", "Recipe", "TrainingParams"]


@dataclass(frozen=True)
class Limits:
    """What a run sets for one training.

    Attributes
    ----------
    minutes : float or None
        Wall-clock after which it stops cleanly; None sets no limit.
    name : str
        Name of the model, for the log.
    n_trainings : int
        Trainings of its like whose cost is said at its beginning, itself included; 0 says none.
    """

    minutes: float | None = None
    name: str = ""
    n_trainings: int = 0


class Augmentation(Parameters):
    """Random changes of the training films, drawn anew for each film and epoch; image and mask together.

    Attributes
    ----------
    flip : float
        Probability of a left-right flip.
    flip_vertical : float
        Probability of an upside-down flip.
    quarter_turns : bool
        Turn by 0, 90, 180 or 270 degrees, each as likely.
    rotate_deg, shear_deg : float
        Half-widths of uniform draws, in degrees.
    scale : float
        Half-width of a uniform draw about 1.
    shift : float
        Half-width of a uniform draw, as a fraction of the edge.
    elastic_px : float
        Size of a smooth random deformation, in pixels.
    brightness, contrast : float
        Half-widths of uniform factors about 1.
    gamma : float
        Half-width of the uniform logarithm of an exponent on [0, 1].
    noise : float
        Largest standard deviation of Gaussian noise, as a fraction of white.
    """

    flip: float = Field(0.5, ge=0, le=1)
    flip_vertical: float = Field(0.0, ge=0, le=1)
    quarter_turns: bool = False
    rotate_deg: float = Field(15.0, ge=0, le=180)
    shear_deg: float = Field(5.0, ge=0, lt=90)
    scale: float = Field(0.2, ge=0, lt=1)
    shift: float = Field(0.1, ge=0, le=1)
    elastic_px: float = Field(0.0, ge=0, le=100)
    brightness: float = Field(0.15, ge=0, le=1)
    contrast: float = Field(0.3, ge=0, le=1)
    gamma: float = Field(0.4, ge=0, le=2)
    noise: float = Field(0.05, ge=0, le=1)


class Recipe(Parameters):
    """What is minimised, and how.

    Attributes
    ----------
    loss : {"dice", "bce", "dice_bce", "mse", "l1"}
        Soft Dice over the batch, binary cross-entropy, or their sum; mean square or mean absolute error of a number.
    optimizer : {"adam", "adamw"}
        The optimiser.
    learning_rate, weight_decay : float
        Its settings; the learning rate is the largest of a one-cycle schedule.
    batch_size : int
        Films a step and device.
    draws_per_group : int or None
        Where films come in groups of copies, an epoch draws so many of each group, however many it holds; None takes
        every film once.
    schedule : {"constant", "plateau", "one_cycle"}
        ``plateau`` lowers the learning rate when the validation loss stalls. ``one_cycle`` warms up and anneals to
        nearly 0 over the epochs, or over the minutes of the training where those end first (Smith and Topin 2019).
    plateau_factor, plateau_patience, plateau_cooldown
        Factor, epochs without progress before it, and epochs of rest after it.
    min_learning_rate : float
        Least learning rate of ``plateau``.
    early_stopping_patience : int or None
        Epochs without progress of the validation loss after which training stops; None never stops early.
    clip_gradient : float or None
        Largest norm of the gradient.
    keep : {"best", "last"}
        The weights of the least validation loss, or the last ones: where few films validate, the end of a schedule that
        anneals is the better choice.
    augmentation : Augmentation or None
        Random changes of the training films.
    """

    loss: Literal["dice", "bce", "dice_bce", "mse", "l1"] = "dice_bce"
    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: float = Field(1e-3, gt=0, le=10)
    weight_decay: float = Field(0.0, ge=0, le=1)
    batch_size: int = Field(8, ge=1, le=4096)
    draws_per_group: int | None = Field(None, ge=1, le=10_000)
    schedule: Literal["constant", "plateau", "one_cycle"] = "constant"
    plateau_factor: float = Field(0.5, gt=0, lt=1)
    plateau_patience: int = Field(4, ge=0)
    plateau_cooldown: int = Field(2, ge=0)
    min_learning_rate: float = Field(0.0, ge=0)
    early_stopping_patience: int | None = Field(None, ge=1)
    clip_gradient: float | None = Field(None, gt=0)
    keep: Literal["best", "last"] = "best"
    augmentation: Augmentation | None = None


class TrainingParams(Parameters):
    """How long a network is trained, and on what.

    Attributes
    ----------
    max_epochs : int
        Most epochs.
    seed : int
        Seed of weights, order and augmentation; each epoch draws from a stream of its own, so that an
        interrupted and resumed training gives the same result as an uninterrupted one (but for ``workers``, whose
        streams begin anew).
    precision : {"auto", "32", "bf16", "16"}
        ``auto`` is bf16 where processor or GPU computes in it, 16 on an older GPU, else 32.
    accelerator : str
        As Lightning names them: ``auto, cpu, gpu, mps`` …
    devices : int or "auto"
        Devices on this machine.
    strategy : str
        As Lightning names them: ``auto, ddp, ddp_spawn, fsdp`` …
    num_nodes : int
        Machines.
    workers : int or "auto"
        Processes that load films; ``auto`` is none on a processor and up to 8 beside a GPU.
    deterministic : bool
        Ask the libraries for reproducible kernels where they have them.
    progress : bool
        Show a progress bar on a terminal.
    """

    max_epochs: int = Field(50, ge=1, le=100_000)
    seed: int = Field(2018, ge=0, lt=2**32)
    precision: Literal["auto", "32", "bf16", "16"] = "auto"
    accelerator: str = "auto"
    devices: int | Literal["auto"] = "auto"
    strategy: str = "auto"
    num_nodes: int = Field(1, ge=1)
    workers: int | Literal["auto"] = "auto"
    deterministic: bool = True
    progress: bool = True
    _limits: Limits = PrivateAttr(default_factory=Limits)

    @property
    def limits(self) -> Limits:
        """What a run sets for one training; no setting."""
        return self._limits

    @property
    def minutes(self) -> float | None:
        """Wall-clock of one training, after which it stops cleanly; None sets no limit."""
        return self._limits.minutes

    @model_validator(mode="after")
    def _check(self) -> TrainingParams:
        if isinstance(self.devices, int) and self.devices != -1 and self.devices < 1:
            raise ValueError(f"devices must be 'auto', -1 (all) or at least 1, got {self.devices}")
        if isinstance(self.workers, int) and self.workers < 0:
            raise ValueError(f"workers must be 'auto' or at least 0, got {self.workers}")
        return self

    def within(self, limits: Limits) -> TrainingParams:
        """Return the same for a training with limits.

        Examples
        --------
        >>> TrainingParams().within(Limits(minutes=5)).minutes
        5
        """
        bounded = self.model_copy()
        bounded._limits = limits
        return bounded
