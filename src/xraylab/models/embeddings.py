"""Features of films by frozen encoders: computed once, a batch at a time, and mapped into memory.

A store is a folder: ``store.json`` names its matrices, ``<name>.f32`` is the matrix (N, F) of one encoder in float32,
row after row, ``<name>.json`` says how it was made, ``<name>.parquet`` which film a row is of. A film is known by the
digest of what the encoder saw; rows that an older store holds in the same making are copied, not computed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = [
    "EmbeddingPlan",
    "Embeddings",
    "hold_embeddings",
    "is_store",
    "read_embeddings",
    "write_embeddings",
]

Floats = NDArray[np.float32]

_FORMAT = 1  # raise it when the same facts give other features
_FLOAT_BYTES = 4
_CARD = "store.json"


@dataclass(frozen=True)
class EmbeddingPlan:
    """What shall be in a store under one name; nothing is computed until it is written.

    Attributes
    ----------
    image_ids, sources : sequence of str
        The films, and a digest of what the encoder is shown of each.
    facts : dict
        JSON-ready: all that the features depend on beside the films.
    compute : callable
        Positions (B,) among the films to features (B, F).
    batch_size : int
        Films at once.
    """

    image_ids: list[str]
    sources: list[str]
    facts: dict[str, Any]
    compute: Callable[[NDArray[np.int64]], Floats]
    batch_size: int = 16


@dataclass(frozen=True)
class Embeddings:
    """Features of films by one encoder; the matrix stays on disk and is mapped when it is used.

    Attributes
    ----------
    path : str
        The matrix.
    image_ids : (N,) Series of str
        Film of each row.
    n_features : int
        Its columns.
    facts : dict
        How it was made.
    sources : (N,) Series of str
        Digest of what the encoder was shown of each film; it begins with that of the film's file.
    """

    path: str
    image_ids: pd.Series
    n_features: int
    facts: dict[str, Any]
    sources: pd.Series

    @cached_property
    def matrix(self) -> Floats:
        """The features (N, F), mapped read-only."""
        shape = (len(self.image_ids), self.n_features)
        return np.memmap(self.path, np.float32, mode="r", shape=shape)

    @cached_property
    def _ids(self) -> pd.Index[Any]:
        ids: pd.Index[Any] = pd.Index(self.image_ids)
        return ids

    def rows(self, image_ids: pd.Series, sources: pd.Series) -> Floats:
        """Return the features (M, F) of some films.

        Parameters
        ----------
        image_ids : (M,) Series of str
            The films.
        sources : (M,) Series of str
            Digest of each film's file, by which it is checked that the features are of this film.

        Raises
        ------
        KeyError
            If a film has none.
        ValueError
            If the features are those of another film of the same name.
        """
        places = self._ids.get_indexer(pd.Index(image_ids))
        if (places < 0).any():
            raise KeyError(f"'{np.asarray(image_ids)[places < 0][0]}' has no embedding")
        shown = self.sources.str.split("+").str[0].to_numpy()[places]
        other = shown != sources.astype(str).str.split("+").str[0].to_numpy()
        if other.any():
            raise ValueError(
                f"the embedding of '{np.asarray(image_ids)[other][0]}' is of another film of this name; compute the "
                "embeddings again"
            )
        return np.asarray(self.matrix[places], np.float32)


def hold_embeddings(
    matrix: Floats, image_ids: pd.Series, sources: pd.Series, facts: Mapping[str, Any]
) -> Embeddings:
    """Return features (N, F) of films that are in memory, for what reads a store.

    Examples
    --------
    >>> ids = pd.Series(["a"])
    >>> hold_embeddings(np.ones((1, 2), np.float32), ids, ids, {}).rows(ids, ids).tolist()
    [[1.0, 1.0]]
    """
    found = Embeddings("", image_ids, matrix.shape[1], dict(facts), sources)
    found.__dict__["matrix"] = matrix
    return found


def is_store(folder: Path) -> bool:
    """Return whether a folder holds embeddings."""
    return (folder / _CARD).is_file()


def read_embeddings(folder: Path) -> dict[str, Embeddings]:
    """Open a store.

    Raises
    ------
    FileNotFoundError
        If the folder holds none.
    """
    if not is_store(folder):
        raise FileNotFoundError(f"'{folder}' holds no embeddings")
    found = {}
    for name in json.loads((folder / _CARD).read_text(encoding="utf-8"))["names"]:
        path = folder / f"{name}.f32"
        card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        index = pd.read_parquet(path.with_suffix(".parquet"))
        found[name] = Embeddings(
            str(path),
            index["image_id"].astype(str),
            int(card["n_features"]),
            card["facts"],
            index["source"].astype(str),
        )
    return found


def write_embeddings(
    plans: Mapping[str, EmbeddingPlan], folder: Path, older: Path | None = None
) -> None:
    """Compute and store what plans name, with the memory of a batch.

    The folder appears whole, by a rename.

    Parameters
    ----------
    plans : mapping of str to EmbeddingPlan
        One a name; without any the store is empty.
    folder : Path
        Where the store shall be.
    older : Path, optional
        A store whose rows are copied where they are of the same film and making.

    Raises
    ------
    ValueError
        If a batch has another number of features than the first.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        for name, plan in plans.items():
            _write_one(name, plan, partial, older)
        (partial / _CARD).write_text(json.dumps({"names": list(plans)}) + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_one(name: str, plan: EmbeddingPlan, folder: Path, older: Path | None) -> None:
    known, old = _known_rows(name, plan, older)
    width = 0 if old is None else old.shape[1]
    with (folder / f"{name}.f32").open("wb") as file:
        for start in range(0, len(plan.image_ids), plan.batch_size):
            sources = plan.sources[start : start + plan.batch_size]
            new = np.array([i for i, each in enumerate(sources) if each not in known], np.int64)
            computed = plan.compute(start + new) if len(new) else np.zeros((0, width), np.float32)
            width = width or computed.shape[1]
            if computed.shape[1] != width:
                raise ValueError(f"'{name}' gave {computed.shape[1]} features, and {width} before")
            batch = np.empty((len(sources), width), np.float32)
            batch[new] = computed
            for i, each in enumerate(sources):
                if each in known and old is not None:
                    batch[i] = old[known[each]]
            file.write(batch.data)
    index = pd.DataFrame({"image_id": plan.image_ids, "source": plan.sources}, dtype="str")
    index.to_parquet(folder / f"{name}.parquet")
    card = {"format": _FORMAT, "n_features": width, "facts": plan.facts}
    (folder / f"{name}.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def _known_rows(
    name: str, plan: EmbeddingPlan, older: Path | None
) -> tuple[dict[str, int], Floats | None]:
    """Return the rows of an older store by source, and its matrix, where it was made in the same way."""
    if older is None:
        return {}, None
    try:
        card = json.loads((older / f"{name}.json").read_text(encoding="utf-8"))
        index = pd.read_parquet(older / f"{name}.parquet")
    except (OSError, ValueError):
        return {}, None  # none, or a broken one: all is computed
    same = card["format"] == _FORMAT and card["facts"] == json.loads(json.dumps(plan.facts))
    path, width = older / f"{name}.f32", int(card["n_features"])
    if not same or not len(index) or path.stat().st_size != _FLOAT_BYTES * width * len(index):
        return {}, None
    matrix = np.memmap(path, np.float32, mode="r", shape=(len(index), width))
    return {source: row for row, source in enumerate(index["source"])}, matrix
