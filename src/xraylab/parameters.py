"""The base of every typed parameter object."""

from __future__ import annotations

from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, model_validator

__all__ = ["Parameters"]


class Parameters(BaseModel):
    """Frozen, typed parameters that refuse what they do not know.

    A subclass declares its fields with bounds, units in the names, and choices as ``Literal``. A single value given
    for a list is a list of one.

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
            return {
                key: (value,) if _is_alone(value, cls.model_fields[key].annotation) else value
                for key, value in data.items()
            }
        return data


def _is_alone(value: Any, annotation: Any) -> bool:
    """Tell whether one text or number is given where a sequence is asked for, and nothing else would do."""
    kinds = [_origin(each) for each in _choices(annotation)]
    return (
        isinstance(value, str | int | float)
        and bool(kinds)
        and set(kinds) <= {tuple, list, type(None)}
    )


def _choices(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _origin(annotation: Any) -> Any:
    origin = get_origin(annotation)
    return _origin(get_args(annotation)[0]) if origin is Annotated else origin or annotation
