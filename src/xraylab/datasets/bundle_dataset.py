"""A Kedro dataset of the bundle that ``--params model=…`` names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import fsspec
from kedro.io.core import AbstractDataset, DatasetError

from xraylab.models.bundle import Bundle, BundleError, find_bundle, is_address, open_bundle

__all__ = ["BundleDataset"]


class BundleDataset(AbstractDataset[NoReturn, Bundle]):
    """Load a released model: a version of a workspace, a folder, a zip file, or an fsspec address.

    Examples
    --------
    .. code-block:: yaml

        bone_age_predict.bundle:
          type: xraylab.datasets.BundleDataset
          task: bone_age
          workspaces: [data, data/*]
    """

    def __init__(
        self,
        *,
        task: str | None = None,
        model: str = "",
        workspaces: Sequence[str] = (),
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Describe a bundle.

        Parameters
        ----------
        task : str, optional
            The pipeline that it must be of; any without.
        model : str
            A version, a folder, a zip or an address; empty for the newest of the task, of real data before phantoms.
        workspaces : sequence of str
            Folders that runs write to, in which versions are looked for; ``*`` stands for any name.
        metadata : dict, optional
            Ignored by Kedro; for users and plugins.
        """
        self._task, self._model, self._workspaces = task, model, list(workspaces)
        self.metadata = metadata

    def load(self) -> Bundle:
        """Open the bundle.

        Raises
        ------
        kedro.io.DatasetError
            If there is none, it is damaged, or it is of another task.
        """
        try:
            return open_bundle(self._find(), self._task)
        except BundleError as error:
            raise DatasetError(str(error)) from error

    def save(self, data: NoReturn) -> None:
        """Raise DatasetError: bundles are saved by the pipelines that train."""
        raise DatasetError("a bundle is saved by the pipeline that trains it")

    def _find(self) -> str:
        if self._task is None:
            if not self._model:
                raise BundleError(
                    "which model? Name a bundle, --params model=FOLDER or model=FILE.zip, or a task, --params "
                    "task=bone_age, and with it a version or nothing"
                )
            if not is_address(self._model):
                raise BundleError(
                    f"of which task is the version '{self._model}'? Name it: --params model={self._model},task=bone_age"
                )
            return self._model
        places = []
        for workspace in self._workspaces:
            filesystem, path = fsspec.core.url_to_fs(workspace)
            found = filesystem.glob(path) if "*" in path else [path]
            remote = "://" in workspace
            places += [filesystem.unstrip_protocol(each) if remote else each for each in found]
        train = f"kedro run --pipeline={self._task}"
        return find_bundle(self._model, self._task, dict.fromkeys(places), train)

    def _describe(self) -> dict[str, Any]:
        return {"task": self._task, "model": self._model, "workspaces": self._workspaces}

    def _exists(self) -> bool:
        try:
            self._find()
        except BundleError:
            return False
        return True
