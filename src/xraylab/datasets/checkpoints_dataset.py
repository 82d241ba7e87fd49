"""A Kedro dataset of work in progress: an interrupted run resumes from it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedro.io.core import AbstractDataset

from xraylab.imaging.files import write_bytes

__all__ = ["CheckpointsDataset"]


class CheckpointsDataset(AbstractDataset[Mapping[str, Any], Path]):
    """A local folder for checkpoints and the like: one node saves what the work is about, the next works in it.

    A hook clears it once the models of that node are saved (`xraylab.hooks.CheckpointsHooks`), so that an
    interrupted run resumes from it and a finished run leaves nothing behind.

    Examples
    --------
    .. code-block:: yaml

        bone_age.honest.checkpoints:
          type: xraylab.datasets.CheckpointsDataset
          path: data/06_models/bone_age/.checkpoints/honest
    """

    def __init__(self, *, path: str, metadata: dict[str, Any] | None = None) -> None:
        """Describe a folder.

        Parameters
        ----------
        path : str
            The folder, on a local disk.
        metadata : dict, optional
            Ignored by Kedro; for users and plugins.
        """
        self._path = Path(path)
        self.metadata = metadata

    def load(self) -> Path:
        """Return the folder, made if need be."""
        self._path.mkdir(parents=True, exist_ok=True)
        return self._path

    def save(self, data: Mapping[str, Any]) -> None:
        """Write what the work is about to ``about.json`` in the folder; what lies there already is kept."""
        write_bytes(str(self.load() / "about.json"), json.dumps(dict(data), indent=2).encode())

    def clear(self) -> None:
        """Remove all that lies in the folder."""
        shutil.rmtree(self._path, ignore_errors=True)

    def _exists(self) -> bool:
        return True  # an empty folder is a fine place to begin

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path)}
