"""A Kedro dataset of films' features by frozen encoders, versioned, computed once and mapped into memory."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from kedro.io.core import AbstractVersionedDataset, DatasetError, Version

from xraylab.models.embeddings import (
    EmbeddingPlan,
    Embeddings,
    is_store,
    read_embeddings,
    write_embeddings,
)

__all__ = ["EmbeddingsDataset"]


class EmbeddingsDataset(AbstractVersionedDataset[dict[str, EmbeddingPlan], dict[str, Embeddings]]):
    """Compute what plans name into a local folder of matrices; load them mapped.

    ``save`` takes `xraylab.models.embeddings.EmbeddingPlan` by name and computes only rows that the latest version
    does not hold already: of the same film, by the same encoder with the same weights. A version is complete in
    itself.

    Examples
    --------
    .. code-block:: yaml

        tb_classification.embeddings:
          type: xraylab.datasets.EmbeddingsDataset
          filepath: data/04_feature/tb_classification/embeddings
          versioned: true
    """

    def __init__(
        self,
        *,
        filepath: str,
        version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Describe a folder.

        Parameters
        ----------
        filepath : str
            The folder, on a local disk.
        version : Version, optional
            Versions to load and save; None for a folder that each save replaces.
        metadata : dict, optional
            Ignored by Kedro; for users and plugins.
        """
        if "://" in filepath and not filepath.startswith("file://"):
            raise DatasetError(
                f"embeddings are mapped into memory, so their folder must be local, not {filepath!r}"
            )
        self.metadata = metadata
        super().__init__(
            filepath=PurePosixPath(filepath.removeprefix("file://")),
            version=version,
            exists_function=lambda path: is_store(Path(path)),
        )

    def load(self) -> dict[str, Embeddings]:
        """Open every matrix of the folder.

        Raises
        ------
        kedro.io.DatasetError
            If the folder holds none.
        """
        try:
            return read_embeddings(Path(self._get_load_path()))
        except (OSError, KeyError, ValueError) as error:
            raise DatasetError(f"no embeddings can be read: {error}") from error

    def save(self, data: dict[str, EmbeddingPlan]) -> None:
        """Compute and write what the plans name."""
        write_embeddings(data, Path(self._get_save_path()), self._latest())

    def _latest(self) -> Path | None:
        """Return the newest store that lies here."""
        place = Path(self._filepath)
        if not self._version:
            return place if is_store(place) else None
        stores = [each / place.name for each in sorted(place.glob("*")) if each.is_dir()]
        return next((each for each in reversed(stores) if is_store(each)), None)

    def _exists(self) -> bool:
        try:
            return is_store(Path(self._get_load_path()))
        except DatasetError:
            return False

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "version": self._version}
