"""A bundle at work: prepared films in, one `Prediction` per film out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from xraylab.imaging.film_file import FilmFile
from xraylab.models.bundle import Bundle
from xraylab.parameters import Parameters
from xraylab.prediction.familiarity import Assessment, Familiarity, restore_familiarity
from xraylab.prediction.intake import Intake, LoadedFilm, load_film
from xraylab.prediction.result import Column, Prediction, Status, Value

if TYPE_CHECKING:
    from xraylab.prediction.export import Graph

__all__ = ["Finding", "PredictParams", "Predictor", "Reader", "Restore"]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Sex = tuple[str, str]
"""``M``, ``F``, or empty where it is unknown, and where it is from."""


class PredictParams(Parameters):
    """How films are predicted, and what is written of them.

    Attributes
    ----------
    refuse : bool
        Predict nothing for a film that is refused. Without, it is predicted all the same; its status stays.
    sex : {"M", "F"}, optional
        Sex of children whom neither a table beside the films nor a DICOM file names; bone_age reads it.
    heat_maps : bool
        Draw where the model looks, over each film.
    dicom_seg : bool
        Write masks of DICOM files as DICOM Segmentation objects too.
    batch_size : int
        Films at once.
    workers : int
        Processes that read films, at most: -1 takes one for each core, 0 none but that of the run, which a decoder that
        crashes then ends.
    accelerator : {"auto", "cpu", "cuda"}
        Where networks run.
    """

    refuse: bool = True
    sex: Literal["M", "F"] | None = None
    heat_maps: bool = False
    dicom_seg: bool = False
    batch_size: int = Field(16, ge=1, le=4096)
    workers: int = Field(-1, ge=-1, le=256)
    accelerator: Literal["auto", "cpu", "cuda"] = "auto"

    @property
    def n_workers(self) -> int:
        """Processes that read films."""
        return self.workers if self.workers >= 0 else os.cpu_count() or 1


@dataclass(frozen=True)
class Finding:
    """What a model says of one film.

    Attributes
    ----------
    outputs : dict
        The columns of the task.
    doubts : tuple of str
        Why one should look at it.
    mask : (H, W) ndarray of uint8 or None
        At the film's own size.
    """

    outputs: dict[str, Value]
    doubts: tuple[str, ...] = ()
    mask: Bytes | None = None


class Reader(Protocol):
    """What a pipeline knows of its released model; `Predictor` does the rest."""

    @property
    def columns(self) -> Sequence[Column]:
        """What it says of a film."""

    @property
    def segments(self) -> Sequence[str]:
        """What the values of its masks stand for (`xraylab.prediction.dicom_seg.SEGMENTS`); empty without masks."""

    def read(self, films: Sequence[LoadedFilm], sexes: Sequence[Sex]) -> list[Finding]:
        """Predict prepared films."""

    def heat(self, films: Sequence[LoadedFilm], sexes: Sequence[Sex]) -> Floats:
        """Return where the model looks: maps (B, S, S) in [0, 1].

        Raises
        ------
        ValueError
            If the model looks at no place.
        """

    def graph(self) -> Graph:
        """Return what `read` computes of prepared films as a network that can be exported.

        Raises
        ------
        ValueError
            If it cannot: in one sentence which part, and why.
        """


Restore = Callable[[Bundle, PredictParams], Reader]


@dataclass(frozen=True)
class Predictor:
    """A released model, ready to read films.

    Attributes
    ----------
    bundle : Bundle
        The model.
    restore : callable
        Takes the bundle and the parameters and returns the `Reader` of its task.
    params : PredictParams
        How films are predicted.
    """

    bundle: Bundle
    restore: Restore
    params: PredictParams = field(default_factory=PredictParams)

    @cached_property
    def reader(self) -> Reader:
        """The model itself; torch is loaded when it is first asked for."""
        return self.restore(self.bundle, self.params)

    @cached_property
    def _familiarity(self) -> Familiarity | None:
        state = self.bundle.familiarity
        return None if state is None else restore_familiarity(state)

    @property
    def intake(self) -> Intake:
        """How files become films that this model can read."""
        card = self.bundle.card
        return Intake(
            self.bundle.preparations,
            tuple(card["modalities"]),
            tuple(card["body_parts"]),
            card.get("texture"),
        )

    def predict(self, film: str | os.PathLike[str], sex: str = "") -> Prediction:
        """Predict one film.

        Parameters
        ----------
        film : path
            A PNG, JPEG, TIFF or DICOM file, or an fsspec address.
        sex : {"", "M", "F"}
            Of the child, for a bone age.

        Returns
        -------
        Prediction
            The same row as the pipeline writes; a file that is no film is no error, its status says so.
        """
        if sex not in ("", "M", "F"):
            raise ValueError(f"sex must be 'M', 'F' or empty, not '{sex}'")
        path = os.fspath(film)
        options = {"apply_voi": next(iter(self.bundle.preparations.values())).apply_voi}
        loaded = load_film(path, FilmFile(path, options), self.intake)
        (found,) = self.predict_loaded([loaded], [(sex, "argument") if sex else ("", "")])
        return found

    def predict_loaded(
        self, loaded: Sequence[LoadedFilm], sexes: Sequence[tuple[str, str]]
    ) -> list[Prediction]:
        """Predict a batch of films that were read.

        Parameters
        ----------
        loaded : sequence of LoadedFilm
            The films, or why there are none.
        sexes : sequence of (str, str)
            What is known of each child's sex, and from where; it comes before what a file says.
        """
        scores = self._assess(loaded)
        statuses = [
            self._judge(film, assessment) for film, assessment in zip(loaded, scores, strict=True)
        ]
        wanted = [
            place
            for place, (film, status) in enumerate(zip(loaded, statuses, strict=True))
            if film.is_film and not (status.kind == "refused" and self.params.refuse)
        ]
        known = [self._sex(loaded[place], *sexes[place]) for place in wanted]
        findings = self.reader.read([loaded[place] for place in wanted], known) if wanted else []
        of_place = dict(zip(wanted, findings, strict=True))
        return [
            self._describe(film, status, assessment, of_place.get(place))
            for place, (film, status, assessment) in enumerate(
                zip(loaded, statuses, scores, strict=True)
            )
        ]

    def _sex(self, film: LoadedFilm, sex: str, origin: str) -> tuple[str, str]:
        if sex:
            return sex, origin
        if film.sex:
            return film.sex, "DICOM"
        return (self.params.sex, "parameter") if self.params.sex else ("", "unknown")

    def _assess(self, loaded: Sequence[LoadedFilm]) -> list[Assessment | None]:
        found: list[Assessment | None] = [None] * len(loaded)
        places = [place for place, film in enumerate(loaded) if film.is_film]
        if self._familiarity is None or not places:
            return found
        name = self.bundle.card["familiarity_of"]
        films = np.stack([loaded[place].films[name] for place in places])
        for place, assessment in zip(places, self._familiarity.assess(films), strict=True):
            found[place] = assessment
        return found

    @staticmethod
    def _judge(film: LoadedFilm, assessment: Assessment | None) -> Status:
        if film.status.kind != "ok" or assessment is None:
            return film.status
        if assessment.refused:
            return Status("refused", assessment.refused)
        return Status("doubtful", "; ".join(assessment.doubts)) if assessment.doubts else Status()

    def _describe(
        self,
        film: LoadedFilm,
        status: Status,
        assessment: Assessment | None,
        finding: Finding | None,
    ) -> Prediction:
        if finding is not None and finding.doubts and status.kind in ("ok", "doubtful"):
            status = Status("doubtful", "; ".join(filter(None, (status.reason, *finding.doubts))))
        return Prediction(
            film.path,
            status,
            finding.outputs if finding is not None else {},
            np.nan if assessment is None else assessment.score,
            film.scaled_by,
            str(self.bundle.card.get("model", self.bundle.task)),
            self.bundle.version,
            self.bundle.trained_on,
            None if finding is None else finding.mask,
        )
