from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xraylab.tabular.space import Choice, Whole
from xraylab.tabular.studies import open_storage
from xraylab.tabular.tree_params import ForestSpace
from xraylab.tabular.tuning import TuningParams, tune

DEPTHS = ForestSpace(
    n_estimators=Whole(low=4, high=8, step=4),
    max_depth=Choice(choices=(1, 6)),
    min_samples_split=Whole(low=2, high=2),
    min_samples_leaf=Whole(low=1, high=1),
    max_features=Choice(choices=(None,)),
)
PARAMS = TuningParams(n_trials=6, n_startup_trials=3, progress=False, random_forest=DEPTHS)


def make_rows(n: int = 60) -> tuple[pd.DataFrame, pd.Series, np.ndarray]:
    """A target of two features that no stump can follow."""
    rng = np.random.default_rng(0)
    features = pd.DataFrame(rng.uniform(-1, 1, size=(n, 2)), columns=["a", "b"])
    target = pd.Series(np.sign(features["a"] * features["b"]), name="target")
    return features, target, np.arange(n) % 3


def test_a_search_finds_the_better_depth_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/studies.db")
    first = PARAMS.model_copy(update={"n_trials": 4})
    tune("random_forest", *make_rows(), first, storage, "one")
    trials = storage.get_all_trials(storage.get_study_id_from_name("one"))
    assert len(trials) == 4
    found = tune("random_forest", *make_rows(), PARAMS, storage, "one")
    assert found.spec.max_depth == 6
    assert found.n_trials == 6
    again = storage.get_all_trials(storage.get_study_id_from_name("one"))
    assert [trial.datetime_start for trial in again[:4]] == [t.datetime_start for t in trials]
    # done: called again it returns what is stored, and fits nothing
    assert tune("random_forest", *make_rows(), PARAMS, storage, "one") == found
    assert len(storage.get_all_trials(storage.get_study_id_from_name("one"))) == 6


def test_the_error_is_the_mean_over_folds_of_the_best_trial(tmp_path: Path) -> None:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import PredefinedSplit, cross_val_score

    features, target, folds = make_rows()
    storage = open_storage(f"sqlite:///{tmp_path}/studies.db")
    found = tune("random_forest", features, target, folds, PARAMS, storage, "one")
    forest = RandomForestRegressor(**found.spec.model_dump(exclude={"kind"}), random_state=42)
    scores = cross_val_score(
        forest, features, target, cv=PredefinedSplit(folds), scoring="neg_mean_squared_error"
    )
    assert found.mse == pytest.approx(-scores.mean(), rel=1e-9)


def test_hopeless_trials_are_pruned_by_fold(tmp_path: Path) -> None:
    features, target, folds = make_rows()
    storage = open_storage(f"sqlite:///{tmp_path}/studies.db")
    many = PARAMS.model_copy(update={"n_trials": 14, "n_startup_trials": 14})
    found = tune("random_forest", features, target, folds, many, storage, "pruned")
    trials = storage.get_all_trials(storage.get_study_id_from_name("pruned"))
    pruned = [trial for trial in trials if trial.state.name == "PRUNED"]
    assert found.n_pruned == len(pruned) > 0
    assert all(1 <= len(trial.intermediate_values) <= 3 for trial in pruned)
    best = min(t.value for t in trials if t.state.name == "COMPLETE")
    assert found.mse == best
    assert {trial.params["max_depth"] for trial in pruned} == {1}


def test_a_study_needs_folds_and_a_database(tmp_path: Path) -> None:
    features, target, folds = make_rows()
    storage = open_storage(f"sqlite:///{tmp_path}/studies.db")
    with pytest.raises(ValueError, match="at least 2 folds, got 1"):
        tune("random_forest", features, target, 0 * folds, PARAMS, storage, "one")
    with pytest.raises(
        ValueError, match=r"tuning.storage: no database of studies at 'postg"
    ) as error:
        open_storage("postgresql+psycopg2://me:secret@localhost:1/studies")
    assert "secret" not in str(error.value)
    with pytest.raises(ValueError, match="cannot be read"):
        open_storage("somewhere")
