"""Names of networks that installed packages declare, read from their source without importing them.

Importing segmentation_models_pytorch takes seconds, and a run checks the names of its networks before anything else.
A name that is found here is right: it is read from the installed version itself. One that is not found may be declared
in a way that cannot be read, so only the import (`xraylab.models.encoders`) refuses a name.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

__all__ = ["declared_architectures", "declared_encoders", "declares_timm_model"]


@cache
def declared_architectures() -> frozenset[str]:
    """Return the architectures of segmentation_models_pytorch.

    Examples
    --------
    >>> "unetplusplus" in declared_architectures()
    True
    """
    folder = _folder("segmentation_models_pytorch")
    values = [] if folder is None else _assigned(folder / "__init__.py", "_MODEL_ARCHITECTURES")
    names = (
        each.id
        for value in values
        if isinstance(value, ast.List)
        for each in value.elts
        if isinstance(each, ast.Name)
    )
    return frozenset(name.lower() for name in names)


@cache
def declared_encoders() -> dict[str, frozenset[str]]:
    """Return the weights of each encoder of segmentation_models_pytorch, both by name.

    Examples
    --------
    >>> sorted(declared_encoders()["resnet34"])
    ['imagenet']
    """
    folder = _folder("segmentation_models_pytorch")
    paths = [] if folder is None else sorted((folder / "encoders").glob("*.py"))
    encoders: dict[str, frozenset[str]] = {}
    for path in paths:
        for table in _assigned(path, "_encoders"):
            for name, settings in _items(table).items():
                weights = _items(_items(settings).get("pretrained_settings"))
                encoders[name] = frozenset(weights)
    return encoders


def declares_timm_model(name: str) -> bool:
    """Tell whether timm's source registers a model.

    Parameters
    ----------
    name : str
        Without ``tu-`` and without the tag of its weights.

    Examples
    --------
    >>> declares_timm_model("resnet18"), declares_timm_model("resnet19")
    (True, False)
    """
    folder = _folder("timm")
    registered = re.compile(rf"^@register_model\s+def {re.escape(name)}\(", re.MULTILINE)
    paths = [] if folder is None else (folder / "models").glob("*.py")
    return any(registered.search(path.read_text(encoding="utf-8")) for path in paths)


def _folder(package: str) -> Path | None:
    spec = find_spec(package)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def _assigned(path: Path, ending: str) -> list[ast.expr]:
    """Return what a module assigns to names that end so."""
    text = path.read_text(encoding="utf-8")
    if f"{ending} = " not in text:
        return []
    return [
        node.value
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id.endswith(ending)
    ]


def _items(node: ast.expr | None) -> dict[str, ast.expr]:
    """Return the values of a dict that is written out, by those keys that are texts."""
    if not isinstance(node, ast.Dict):
        return {}
    return {
        key.value: value
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }
