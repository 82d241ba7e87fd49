"""The base of every typed parameter object."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

__all__ = ["Parameters"]


class Parameters(BaseModel):
    """Frozen, typed parameters that refuse what they do not know.

    A subclass declares its fields with bounds, units in the names, and choices as ``Literal``.

    Raises
    ------
    pydantic.ValidationError
        For a value out of bounds, and for an unknown key: that message lists the valid keys.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _name_valid_keys(cls, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = [str(key) for key in data if key not in cls.model_fields]
            if unknown:
                valid = sorted(cls.model_fields)
                close = get_close_matches(unknown[0], valid, n=1)
                hint = f" (did you mean '{close[0]}'?)" if close else ""
                names = ", ".join(f"'{key}'" for key in unknown)
                raise ValueError(f"unknown key {names}{hint}; valid keys: {', '.join(valid)}")
        return data
