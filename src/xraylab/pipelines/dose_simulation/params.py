"""Parameters of dose_simulation."""

from __future__ import annotations

from pydantic import Field, field_validator

from xraylab.dose.plan import AdditiveRecipe, QuantumRecipe
from xraylab.dose.simulate import Recipe
from xraylab.imaging.scaling import ApplyVoi
from xraylab.parameters import Parameters

__all__ = ["DoseSimulationParams", "PhysicsCheckParams"]


class PhysicsCheckParams(Parameters):
    """How the simulation is verified against true exposures of phantoms.

    Attributes
    ----------
    dose_fractions : tuple of float
        Doses to verify at, each in (0, 1).
    n_realisations : int
        Exposures of anatomy, and as many of a uniform field.
    size_px : int
        Edge of each exposure.
    field_depth : float
        Optical depth of the uniform field.
    """

    dose_fractions: tuple[float, ...] = (0.25, 0.5, 0.75)
    n_realisations: int = Field(16, ge=2, le=1000)
    size_px: int = Field(256, ge=128, le=4096)
    field_depth: float = Field(2.0, ge=0, le=8)

    @field_validator("dose_fractions")
    @classmethod
    def _between_zero_and_one(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        outside = [dose for dose in value if not 0 < dose < 1]
        if outside or not value:
            raise ValueError(f"dose_fractions must lie in (0, 1), got {value}")
        return value


class DoseSimulationParams(Parameters):
    """Parameters of dose_simulation.

    Attributes
    ----------
    recipes : tuple of {"additive", "quantum"}
        Recipes to simulate.
    additive, quantum
        Levels of each recipe.
    apply_voi : {"auto", "always", "never"}
        Whether the VOI LUT or window of a DICOM file is applied (see `xraylab.imaging.read_film`).
    seed : int
        Seed of the noise; with the image id and the level it fixes every pixel.
    max_films : int or None
        Use only this many films, chosen by a hash of their ids; None uses all.
    max_rejected_fraction : float
        Stop when more than this share of the films is unusable.
    save_films : bool
        Write the simulated films as 16-bit PNGs; features do not need them.
    physics : PhysicsCheckParams
        The physics check.
    """

    recipes: tuple[Recipe, ...] = Field(("additive", "quantum"), min_length=1)
    additive: AdditiveRecipe = AdditiveRecipe()
    quantum: QuantumRecipe = QuantumRecipe()
    apply_voi: ApplyVoi = "auto"
    seed: int = Field(2018, ge=0)
    max_films: int | None = Field(None, ge=1)
    max_rejected_fraction: float = Field(0.2, ge=0, le=1)
    save_films: bool = False
    physics: PhysicsCheckParams = PhysicsCheckParams()
