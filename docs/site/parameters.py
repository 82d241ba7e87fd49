"""The page of every parameter, made from the typed parameter objects that the nodes of the pipelines take."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from kedro.framework.project import configure_project, pipelines
from kedro.validation.type_extractor import TypeExtractor
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from xraylab.hooks import RUN_PARAMETERS
from xraylab.parameters import Parameters
from xraylab.tabular.space import Space

__all__ = ["ParameterRow", "describe_class", "parameter_classes", "parameters_page"]

UNITS = {
    "px": "pixels",
    "mm": "mm",
    "deg": "degrees",
    "months": "months",
    "minutes": "minutes",
    "epochs": "epochs",
    "mae": "months",
    "fraction": "share, 0 to 1",
    "fractions": "share, 0 to 1",
    "percentiles": "percent",
}
"""Unit by the last word of a parameter's name; a name without one of these words is a plain number."""

NAMES = {int: "whole number", float: "number", str: "text", bool: "true or false"}
"""Simple types as a person names them."""

INTRODUCTION = """\
# Parameters

Every parameter, made from the typed objects that the pipelines read. The values of a run come from `conf/base`, then
from the environment that `--env` names (without it: from `conf/local`), then from `--params`; a default below holds
where none of them says anything. A key that is not listed here, and a value out of its bounds, stop a run before it
starts.

The key of a parameter is the key in front of its table and its name, joined by dots:
`kedro run --pipelines=fracture --params fracture.training.max_epochs=5`. A table of **models** has one more level, the
name that you give to each model. The parameters of a run are given with `--params` alone.
"""


@dataclass(frozen=True)
class ParameterRow:
    """One parameter as the page shows it.

    Attributes
    ----------
    name, kind, bounds, unit, default, meaning : str
        Name, type, bounds, unit, default and meaning; a text is empty where there is none.
    """

    name: str
    kind: str
    bounds: str
    unit: str
    default: str
    meaning: str


def parameters_page() -> str:
    """Return the page as Markdown: the keys of every pipeline, then one table per class."""
    keys = pipeline_keys()
    classes = parameter_classes(keys.values())
    parts = [INTRODUCTION, "## Parameters of a run\n", "| name | meaning |\n|---|---|"]
    parts += [f"| `{name}` | {meaning} |" for name, meaning in RUN_PARAMETERS.items()]
    parts.append("\n## Keys of each pipeline\n")
    for pipeline in sorted({key.split(".")[0] for key in keys}):
        parts.append(f"### `{pipeline}`\n")
        parts.append("| key | table |\n|---|---|")
        below = {key: value for key, value in keys.items() if key.split(".")[0] == pipeline}
        parts += [f"| `{key}` | {_link(cls)} |" for key, cls in sorted(below.items())]
        parts.append("")
    parts.append("## Tables\n")
    for name, cls in sorted(classes.items()):
        parts.append(_table(name, cls))
    return "\n".join(parts)


def pipeline_keys() -> dict[str, type[Parameters]]:
    """Return the parameter object that the nodes read under each key, such as ``fracture.training``."""
    configure_project("xraylab")
    return dict(TypeExtractor(dict(pipelines)).extract_types_from_pipelines())


def parameter_classes(roots: Any) -> dict[str, type[Parameters]]:
    """Return every parameter class that can be reached from some, by a name of its own."""
    found: list[type[Parameters]] = []
    waiting = list(roots)
    while waiting:
        cls = waiting.pop()
        if cls not in found:
            found.append(cls)
            waiting += [
                each
                for field in cls.model_fields.values()
                for each in _classes_in(field.annotation)
            ]
    named = {title(cls): cls for cls in found}
    if len(named) < len(found):
        raise ValueError("two parameter classes have one heading; rename one of them")
    return named


def title(cls: type[Parameters]) -> str:
    """Return the heading of a class: its name, and its pipeline if it is one of a pipeline."""
    module = cls.__module__.partition(".pipelines.")[2]
    return f"{cls.__name__} of {module.partition('.')[0]}" if module else cls.__name__


def describe_class(cls: type[Parameters]) -> list[ParameterRow]:
    """Return one row per parameter of a class.

    Raises
    ------
    ValueError
        If the docstrings of the class say nothing about one of its parameters.
    """
    meanings = attribute_texts(cls)
    rows = []
    for name, field in cls.model_fields.items():
        meaning = meanings.get(name, "")
        if not meaning and name == "kind":
            meaning = "Chooses this table."
        if not meaning:
            raise ValueError(f"{title(cls)}: the docstring does not describe '{name}'")
        rows.append(
            ParameterRow(
                name,
                type_text(field.annotation),
                _bounds(field),
                _unit(name, field),
                _default(field),
                meaning,
            )
        )
    return rows


def attribute_texts(cls: type[Parameters]) -> dict[str, str]:
    """Return the numpydoc texts of a class's attributes, those of its bases included.

    A name is ``a`` or ``a, b`` before the colon; both then have the same text. A space of hyper-parameters takes the
    texts of the hyper-parameters themselves.
    """
    texts = attribute_texts(cls.spec) if issubclass(cls, Space) and hasattr(cls, "spec") else {}
    for base in reversed(cls.__mro__):
        documented = inspect.cleandoc(base.__doc__ or "").split("Attributes\n----------\n")
        if len(documented) > 1 and issubclass(base, Parameters):
            section = re.split(r"\n\n\S+\n-{3,}\n", documented[1])[0]
            for head, text in re.findall(r"^(\S.*)\n((?:[ \t]+.*\n?|\n)*)", section, re.MULTILINE):
                names = head.partition(" : ")[0]
                joined = " ".join(textwrap.dedent(text).split())
                texts |= {name.strip(): joined for name in names.split(",")}
    return texts


def type_text(annotation: Any) -> str:
    """Return a type as a person writes it.

    Examples
    --------
    >>> type_text(tuple[float, ...] | None), type_text(Literal["a", "b"])
    ('list of number, or null', '`a`, `b`')
    """
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        text = type_text(inner[0])
    elif origin in (Union, UnionType):
        given = [type_text(each) for each in inner if each is not NoneType]
        text = " or ".join(given) + (", or null" if NoneType in inner else "")
    elif origin is Literal:
        text = ", ".join("null" if each is None else f"`{each}`" for each in inner)
    elif origin is dict:
        text = f"{type_text(inner[1])} by name"
    elif origin in (tuple, list):
        kinds = list(dict.fromkeys(type_text(each) for each in inner if each is not Ellipsis))
        count = "list of" if Ellipsis in inner or origin is list else f"{len(inner)} ×"
        text = f"{count} {' or '.join(kinds)}"
    elif isinstance(annotation, type) and issubclass(annotation, Parameters):
        text = _link(annotation)
    else:
        text = NAMES.get(annotation, getattr(annotation, "__name__", str(annotation)))
    return text


def _table(name: str, cls: type[Parameters]) -> str:
    summary = inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0].replace("\n", " ")
    lines = [f"### {name} {{ #{_anchor(cls)} }}\n", f"{_plain(summary)}\n"]
    lines.append("| name | type | bounds | unit | default | meaning |\n|---|---|---|---|---|---|")
    for row in describe_class(cls):
        cells = (f"`{row.name}`", row.kind, row.bounds, row.unit, row.default, _plain(row.meaning))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*lines, ""])


def _plain(text: str) -> str:
    """Return numpydoc text as Markdown: double backticks and references become code."""
    return re.sub(r"``([^`]+)``", r"`\1`", text)


def _link(cls: type[Parameters]) -> str:
    return f"[{cls.__name__}](#{_anchor(cls)})"


def _anchor(cls: type[Parameters]) -> str:
    return title(cls).lower().replace(" ", "-").replace("_", "-")


def _classes_in(annotation: Any) -> Iterator[type[Parameters]]:
    if isinstance(annotation, type) and issubclass(annotation, Parameters):
        yield annotation
    for each in get_args(annotation):
        yield from _classes_in(each)


def _bounds(field: FieldInfo) -> str:
    """Return the bounds of a number, or of a list's length, as a person writes them."""
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    texts = []
    for each in [*field.metadata, *_inner_metadata(field.annotation)]:
        texts += [
            f"{sign} {_number(getattr(each, key))}"
            for key, sign in signs.items()
            if hasattr(each, key)
        ]
        if hasattr(each, "min_length"):
            texts.append(
                f"at least {each.min_length} entries" if each.min_length > 1 else "not empty"
            )
    return ", ".join(dict.fromkeys(texts))


def _inner_metadata(annotation: Any) -> Iterator[Any]:
    for each in get_args(annotation):
        if get_origin(each) is Annotated:
            for mark in get_args(each)[1:]:
                yield from mark.metadata if isinstance(mark, FieldInfo) else [mark]
        yield from _inner_metadata(each)


def _unit(name: str, field: FieldInfo) -> str:
    numeric = {int, float} & set(_leaves(field.annotation))
    return UNITS.get(name.rpartition("_")[2], "") if numeric else ""


def _leaves(annotation: Any) -> Iterator[Any]:
    inner = get_args(annotation)
    if not inner or get_origin(annotation) is Literal:
        yield annotation
    for each in inner:
        yield from _leaves(each)


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, Parameters):
        changed = value.model_dump(exclude_defaults=True)
        return f"its own, with {_code(changed)}" if changed else "its own"
    return _code(value)


def _code(value: Any) -> str:
    """Return a value as it is written in YAML, in one line."""
    return f"`{_yaml(value)}`"


def _yaml(value: Any) -> str:
    if isinstance(value, Parameters):
        value = value.model_dump(exclude_defaults=True)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_yaml(each) for each in value) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return _number(value) if isinstance(value, int | float) else str(value)


def _number(value: float) -> str:
    """Write a number shortly: 2**32 as it is, 0.001 as ``1e-3``."""
    return "2³²" if value == 2**32 else f"{value:g}" if isinstance(value, float) else f"{value}"
