"""What happens around a run: parameters checked, raw data found or phantoms written, checkpoints cleared."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.pipeline import Pipeline

from xraylab.datasets.checkpoints_dataset import CheckpointsDataset
from xraylab.flow.given_split import SPLIT_TABLE
from xraylab.flow.tags import PREDICT
from xraylab.messages import did_you_mean
from xraylab.phantoms.registry import PHANTOMS, write_phantom
from xraylab.pipelines import pipeline_names, predict_names
from xraylab.workspace import RawRoot

if TYPE_CHECKING:
    from kedro.framework.context import KedroContext
    from kedro.io import CatalogProtocol

__all__ = ["CheckpointsHooks", "ParameterHooks", "PredictHooks", "RawDataHooks", "SplitHooks"]

logger = logging.getLogger(__name__)

# What a run takes beside the parameters of its pipelines; PREDICT is the block of those that predict.
RUN_PARAMETERS = {
    "raw": "the root of the raw data",
    "films": "a folder of films to predict on",
    "out": "the folder of their predictions, or of an export",
    "model": "which released model predicts: a version, a folder or a zip",
    "task": "of which pipeline the model is that is exported",
    "refuse": "whether films that are unlike those of the training are left out",
    "sex": "of children of whom no file says it",
    "heat_maps": "whether maps of where the model looks are written",
    "dicom_seg": "whether masks are written as DICOM Segmentation too",
    "split": "a table that says in which part of the split each film lies",
    "workspace": "the folder of outputs",
    "minutes": "wall-clock of all trainings of each pipeline",
    "compare": "two saved versions of results to compare in reporting",
}


class ParameterHooks:
    """Refuse parameters that nothing reads."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check the keys of all parameters.

        Raises
        ------
        ValueError
            For a key that no pipeline reads, naming the valid ones.
        """
        loader = context.config_loader
        check_parameter_keys(loader["parameters"], loader.runtime_params or {})


def check_parameter_keys(parameters: dict[str, Any], runtime: dict[str, Any]) -> None:
    """Refuse a key of the loaded pipelines' parameters, or of ``--params``, that nothing reads."""
    loaded = set(pipelines) - {"__default__"}
    known = {
        dataset.removeprefix("params:")
        for pipeline in pipelines.values()
        for dataset in pipeline.inputs()
        if dataset.startswith("params:")
    }
    for key, value in parameters.items():
        if key in loaded:
            _check_below(key, value, known)
    names = {*pipeline_names(), *RUN_PARAMETERS, PREDICT}
    for key in parameters.keys() & RUN_PARAMETERS.keys() - runtime.keys():
        raise ValueError(
            f"'{key}' is set in the files of parameters under conf/, where nothing reads it. Give it with the run: "
            f"--params {key}=…"
        )
    for key in (*runtime, *parameters):
        if key not in names and not key.startswith("_"):  # a block that others are made of
            place = "" if key in runtime else " in the files of parameters under conf/"
            raise ValueError(_unknown(key, names, place))
    tasks = list(predict_names().values())
    if runtime.get("task") not in (None, *tasks):
        given = str(runtime["task"])
        raise ValueError(
            f"there is no task '{given}' that releases a model.{did_you_mean(given, tasks)} Valid: {', '.join(tasks)}"
        )


def _check_below(path: str, value: Any, known: set[str]) -> None:
    if path in known:
        return
    below = {key for key in known if key.startswith(f"{path}.")}
    if not below:
        parent = path.rpartition(".")[0]
        siblings = {
            key.removeprefix(f"{parent}.").split(".")[0]
            for key in known
            if key.startswith(f"{parent}.")
        }
        raise ValueError(_unknown(path, {f"{parent}.{key}" for key in siblings}))
    if isinstance(value, dict):
        for key, child in value.items():
            _check_below(f"{path}.{key}", child, known)


def _unknown(key: str, valid: Iterable[str], place: str = "") -> str:
    return f"unknown parameter '{key}'{place}.{did_you_mean(key, valid)} Valid: {', '.join(sorted(valid))}"


class PredictHooks:
    """Ask for what a run that predicts cannot do without."""

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline) -> None:
        """Check ``films`` and ``out``.

        Raises
        ------
        ValueError
            If one is missing, there are no films, or the results would lie among them.
        """
        if not any(PREDICT in node.tags for node in pipeline.nodes):
            return
        runtime = run_params.get("runtime_params") or {}
        missing = [name for name in ("films", "out") if not runtime.get(name)]
        if missing:
            raise ValueError(
                f"{' and '.join(missing)} must be named: --params films=FOLDER_OF_FILMS,out=FOLDER_OF_RESULTS"
            )
        films = str(runtime["films"])
        filesystem, path = fsspec.core.url_to_fs(os.path.expanduser(films))
        if not filesystem.exists(path):
            raise ValueError(f"there is no folder or file '{films}' (films)")
        out = Path(str(runtime["out"])).expanduser().resolve()
        if "://" not in films and out.is_relative_to(Path(path).resolve()):
            raise ValueError(
                f"the results would lie among the films: out={runtime['out']} is in films={films}. Name a folder "
                "elsewhere"
            )


class SplitHooks:
    """Read the table of ``--params split=…`` before anything runs."""

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """Check the table.

        Raises
        ------
        ValueError
            If no node of the run would read it.
        kedro.io.DatasetError
            If it cannot be read, or says no split.
        """
        given = (run_params.get("runtime_params") or {}).get("split")
        if not given:
            return
        if SPLIT_TABLE not in pipeline.inputs():
            raise ValueError(
                f"split={given} changes nothing: no node of this run splits films. Run the pipeline from its node "
                "split_cohort on, or leave split out"
            )
        catalog.load(SPLIT_TABLE)


class CheckpointsHooks:
    """Clear the checkpoints of a training once its models are saved."""

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol[Any, Any]) -> None:
        """Remember the catalog."""
        self.catalog = catalog

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        """Clear ``<pipeline>.<protocol>.checkpoints`` after ``<pipeline>.<protocol>.models``."""
        place, _, saved = dataset_name.rpartition(".")
        checkpoints = self.catalog.get(f"{place}.checkpoints") if saved == "models" else None
        if isinstance(checkpoints, CheckpointsDataset):
            checkpoints.clear()


class RawDataHooks:
    """Say which raw root a run reads, check that its data sets are there, and write phantoms once."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Find the raw root: ``--params raw=…`` before ``XRAYLAB_RAW`` before ``conf``."""
        self.settings = dict(context.config_loader["globals"])
        runtime = context.config_loader.runtime_params or {}
        self.root = RawRoot(self.settings, runtime, context.project_path)

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Make sure that every raw data set which the run reads is there.

        Raises
        ------
        ValueError
            If a data set's folder is missing under the root, naming both.
        """
        read = {name.partition(".")[0] for name in pipeline.inputs()}
        wanted = sorted(read & PHANTOMS.keys())
        if not wanted:
            return
        kind = "phantoms" if self.root.phantoms else "real data"
        logger.info("Raw root: %s (%s, from %s)", self.root.given, kind, self.root.origin)
        for name in wanted:
            if self.root.phantoms:
                folder = Path(self.root.path) / name
                if write_phantom(name, folder, self.settings["phantoms"].get(name, {})):
                    logger.info("Wrote phantom data set %s", folder)
            else:
                check_folder(name, self.root.path)


def check_folder(name: str, root: str) -> None:
    """Raise ValueError unless the raw root holds the folder of a data set."""
    filesystem, path = fsspec.core.url_to_fs(f"{root}/{name}")
    if not filesystem.isdir(path):
        raise ValueError(
            f"the raw root '{root}' has no folder '{name}'. Put the data set there as it is published (README, "
            "'Your own data'), or name another root by XRAYLAB_RAW or --params raw=…"
        )
