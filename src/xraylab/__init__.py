"""xraylab: machine learning on radiographs, measured honestly.

Research software. Not a medical device: nothing it predicts may guide care.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

__all__ = ["__version__", "load_model"]


def __getattr__(name: str) -> Any:
    # loaded when it is asked for: every module of the package passes through here
    if name != "load_model":
        raise AttributeError(f"module 'xraylab' has no attribute '{name}'")
    return import_module("xraylab.released").load_model
