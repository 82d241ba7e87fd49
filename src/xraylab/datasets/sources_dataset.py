"""A Kedro dataset of where the reported results come from."""

from __future__ import annotations

from typing import Any, NoReturn

import fsspec
from kedro.io.core import AbstractDataset, DatasetError

from xraylab.provenance import SIDECAR, Source

__all__ = ["SourcesDataset"]


class SourcesDataset(AbstractDataset[NoReturn, dict[str, Source]]):
    """The source of each pipeline's reported results, by the pipeline's name.

    A run writes the source of each table beside it (`xraylab.workspace.WorkspaceHooks`). That of the newest metrics
    speaks for a pipeline, and that of its newest file where it has no metrics.

    Examples
    --------
    .. code-block:: yaml

        reporting.sources:
          type: xraylab.datasets.SourcesDataset
          path: data/08_reporting
    """

    OPTIONAL = True  # a reader does without it; see `xraylab.workspace`

    def __init__(self, *, path: str, metadata: dict[str, Any] | None = None) -> None:
        """Describe a folder.

        Parameters
        ----------
        path : str
            The folder with one folder per pipeline, on any fsspec file system.
        metadata : dict, optional
            Ignored by Kedro; for users and plugins.
        """
        self._path = path.rstrip("/")
        self.metadata = metadata

    def load(self) -> dict[str, Source]:
        """Read the sources; none where nothing has run."""
        filesystem, root = fsspec.core.url_to_fs(self._path)
        found: dict[str, tuple[bool, str, Source]] = {}
        for path in filesystem.find(root) if filesystem.isdir(root) else []:
            if not path.endswith(SIDECAR):
                continue
            parts = path.removeprefix(root).strip("/").split("/")
            try:
                source = Source.from_json(filesystem.cat_file(path).decode())
            except ValueError:
                continue  # half a file of an interrupted run
            rank = (parts[-1] == f"metrics.csv{SIDECAR}", source.date, source)
            if len(parts) > 1 and (parts[0] not in found or rank[:2] >= found[parts[0]][:2]):
                found[parts[0]] = rank
        return {pipeline: source for pipeline, (_, _, source) in sorted(found.items())}

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: sources are written beside what they speak of."""
        raise DatasetError("sources are written beside the tables that they speak of")

    def _exists(self) -> bool:
        return True  # no source is an answer too

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path}
