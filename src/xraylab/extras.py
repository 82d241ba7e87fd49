"""Packages that only some uses need, and what to install where one of them is missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["EXTRAS", "require", "say_missing"]

EXTRAS = {
    "boosting": ("lightgbm", "xgboost"),
    "cluster": ("dask", "distributed"),
    "dicom": ("highdicom",),
    "export": ("onnx", "onnxruntime"),
    "mlflow": ("kedro_mlflow", "mlflow"),
    "postgresql": ("psycopg",),
    "train": ("lightning", "optuna", "shap", "torchmetrics"),
    "viz": ("kedro_viz", "plotly"),
}
"""Modules by the extra of ``pyproject.toml`` that brings them. What is in none is always installed."""


def say_missing(error: BaseException) -> str:
    """Return one sentence that names the package that an import lacked, and its extra; empty for another error.

    Examples
    --------
    >>> say_missing(ModuleNotFoundError("No module named 'shap'", name="shap"))
    "this needs 'shap', which is not installed: pip install 'xraylab[train]' (in a checkout: pip install '.[train]')"
    """
    name = (getattr(error, "name", None) or "").partition(".")[0]
    extra = next((extra for extra, modules in EXTRAS.items() if name in modules), "")
    if not isinstance(error, ModuleNotFoundError) or not extra:
        return ""
    return (
        f"this needs '{name}', which is not installed: pip install 'xraylab[{extra}]' "
        f"(in a checkout: pip install '.[{extra}]')"
    )


def require(module: str) -> Any:
    """Import a module of an extra.

    Parameters
    ----------
    module : str
        Its name, such as ``xgboost``.

    Raises
    ------
    ModuleNotFoundError
        If it is not installed, naming the extra.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(say_missing(error) or str(error), name=error.name) from error
