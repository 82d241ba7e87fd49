"""What every model card says, and by what a training is known."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from xraylab import __version__

__all__ = [
    "CLOCK",
    "NOTICE",
    "check_preparation",
    "describe_cut_short",
    "digest_facts",
    "package_versions",
]

NOTICE = "Research software. Not a medical device."

CLOCK = "stopped by the clock"
"""What is said of a training, or of a search, that ``--params minutes=…`` ended."""


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


def describe_cut_short(card: Mapping[str, Any]) -> str:
    """Return in words what a training lacked of what its parameters ask for; empty where it lacked nothing.

    Parameters
    ----------
    card : mapping
        ``fit.stopped_by``, where the model was fitted in steps, and ``missing_weights``, the name of pretrained weights
        that were not at hand, here or under ``embedding``.

    Examples
    --------
    >>> describe_cut_short({"fit": {"stopped_by": "minutes"}, "missing_weights": "imagenet"})
    'stopped by the clock; random encoder weights in place of imagenet'
    """
    lacks = [CLOCK] if card.get("fit", {}).get("stopped_by") == "minutes" else []
    missing = card.get("missing_weights") or card.get("embedding", {}).get("missing_weights")
    if missing:
        lacks.append(f"random encoder weights in place of {missing}")
    return "; ".join(lacks)


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
