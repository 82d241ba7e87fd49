"""Optuna's Parzen estimator with a stream of random numbers for each trial, whoever runs it."""

from __future__ import annotations

from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

__all__ = ["SamplerByNumber"]


class SamplerByNumber(BaseSampler):
    """A tree-structured Parzen estimator that is seeded anew by the number of each trial.

    Workers that begin at once then draw different trials, and a search that was stopped goes on with the draws that
    an unbroken one would have made.

    Parameters
    ----------
    seed : int
        Seed of the search.
    n_startup_trials : int
        Trials at random before the estimator begins.
    """

    def __init__(self, seed: int, n_startup_trials: int) -> None:
        self.seed, self.n_startup_trials = seed, n_startup_trials
        self._inner = TPESampler(seed=seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Begin the stream of a trial."""
        state = np.random.SeedSequence([self.seed, trial.number]).generate_state(1)
        self._inner = TPESampler(seed=int(state[0]), n_startup_trials=self.n_startup_trials)
        self._inner.before_trial(study, trial)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the parameters that are drawn together, as the estimator does."""
        return self._inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw parameters together, as the estimator does."""
        return self._inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw one parameter, as the estimator does."""
        return self._inner.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        """Tell the estimator how a trial ended."""
        self._inner.after_trial(study, trial, state, values)
