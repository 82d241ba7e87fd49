"""One workspace, one source: what a run writes says where it comes from, and a run reads nothing of another source."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

from xraylab.flow.given_split import SPLIT_TABLE
from xraylab.flow.tags import APART
from xraylab.phantoms.registry import PHANTOMS, is_phantom
from xraylab.pipelines import pipeline_names
from xraylab.provenance import SIDECAR, Source, code_version, digest_films, identify_folder

if TYPE_CHECKING:
    from kedro.framework.context import KedroContext
    from kedro.io import CatalogProtocol
    from kedro.pipeline.node import Node

__all__ = ["RawRoot", "WorkspaceHooks"]

logger = logging.getLogger(__name__)

_CARD = "workspace.json"
_OF_FILMS = (".cohort", ".arrays", ".new_arrays")  # data sets that list films and their content


class RawRoot:
    """The root of the raw data: ``--params raw=…`` before ``XRAYLAB_RAW`` before ``conf``.

    Parameters
    ----------
    settings : dict
        The globals of the environment.
    runtime : dict
        Parameters of the run.
    project_path : Path
        What a relative root is relative to.
    """

    def __init__(
        self, settings: dict[str, Any], runtime: dict[str, Any], project_path: Path
    ) -> None:
        self.given = str(runtime.get("raw") or settings["raw"])
        by_name = "XRAYLAB_RAW" if os.environ.get("XRAYLAB_RAW") else "conf"
        self.origin = "--params raw" if runtime.get("raw") else by_name
        self.path = absolute(self.given, project_path)
        # inside of the project by its place there, so that a project can be moved
        self.name = self.path.removeprefix(f"{project_path.resolve().as_posix()}/")
        phantom_root = settings.get("phantom_root")
        self.phantoms = bool(phantom_root) and self.path == absolute(
            str(phantom_root), project_path
        )


def absolute(path: str, project_path: Path) -> str:
    """Return a path as it is if it is an address, else absolute, with ``~`` and links resolved."""
    if "://" in path:
        return path.rstrip("/")
    return (project_path / Path(path).expanduser()).resolve().as_posix()


class WorkspaceHooks:
    """Stamp what a run saves with its source, and refuse intermediate data of another source."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Remember the settings."""
        self.settings = dict(context.config_loader["globals"])
        self.project_path = context.project_path

    @hook_impl(trylast=True)  # phantoms are written first
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """Find the source of this run, and check what it reads and what it would leave as it is.

        Raises
        ------
        ValueError
            If the workspace belongs to another environment, or its path holds ``* ? [ ]``, or an intermediate data
            set was made in another one, from another raw root, or before the raw data changed.
        """
        self.__dict__.pop("base", None)
        if all(APART & node.tags for node in pipeline.nodes):
            return  # a user's own films never enter the workspace of a training
        runtime = run_params.get("runtime_params") or {}
        self.catalog = catalog
        self.root = RawRoot(self.settings, runtime, self.project_path)
        given = str(runtime.get("workspace") or self.settings.get("workspace", "data"))
        self.workspace, self.workspace_given = absolute(given, self.project_path), given
        self.identities: dict[str, str] = {}
        self.base = Source(
            environment=run_params.get("env") or "base",
            raw_root=self.root.name,
            raw_root_as_given=self.root.given,
            phantoms=self.root.phantoms,
            code=code_version(),
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            run=str(run_params.get("run_id") or ""),
            seed=self.settings.get("seed"),
        )
        self.split = self._identify_split(pipeline)
        self.sources: dict[str, Source] = {}
        self._check_workspace()
        self._read_inputs(pipeline.inputs())
        if run_params.get("only_missing_outputs"):
            self._check_outputs(pipeline)

    def _check_workspace(self) -> None:
        """Refuse the workspace of another environment, or one whose path is a pattern; stamp a new one."""
        odd = sorted(set("*?[]") & set(self.workspace))
        if odd:  # Kedro finds the versions of a data set by a pattern that begins with its path
            raise ValueError(
                f"the path of the workspace may not hold {' '.join(odd)}: '{self.workspace}'. Name another one: "
                "--params workspace=FOLDER"
            )
        card = _read(f"{self.workspace}/{_CARD}")
        if card is not None and card.environment != self.base.environment:
            raise ValueError(
                f"the workspace '{self.workspace_given}' belongs to the environment '{card.environment}', and this "
                f"run is in '{self.base.environment}'. Run with --env {card.environment}, or name another workspace: "
                "--params workspace=FOLDER"
            )
        _write(f"{self.workspace}/{_CARD}", self.base)

    def _read_inputs(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            data_set = name.partition(".")[0]
            if name == SPLIT_TABLE:
                self.sources[name] = replace(self.base, split=self.split)
            elif data_set in PHANTOMS:
                identity = self._identify(data_set)
                phantoms = self.base.phantoms or is_phantom(f"{self.root.path}/{data_set}")
                self.sources[name] = replace(
                    self.base, data_sets={data_set: identity}, phantoms=phantoms
                )
            elif self._is_missing(name):
                raise ValueError(
                    f"'{name}' is not there yet: no run has made it in the workspace '{self.workspace_given}'. Run "
                    f"first: kedro run --env {self.base.environment} --pipelines={name.partition('.')[0]}"
                )
            elif (made := self._made(name)) is not None:
                if self._is_optional(name):
                    if self._differs(made):
                        continue  # its reader leaves it out
                else:
                    self._refuse_other(name, made)
                self.sources[name] = made

    def _check_outputs(self, pipeline: Pipeline) -> None:
        """With ``--only-missing-outputs`` a node is left out if its outputs are there: they must be of this source."""
        split = {name for node in pipeline.nodes if SPLIT_TABLE in node.inputs for name in node.outputs}  # fmt: skip
        for name in sorted(pipeline.all_outputs()):
            if self._place(name) and self.catalog.exists(name):
                made = self._made(name)
                if made is not None:
                    self._refuse_other(name, made)
                    if name in split and made.split != self.split:
                        raise ValueError(
                            f"'{name}' in the workspace '{self.workspace_given}' was made with another split "
                            f"({made.date[:10]}). Run without --only-missing-outputs, or name another workspace: "
                            "--params workspace=FOLDER"
                        )

    def _refuse_other(self, name: str, made: Source) -> None:
        reason = self._differs(made)
        if reason:
            raise ValueError(
                f"'{name}' in the workspace '{self.workspace_given}' was made from {reason} ({made.date[:10]}). "
                f"{self._remedy(name)}"
            )

    def _differs(self, made: Source) -> str:
        """Say in what a source differs from that of this run; empty where it does not."""
        now = replace(self.base, data_sets={each: self._identify(each) for each in made.data_sets})
        return now.differs_from(made)

    def _is_optional(self, name: str) -> bool:
        return bool(getattr(self.catalog.get(name), "OPTIONAL", False))

    def _remedy(self, name: str) -> str:
        """Return what to do about a data set of another source: run all pipelines that lead to it."""
        chain: list[str] = []

        def add(pipeline: str) -> None:
            create = import_module(f"xraylab.pipelines.{pipeline}").create_pipeline
            for each in sorted(create().inputs()):
                maker = each.partition(".")[0]
                needed = not self._is_optional(each)
                if needed and maker in pipeline_names() and maker not in chain:
                    add(maker)
            chain.append(pipeline)

        add(name.partition(".")[0])
        return (
            f"Make it again (kedro run --pipelines={','.join(chain)}), or name another workspace: "
            "--params workspace=FOLDER"
        )

    def _identify_split(self, pipeline: Pipeline) -> str:
        """Return the digest of the table that gives the parts; empty where the run reads none."""
        if SPLIT_TABLE not in pipeline.inputs():
            return ""
        table: Any = self.catalog.get(SPLIT_TABLE)
        return str(table.identify())

    def _identify(self, data_set: str) -> str:
        if data_set not in self.identities:
            self.identities[data_set] = identify_folder(f"{self.root.path}/{data_set}")
        return self.identities[data_set]

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any) -> None:
        """Count the films of a cohort or a cache of arrays."""
        self._count(dataset_name, data)

    @hook_impl
    def before_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """Hand its source to a data set that writes it into its own file."""
        if not hasattr(self, "base"):
            return
        self.sources[dataset_name] = self._source_of(dataset_name, node)
        self._count(dataset_name, data)
        dataset: Any = self.catalog.get(dataset_name)
        if hasattr(dataset, "source"):
            dataset.source = self.sources[dataset_name]

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        """Write the source beside what was saved."""
        if not hasattr(self, "base"):
            return
        place = self._place(dataset_name)
        dataset = self.catalog.get(dataset_name)
        if place and dataset is not None and not getattr(dataset, "CARRIES_SOURCE", False):
            _write(_sidecar(place, _save_version(dataset)), self.sources[dataset_name])

    @hook_impl
    def after_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline) -> None:
        """Write the source of what other processes have saved: they know nothing of this hook."""
        if "ParallelRunner" not in str(run_params.get("runner")) or not hasattr(self, "base"):
            return
        reads = {name: each for name, each in self.identities.items() if each}
        only_missing = bool(run_params.get("only_missing_outputs"))
        by_split = pipeline.from_inputs(SPLIT_TABLE).all_outputs() if self.split else set()
        for name in sorted(pipeline.all_outputs() - self.sources.keys()):
            place, dataset = self._place(name), self.catalog.get(name)
            if place is None or dataset is None:
                continue
            version = _save_version(dataset)
            saved = place if version is None else f"{place}/{version}/{place.rpartition('/')[2]}"
            filesystem, path = fsspec.core.url_to_fs(saved)
            # what was there already, and so was left out, keeps its source
            kept = only_missing and _read(_sidecar(place, version)) is not None
            if filesystem.exists(path) and not kept:
                split = self.split if name in by_split else ""
                self.sources[name] = replace(self.base, data_sets=reads, split=split)
                self.after_dataset_saved(name)

    def _source_of(self, name: str, node: Node) -> Source:
        """Return the source of an output: the data sets and films behind the inputs of its node."""
        inputs = [self.sources[each] for each in node.inputs if each in self.sources]
        data_sets = {key: value for each in inputs for key, value in each.data_sets.items()}
        split = next((each.split for each in inputs if each.split), "")
        behind = self._films_behind(name, node)
        return replace(
            self.base,
            data_sets=data_sets,
            split=split,
            phantoms=any(each.phantoms for each in inputs) if inputs else self.base.phantoms,
            n_films=behind.n_films if behind else None,
            data_digest=behind.data_digest if behind else "",
        )

    def _films_behind(self, name: str, node: Node) -> Source | None:
        pipeline = name.partition(".")[0]
        own = f"{pipeline}.cohort"
        known = [self.sources[each] for each in (own, *node.inputs) if each in self.sources]
        known = [each for each in known if each.n_films is not None]
        if known:
            return known[0]
        return self._made(f"{pipeline}.cohort")

    def _count(self, name: str, data: Any) -> None:
        """Note how many films a cohort or a cache of arrays holds, and their digest."""
        if name in self.__dict__.get("sources", {}) and name.endswith(_OF_FILMS):
            films = digest_films(data)
            if films is not None:
                self.sources[name] = self.sources[name].of_films(*films)

    def _made(self, name: str) -> Source | None:
        """Return the source of what lies at a data set of the workspace; None where nothing has to be known."""
        place = self._place(name)
        dataset = self.catalog.get(name) if place else None
        if place is None or dataset is None:
            return None
        if not dataset.exists():
            return None
        resolve = getattr(dataset, "resolve_load_version", None)
        made = _read(_sidecar(place, resolve() if resolve is not None else None))
        if made is None and not self._is_optional(name):
            raise ValueError(
                f"'{name}' in the workspace '{self.workspace_given}' does not say from which data it was made: its "
                f"file '{Path(place).name}{SIDECAR}' is missing. {self._remedy(name)}"
            )
        return made

    def _is_missing(self, name: str) -> bool:
        """Tell whether the workspace lacks a data set that a run reads and cannot do without."""
        if self._place(name) is None:
            return False
        return not self._is_optional(name) and not self.catalog.exists(name)

    def _place(self, name: str) -> str | None:
        """Return where the catalog keeps a data set, if that is in the workspace."""
        resolver = getattr(self.catalog, "config_resolver", None)
        if resolver is None or name.startswith(("params:", "parameters")):
            return None
        config = resolver.resolve_pattern(name)
        place = config.get("filepath") or config.get("path")
        if not isinstance(place, str) or config.get("type", "").endswith("CheckpointsDataset"):
            return None
        path = absolute(place, self.project_path)
        inside = path.startswith(f"{self.workspace}/") and not path.startswith(
            (f"{self.workspace}/01_raw/", f"{self.root.path}/")
        )
        return place.rstrip("/") if inside else None


def _save_version(dataset: Any) -> str | None:
    """Return the version that a run saves; None for a data set without versions."""
    resolve = getattr(dataset, "resolve_save_version", None)
    return None if resolve is None else resolve()


def _sidecar(place: str, version: str | None) -> str:
    """Return the path of the source beside a file or folder, of which there may be versions."""
    if version is None:
        return f"{place}{SIDECAR}"
    return f"{place}/{version}/{place.rpartition('/')[2]}{SIDECAR}"


def _read(path: str) -> Source | None:
    try:
        with fsspec.open(path, "r", encoding="utf-8") as file:
            return Source.from_json(file.read())
    except (FileNotFoundError, ValueError):
        return None


def _write(path: str, source: Source) -> None:
    from xraylab.imaging.files import write_bytes

    write_bytes(path, source.to_json().encode())
