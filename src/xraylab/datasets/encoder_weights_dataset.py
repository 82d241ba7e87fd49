"""A Kedro dataset of pretrained weights that lie in a folder, for where no hub can be reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from kedro.io.core import AbstractDataset, DatasetError
from numpy.typing import NDArray

__all__ = ["EncoderWeightsDataset", "WeightFiles"]

Tensors = dict[str, NDArray[Any]]

_SUFFIXES = (".safetensors", ".pth", ".pt")


class WeightFiles(Mapping[str, Callable[[], Tensors]]):
    """Weight files by name without suffix; each value reads its file.

    Attributes
    ----------
    folder : str
        Where they lie, for messages.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.as_posix()
        found = sorted(folder.glob("*")) if folder.is_dir() else []
        self._files = {
            path.name.removesuffix(path.suffix): path for path in found if path.suffix in _SUFFIXES
        }

    def __getitem__(self, name: str) -> Callable[[], Tensors]:
        return partial(_read_tensors, self._files[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def _read_tensors(path: Path) -> Tensors:
    """Read tensors by name, running no code from the file."""
    import torch
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            tensors = load_file(path)
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and safetensors raise errors of many kinds
        raise ValueError(f"{path}: holds no tensors that can be read safely ({error})") from error
    return {name: value.float().numpy() for name, value in tensors.items()}


class EncoderWeightsDataset(AbstractDataset[NoReturn, WeightFiles]):
    """Files ``<encoder>.<weights>.safetensors`` (or ``.pth``) in a local folder, read when they are asked for.

    The folder need not be there.

    Examples
    --------
    .. code-block:: yaml

        encoder_weights:
          type: xraylab.datasets.EncoderWeightsDataset
          path: data/01_raw/encoder_weights
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

    def load(self) -> WeightFiles:
        """List the files."""
        return WeightFiles(self._path)

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: these weights come from elsewhere."""
        raise DatasetError("encoder weights are read only; put files into the folder by hand")

    def _exists(self) -> bool:
        return True  # without any file, networks start from random weights

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path)}
