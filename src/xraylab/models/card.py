"""What every model card says, and by what a training is known."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from xraylab import __version__

__all__ = ["NOTICE", "check_preparation", "digest_facts", "package_versions"]

NOTICE = "Research software. Not a medical device."


def digest_facts(facts: Any) -> str:
    """Return 16 hexadecimal digits that change with any of the JSON-ready facts."""
    text = json.dumps(facts, sort_keys=True).encode()
    return hashlib.blake2b(text, digest_size=8).hexdigest()


def check_preparation(name: str, card: Mapping[str, Any], preprocess: Mapping[str, Any]) -> None:
    """Raise ValueError unless films are prepared as those were that the model of this name and card was trained on."""
    if card["preprocess"] != preprocess:
        raise ValueError(
            f"'{name}' was trained on films prepared with {card['preprocess']}, these are prepared with {preprocess}"
        )


def package_versions(
    packages: Sequence[str] = ("torch", "lightning", "segmentation-models-pytorch", "numpy"),
) -> dict[str, str]:
    """Return the versions of this project, of Python and of packages."""
    from importlib.metadata import version

    return {
        "xraylab": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }
