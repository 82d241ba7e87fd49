"""Which exposures are simulated of which film: the plan, one row per exposure, complete in itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from xraylab.dose.detector import Detector
from xraylab.dose.noise import noise_key
from xraylab.dose.simulate import Exposure
from xraylab.parameters import Parameters

__all__ = [
    "AdditiveRecipe",
    "QuantumRecipe",
    "exposures_of",
    "plan_additive",
    "plan_quantum",
]


class AdditiveRecipe(Parameters):
    """Levels of the additive recipe.

    Attributes
    ----------
    scales, noise_stds : tuple of float
        Zipped: level i multiplies the film by ``scales[i]`` and adds noise of ``noise_stds[i]``.
    draws : int
        0 simulates the listed levels; n > 0 draws n continuous levels a film instead, the scale uniform between
        the smallest and the largest listed one and the noise interpolated between its neighbours.
    """

    scales: tuple[float, ...] = (1.0, 0.8, 0.6)
    noise_stds: tuple[float, ...] = (0.005, 0.02, 0.04)
    draws: int = Field(0, ge=0, le=100)

    @model_validator(mode="after")
    def _check_levels(self) -> AdditiveRecipe:
        if len(self.scales) != len(self.noise_stds) or not self.scales:
            raise ValueError(
                f"scales and noise_stds are zipped and must be equally long and not empty, got "
                f"{len(self.scales)} and {len(self.noise_stds)}"
            )
        _check_fractions("scales", self.scales)
        if any(not 0 <= noise <= 1 for noise in self.noise_stds):
            raise ValueError(f"noise_stds must lie in [0, 1], got {self.noise_stds}")
        return self


class QuantumRecipe(Parameters):
    """Levels of the quantum recipe.

    Attributes
    ----------
    dose_fractions : tuple of float
        Listed dose fractions, each in (0, 1].
    draws : int
        0 simulates the listed doses; n > 0 draws n continuous doses a film instead, uniform in the logarithm
        between the smallest and the largest listed one, since dose is judged by its ratio.
    match_mean : bool
        Bring the mean of the film back, as the exposure normalisation of a real system does.
    detector : Detector
        Detector and film characteristic of the full-dose films.
    """

    dose_fractions: tuple[float, ...] = (0.1, 1.0)
    draws: int = Field(4, ge=0, le=100)
    match_mean: bool = True
    detector: Detector = Detector()

    @model_validator(mode="after")
    def _check_levels(self) -> QuantumRecipe:
        if not self.dose_fractions:
            raise ValueError("dose_fractions must not be empty")
        _check_fractions("dose_fractions", self.dose_fractions)
        return self


def _check_fractions(name: str, values: tuple[float, ...]) -> None:
    outside = [value for value in values if not 0 < value <= 1]
    if outside:
        raise ValueError(f"{name} must lie in (0, 1], got {outside[0]}")
    if len(set(values)) != len(values):
        raise ValueError(f"{name} must differ from each other, got {values}")


def _rng(seed: int, image_id: str, recipe: str) -> np.random.Generator:
    return np.random.default_rng(noise_key(seed, image_id, f"{recipe} levels"))


def plan_additive(image_id: str, recipe: AdditiveRecipe, seed: int) -> list[Exposure]:
    """List the additive exposures of one film.

    Examples
    --------
    >>> recipe = AdditiveRecipe(scales=(1.0, 0.6), noise_stds=(0.0, 0.04))
    >>> [(each.scale, each.noise_std) for each in plan_additive("film", recipe, seed=0)]
    [(1.0, 0.0), (0.6, 0.04)]
    """
    if recipe.draws == 0:
        levels = [
            (f"{scale:g}", scale, noise)
            for scale, noise in zip(recipe.scales, recipe.noise_stds, strict=True)
        ]
    else:
        order = np.argsort(recipe.scales)
        known, noises = np.take(recipe.scales, order), np.take(recipe.noise_stds, order)
        drawn = _rng(seed, image_id, "additive").uniform(known[0], known[-1], recipe.draws)
        levels = [
            (f"draw{i}", float(scale), float(np.interp(scale, known, noises)))
            for i, scale in enumerate(drawn)
        ]
    return [
        Exposure(
            recipe="additive",
            level=level,
            scale=scale,
            noise_std=noise,
            dose_fraction=scale,
            noise_key=noise_key(seed, image_id, f"additive/{level}"),
        )
        for level, scale, noise in levels
    ]


def plan_quantum(image_id: str, recipe: QuantumRecipe, seed: int) -> list[Exposure]:
    """List the quantum exposures of one film.

    Examples
    --------
    >>> recipe = QuantumRecipe(dose_fractions=(0.1, 1.0), draws=0)
    >>> [each.dose_fraction for each in plan_quantum("film", recipe, seed=0)]
    [0.1, 1.0]
    """
    if recipe.draws == 0:
        levels = [(f"{dose:g}", dose) for dose in recipe.dose_fractions]
    else:
        low, high = np.log(min(recipe.dose_fractions)), np.log(max(recipe.dose_fractions))
        drawn = np.exp(_rng(seed, image_id, "quantum").uniform(low, high, recipe.draws))
        levels = [(f"draw{i}", float(min(dose, 1.0))) for i, dose in enumerate(drawn)]
    return [
        Exposure(
            recipe="quantum",
            level=level,
            dose_fraction=dose,
            noise_key=noise_key(seed, image_id, f"quantum/{level}"),
            match_mean=recipe.match_mean,
            detector=recipe.detector,
        )
        for level, dose in levels
    ]


def to_rows(image_id: str, group_id: str, exposures: list[Exposure]) -> list[dict[str, object]]:
    """Flatten the exposures of one film to rows of the plan."""
    return [
        {
            "image_id": image_id,
            "group_id": group_id,
            **exposure.model_dump(exclude={"detector"}),
            **exposure.detector.model_dump(),
        }
        for exposure in exposures
    ]


def exposures_of(rows: pd.DataFrame) -> list[Exposure]:
    """Rebuild the exposures from rows of the plan, in their order.

    Examples
    --------
    >>> exposures = plan_quantum("film", QuantumRecipe(), seed=0)
    >>> exposures_of(pd.DataFrame(to_rows("film", "patient", exposures))) == exposures
    True
    """
    own = [name for name in Exposure.model_fields if name != "detector"]
    detector = list(Detector.model_fields)
    return [
        Exposure(
            **{name: record[name] for name in own},
            detector=Detector(**{name: record[name] for name in detector}),
        )
        for record in rows.to_dict("records")
    ]
