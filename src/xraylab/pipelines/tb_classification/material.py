"""All that a model may look at of a set of films."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.features.lungs import LUNG_FEATURES
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.embeddings import Embeddings

from .features import LungPrior, cut_to_lungs
from .params import BoostingModel, KernelModelParams, LogisticModelParams, TbCohortParams

__all__ = ["Material", "TabularModelParams", "collect_material"]

Floats = NDArray[np.floating[Any]]
TabularModelParams = LogisticModelParams | BoostingModel | KernelModelParams


@dataclass(frozen=True)
class Material:
    """Films, as they are and inside of their lungs, their features by frozen encoders, and their radiomics.

    Attributes
    ----------
    arrays : ArrayCache
        Films and lungs.
    lung_prior : dict of str to ModelState
        The lungs of films without a mask.
    embeddings : mapping of str to Embeddings
        By the name of the encoder.
    radiomics : DataFrame
        As `measure_radiomics` gives it.
    cohort : TbCohortParams
        How lungs are cut out.
    """

    arrays: ArrayCache
    lung_prior: LungPrior
    embeddings: Mapping[str, Embeddings]
    radiomics: pd.DataFrame
    cohort: TbCohortParams

    def films(self, inside_lungs: bool) -> Any:
        """Return all films (N, S, S), mapped."""
        return self._inside if inside_lungs else self.arrays.films

    @cached_property
    def _inside(self) -> Any:
        return cut_to_lungs(self.arrays, self.lung_prior, self.cohort)

    @cached_property
    def _lungs(self) -> pd.DataFrame:
        return self.radiomics.set_index("image_id")[list(LUNG_FEATURES)]

    def features_of(self, encoder: str, image_ids: pd.Series) -> Floats:
        """Return features (M, F) of films by one encoder.

        Raises
        ------
        ValueError
            If there is no such encoder, or its features are of another film of the same name.
        """
        if encoder not in self.embeddings:
            raise ValueError(
                f"there is no encoder '{encoder}' among {', '.join(self.embeddings)} "
                "(tb_classification.embedding.encoders)"
            )
        sources = self.arrays.index["source"].iloc[self.arrays.rows_of(image_ids)]
        return self.embeddings[encoder].rows(image_ids, sources)

    def lungs_of(self, image_ids: pd.Series) -> pd.DataFrame:
        """Return the radiomics of films, in their order."""
        return self._lungs.loc[image_ids.to_numpy()].reset_index(drop=True)

    def fit_components(
        self, spec: TabularModelParams, image_ids: pd.Series
    ) -> dict[str, NDArray[np.float64]]:
        """Return mean (F,) and leading components (K, F) of an encoder's features; nothing if the model needs none."""
        if not isinstance(spec, BoostingModel) or spec.encoder is None:
            return {}
        features = self.features_of(spec.encoder, image_ids).astype(np.float64)
        mean = features.mean(axis=0)
        _, _, basis = np.linalg.svd(features - mean, full_matrices=False)
        return {"embedding_mean": mean, "embedding_basis": basis[: spec.n_components]}

    def tabular_features(
        self,
        spec: TabularModelParams,
        image_ids: pd.Series,
        components: Mapping[str, NDArray[np.float64]],
    ) -> pd.DataFrame | Floats:
        """Return what a tabular model reads of films: features of an encoder, then radiomics.

        Parameters
        ----------
        spec : parameters of a tabular model
            Which features.
        image_ids : (M,) Series
            The films.
        components : mapping of str to ndarray
            As `fit_components` gives them: boosted trees read the scores on them.

        Returns
        -------
        (M, F) DataFrame or ndarray
            A table for boosted trees.
        """
        parts: list[Floats] = []
        names: list[str] = []
        if spec.encoder is not None:
            parts.append(self.features_of(spec.encoder, image_ids))
            if isinstance(spec, BoostingModel):
                centred = parts[0].astype(np.float64) - components["embedding_mean"]
                parts[0] = centred @ components["embedding_basis"].T
                names += [f"component_{i}" for i in range(parts[0].shape[1])]
        if not isinstance(spec, LogisticModelParams) and spec.radiomics:
            parts.append(self.lungs_of(image_ids).to_numpy(np.float64))
            names += LUNG_FEATURES
        values = np.concatenate(parts, axis=1)
        return pd.DataFrame(values, columns=names) if isinstance(spec, BoostingModel) else values


def collect_material(
    arrays: ArrayCache,
    lung_prior: LungPrior,
    embeddings: Mapping[str, Embeddings],
    radiomics: pd.DataFrame,
    cohort: TbCohortParams,
) -> Material:
    """Put together all that a model may look at."""
    return Material(arrays, lung_prior, embeddings, radiomics, cohort)
