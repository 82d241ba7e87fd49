"""Two saved versions of the results of whichever pipelines have both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import fsspec
import pandas as pd
from kedro.io.core import AbstractDataset, DatasetError

from xraylab.datasets.metrics_dataset import METRICS_COLUMNS
from xraylab.models.files import ModelFileError, read_cards
from xraylab.provenance import SIDECAR, Source

__all__ = ["Version", "VersionsDataset"]

_TWO = 2
_LISTED = 3  # versions that an error names
_METRICS = "metrics.csv"


@dataclass(frozen=True)
class Version:
    """What one run has saved of a pipeline.

    Attributes
    ----------
    name : str
        The version, as Kedro names it.
    metrics : DataFrame
        Tidy metrics.
    source : Source or None
        Where they come from, if that is known.
    cards : dict of str to dict
        Cards of the models by ``<protocol>/<model>``.
    """

    name: str
    metrics: pd.DataFrame
    source: Source | None = None
    cards: dict[str, dict[str, Any]] = field(default_factory=dict)


class VersionsDataset(AbstractDataset[NoReturn, dict[str, tuple[Version, Version]]]):
    """Two versions of the results of each pipeline that has both; nothing where no two are asked for.

    The models of a version are those of the same run, or the newest ones before it, where the run has trained none.

    Examples
    --------
    .. code-block:: yaml

        reporting.versions:
          type: xraylab.datasets.VersionsDataset
          path: data
          compare: ${runtime_params:compare,null}
    """

    OPTIONAL = True  # a reader does without it; see `xraylab.workspace`

    def __init__(
        self,
        *,
        path: str,
        compare: str | Sequence[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Describe a workspace.

        Parameters
        ----------
        path : str
            The workspace, with ``06_models`` and ``08_reporting`` below it, on any fsspec file system.
        compare : sequence of str, optional
            The two versions.
        metadata : dict, optional
            Ignored by Kedro; for users and plugins.
        """
        self._path = path.rstrip("/")
        self._compare = [compare] if isinstance(compare, str) else list(compare or [])
        self.metadata = metadata

    def load(self) -> dict[str, tuple[Version, Version]]:
        """Read both versions of each pipeline that has them.

        Raises
        ------
        DatasetError
            If other than two versions are asked for, or no pipeline has both: the message lists those that there are.
        """
        if not self._compare:
            return {}
        if len({str(each) for each in self._compare}) != _TWO:
            raise DatasetError(
                f"compare takes two versions: --params compare=VERSION_A,VERSION_B. Given: {self._compare}"
            )
        first, second = (str(each) for each in self._compare)
        filesystem, root = fsspec.core.url_to_fs(self._path)
        saved = _list_versions(filesystem, f"{root}/08_reporting/*/{_METRICS}/*/{_METRICS}")
        both = [name for name, versions in saved.items() if {first, second} <= versions.keys()]
        if not both:
            raise DatasetError(
                f"no pipeline has metrics of both versions '{first}' and '{second}' in '{self._path}'.\n"
                f"{_describe_versions(saved)}"
            )
        return {
            name: (
                _read_version(filesystem, root, name, first),
                _read_version(filesystem, root, name, second),
            )
            for name in sorted(both)
        }

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: each data set saves its own versions."""
        raise DatasetError("versions are saved by the data sets that have them")

    def _exists(self) -> bool:
        return True  # no version is an answer too

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path, "compare": self._compare}


def _list_versions(filesystem: Any, pattern: str) -> dict[str, dict[str, str]]:
    """Return the paths that a pattern finds, by the names of its first and its second star."""
    places = [place for place, part in enumerate(pattern.split("/")) if part == "*"]
    found: dict[str, dict[str, str]] = {}
    for path in sorted(filesystem.glob(pattern)):
        parts = path.split("/")
        found.setdefault(parts[places[0]], {})[parts[places[1]]] = path
    return found


def _describe_versions(saved: dict[str, dict[str, str]]) -> str:
    """Return one line for each of the newest versions, with the pipelines that have it."""
    pipelines: dict[str, list[str]] = {}
    for pipeline, versions in saved.items():
        for version in versions:
            pipelines.setdefault(version, []).append(pipeline)
    if not pipelines:
        return "There is no version of any pipeline yet."
    newest = sorted(pipelines, reverse=True)
    lines = [f"There is {each} ({', '.join(pipelines[each])})" for each in newest[:_LISTED]]
    older = len(newest) - _LISTED
    return "\n".join([*lines, *([f"and {older} older ones."] if older > 0 else [])])


def _read_version(filesystem: Any, root: str, pipeline: str, version: str) -> Version:
    path = f"{root}/08_reporting/{pipeline}/{_METRICS}/{version}/{_METRICS}"
    with filesystem.open(path, "rb") as file:
        metrics = pd.read_csv(file, dtype=METRICS_COLUMNS)
    try:
        source = Source.from_json(filesystem.cat_file(f"{path}{SIDECAR}").decode())
    except (FileNotFoundError, ValueError):
        source = None
    return Version(version, metrics, source, _read_cards(filesystem, root, pipeline, version))


def _read_cards(
    filesystem: Any, root: str, pipeline: str, version: str
) -> dict[str, dict[str, Any]]:
    """Return the cards of a version, or of the newest one before it, of each protocol."""
    cards: dict[str, dict[str, Any]] = {}
    saved = _list_versions(filesystem, f"{root}/06_models/{pipeline}/*/*")
    for protocol, versions in saved.items():
        known = [each for each in versions if each <= version]
        if not known:
            continue
        try:
            heads = read_cards(filesystem, f"{versions[max(known)]}/{protocol}")
        except ModelFileError:
            continue  # no models, or half of an interrupted run
        cards.update({f"{protocol}/{name}": head["card"] for name, head in heads.items()})
    return cards
