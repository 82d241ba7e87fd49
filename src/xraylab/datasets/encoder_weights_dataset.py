"""A Kedro dataset of pretrained weights that lie in a folder, for where no hub can be reached."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from kedro.io.core import AbstractDataset, DatasetError
from numpy.typing import NDArray

from xraylab.models.encoders import OWN_PREFIX
from xraylab.models.frozen import OWN

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

    def __init__(self, folder: Path, models: Path | None = None) -> None:
        self.folder = folder.as_posix()
        found = sorted(folder.glob("*")) if folder.is_dir() else []
        self._files = {
            path.name.removesuffix(path.suffix): path for path in found if path.suffix in _SUFFIXES
        }
        if models is not None and models.is_dir():
            self._files.update(_own_encoders(models))

    def __getitem__(self, name: str) -> Callable[[], Tensors]:
        return partial(_read_tensors, self._files[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def _own_encoders(models: Path) -> dict[str, Path]:
    """Return the latest trained models with an encoder, as ``<encoder>.models/<pipeline>/<protocol>/<model>``."""
    found = {}
    for folder in sorted(models.glob("*/*")):
        versions = sorted(each for each in folder.iterdir() if each.is_dir())
        for path in sorted(versions[-1].rglob("*.safetensors")) if versions else []:
            card = path.with_suffix(".json")
            stored = json.loads(card.read_text(encoding="utf-8")) if card.exists() else {}
            network = stored.get("card", stored).get("network") or {}
            encoder = network.get("encoder")
            if encoder is None and network.get("architecture") in OWN:
                encoder = network["architecture"]  # its contracting path
            if encoder:
                pipeline, protocol = folder.relative_to(models).parts
                found[f"{encoder}.{OWN_PREFIX}{pipeline}/{protocol}/{path.stem}"] = path
    return found


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
    # of a whole network of this project the encoder
    part = [name for name in tensors if name.startswith("encoder.") or ".encoder." in name]
    if part:
        tensors = {name.partition("encoder.")[2]: tensors[name] for name in part}
    return {name: value.float().numpy() for name, value in tensors.items()}


class EncoderWeightsDataset(AbstractDataset[NoReturn, WeightFiles]):
    """Files ``<encoder>.<weights>.safetensors`` (or ``.pth``) in a local folder, read when they are asked for.

    The folder need not be there. Encoders of this project's own trained models are found under ``models``, in their
    latest version, as ``<encoder>.models/<pipeline>/<protocol>/<model>``.

    Examples
    --------
    .. code-block:: yaml

        encoder_weights:
          type: xraylab.datasets.EncoderWeightsDataset
          path: data/01_raw/encoder_weights
          models: data/06_models
    """

    def __init__(
        self, *, path: str, models: str | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        """Describe a folder.

        Parameters
        ----------
        path : str
            The folder, on a local disk.
        models : str, optional
            The folder of trained models, on a local disk.
        metadata : dict, optional
            Ignored by Kedro; for users and plugins.
        """
        self._path = Path(path)
        self._models = None if models is None else Path(models)
        self.metadata = metadata

    def load(self) -> WeightFiles:
        """List the files."""
        return WeightFiles(self._path, self._models)

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: these weights come from elsewhere."""
        raise DatasetError("encoder weights are read only; put files into the folder by hand")

    def _exists(self) -> bool:
        return True  # without any file, networks start from random weights

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path), "models": str(self._models)}
