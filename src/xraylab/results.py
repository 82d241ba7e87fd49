"""What runs have written, for a notebook or a script: the catalog alone, and single numbers of its tables."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog

from xraylab.config import CONFIG_LOADER_ARGS
from xraylab.imaging.files import is_local

if TYPE_CHECKING:
    import pandas as pd

    from xraylab.pipelines.reporting.numbers import Estimate

__all__ = ["find_metric", "open_catalog"]

_PLACES = ("raw", "workspace")


def open_catalog(project: Path | None = None, env: str | None = None, **params: str) -> DataCatalog:
    """Open the data sets of a project for reading; no pipeline, parameter or hook is loaded.

    Parameters
    ----------
    project : Path, optional
        Folder of the project; without it the nearest one above the current folder that holds ``conf``.
    env : str, optional
        The environment that the runs had; without it that of ``KEDRO_ENV``, else ``local``.
    **params : str
        ``workspace`` and ``raw``, as ``--params`` of the runs took them.

    Returns
    -------
    DataCatalog
        ``open_catalog()["fracture.metrics"].load()`` is a table.

    Raises
    ------
    FileNotFoundError
        If no folder above the current one holds ``conf``.

    Examples
    --------
    >>> "fracture.metrics" in open_catalog()
    True
    """
    project = _find_project() if project is None else project.resolve()
    env = env or os.environ.get("KEDRO_ENV")
    settings = {**_load(project, env, {}, "globals"), **params}
    places = {name: _absolute(str(settings[name]), project) for name in _PLACES}
    return DataCatalog.from_config(_load(project, env, {**params, **places}, "catalog"))


def find_metric(
    metrics: pd.DataFrame, protocol: str, model: str, metric: str, split: str = "test"
) -> Estimate:
    """Return one number of ``metrics.csv`` with its interval, as the report writes it.

    Parameters
    ----------
    metrics : DataFrame
        ``protocol, model, split, metric, value, ci_low, ci_high``.
    protocol, model, metric, split : str
        Its row.

    Returns
    -------
    Estimate
        Its ``value``, ``low`` and ``high``; nan where there is no such row.

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"protocol": "honest", "model": "cnn", "split": "test", "metric": "mae"}
    >>> metrics = pd.DataFrame([{**row, "value": 13.12, "ci_low": 11.9, "ci_high": 14.46}])
    >>> find_metric(metrics, "honest", "cnn", "mae").write("months")
    '13.1 months (11.9 to 14.5)'
    """
    from xraylab.pipelines.reporting.numbers import Estimate

    wanted = {"protocol": protocol, "model": model, "metric": metric, "split": split}
    found = metrics
    for column, value in wanted.items():
        found = found[found[column] == value]
    return Estimate.of(found.iloc[0].to_dict()) if len(found) else Estimate(float("nan"))


def _find_project() -> Path:
    folders = [Path.cwd(), *Path.cwd().parents]
    found = next((folder for folder in folders if (folder / "conf" / "base").is_dir()), None)
    if found is None:
        raise FileNotFoundError(f"no project at {Path.cwd()} or above: no folder holds conf/base")
    return found


def _load(project: Path, env: str | None, params: dict[str, str], name: str) -> dict[str, Any]:
    with warnings.catch_warnings():
        # Kedro calls a function of OmegaConf by its old name
        warnings.filterwarnings("ignore", message="register_new_resolver")
        loader = OmegaConfigLoader(
            str(project / "conf"), env=env, runtime_params=params, **CONFIG_LOADER_ARGS
        )
        return dict(loader[name])


def _absolute(path: str, project: Path) -> str:
    return str(project / Path(path).expanduser()) if is_local(path) else path
