import multiprocessing
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
import pytest

from xraylab.tabular.space import Choice, Whole
from xraylab.tabular.studies import open_storage
from xraylab.tabular.tree_params import ForestSpace
from xraylab.tabular.tuning import FoldedRows, TuningParams, tune

DEPTHS = ForestSpace(
    n_estimators=Whole(low=4, high=8, step=4),
    max_depth=Choice(choices=(1, 6)),
    min_samples_split=Whole(low=2, high=2),
    min_samples_leaf=Whole(low=1, high=1),
    max_features=Choice(choices=(None,)),
)
OWNER = "postgres"  # the server refuses to run as root
PARAMS = TuningParams(n_trials=6, n_startup_trials=3, progress=False, random_forest=DEPTHS)


def make_rows(n: int = 60) -> FoldedRows:
    """A target of two features that no stump can follow."""
    rng = np.random.default_rng(0)
    features = pd.DataFrame(rng.uniform(-1, 1, size=(n, 2)), columns=["a", "b"])
    target = pd.Series(np.sign(features["a"] * features["b"]), name="target")
    return FoldedRows(features, target, np.arange(n) % 3)


def test_a_search_finds_the_better_depth_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/studies.db")
    first = PARAMS.model_copy(update={"n_trials": 4})
    tune("random_forest", make_rows(), first, storage, "one")
    trials = storage.get_all_trials(storage.get_study_id_from_name("one"))
    assert len(trials) == 4
    found = tune("random_forest", make_rows(), PARAMS, storage, "one")
    assert found.spec.max_depth == 6
    assert found.facts["n_trials"] == 6
    assert (found.facts["stopped_by"], found.facts["cut_short"]) == ("trials", "")
    again = storage.get_all_trials(storage.get_study_id_from_name("one"))
    assert [trial.datetime_start for trial in again[:4]] == [t.datetime_start for t in trials]
    # done: called again it returns what is stored, and fits nothing
    assert tune("random_forest", make_rows(), PARAMS, storage, "one") == found
    assert len(storage.get_all_trials(storage.get_study_id_from_name("one"))) == 6


def test_a_search_that_the_clock_ends_says_so(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/studies.db")
    many = PARAMS.model_copy(update={"n_trials": 10_000})
    found = tune("random_forest", make_rows(), many, storage, "one", minutes=1 / 60)
    assert 1 <= found.facts["n_trials"] < 10_000
    assert found.facts["stopped_by"] == "minutes"
    assert found.facts["cut_short"] == "stopped by the clock"


def test_the_error_is_the_mean_over_folds_of_the_best_trial(tmp_path: Path) -> None:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import PredefinedSplit, cross_val_score

    rows = make_rows()
    storage = open_storage(f"sqlite:///{tmp_path}/studies.db")
    found = tune("random_forest", rows, PARAMS, storage, "one")
    forest = RandomForestRegressor(**found.spec.model_dump(exclude={"kind"}), random_state=42)
    scores = cross_val_score(
        forest,
        rows.features,
        rows.target,
        cv=PredefinedSplit(rows.folds),
        scoring="neg_mean_squared_error",
    )
    assert found.mse == pytest.approx(-scores.mean(), rel=1e-9)


def test_hopeless_trials_are_pruned_by_fold(tmp_path: Path) -> None:
    rows = make_rows()
    storage = open_storage(f"sqlite:///{tmp_path}/studies.db")
    many = PARAMS.model_copy(update={"n_trials": 14, "n_startup_trials": 14})
    found = tune("random_forest", rows, many, storage, "pruned")
    trials = storage.get_all_trials(storage.get_study_id_from_name("pruned"))
    pruned = [trial for trial in trials if trial.state.name == "PRUNED"]
    assert found.facts["n_pruned"] == len(pruned) > 0
    assert all(1 <= len(trial.intermediate_values) <= 3 for trial in pruned)
    best = min(t.value for t in trials if t.state.name == "COMPLETE")
    assert found.mse == best
    assert 1 in {trial.params["max_depth"] for trial in pruned}
    assert found.spec.max_depth == 6


def test_a_broken_search_goes_on_with_the_draws_of_an_unbroken_one(tmp_path: Path) -> None:
    wide = PARAMS.model_copy(
        update={"random_forest": DEPTHS.model_copy(update={"n_estimators": Whole(low=1, high=60)})}
    )
    drawn = []
    for name, budgets in (("unbroken", [8]), ("broken", [3, 8])):
        storage = open_storage(f"sqlite:///{tmp_path}/{name}.db")
        for n_trials in budgets:
            params = wide.model_copy(update={"n_trials": n_trials})
            tune("random_forest", make_rows(), params, storage, "one")
        trials = storage.get_all_trials(storage.get_study_id_from_name("one"))
        drawn.append([trial.params for trial in trials])
    assert drawn[0] == drawn[1]
    assert len({tuple(params.items()) for params in drawn[0]}) > 5  # each trial a stream of its own


def test_a_study_needs_folds_and_a_database(tmp_path: Path) -> None:
    rows = make_rows()
    storage = open_storage(f"sqlite:///{tmp_path}/studies.db")
    with pytest.raises(ValueError, match="at least 2 folds, got 1"):
        tune("random_forest", replace(rows, folds=0 * rows.folds), PARAMS, storage, "one")
    with pytest.raises(
        ValueError, match=r"tuning.storage: no database of studies at 'postg"
    ) as error:
        open_storage("postgresql://me:secret@localhost:1/studies")
    assert "secret" not in str(error.value)
    with pytest.raises(ValueError, match=r"driver.* pip install 'xraylab\[postgresql\]'"):
        open_storage("postgresql+pg8000://me@localhost:1/studies")
    with pytest.raises(ValueError, match="cannot be read"):
        open_storage("somewhere")


def find_programs() -> Path | None:
    """Return the folder of the server's programs, which Debian keeps out of the PATH."""
    found = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return Path(found).parent if found else (folders[-1] if folders else None)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    if find_spec("psycopg") is None:
        pytest.skip("the driver psycopg is not installed (extra 'postgresql')")
    given = os.environ.get("XRAYLAB_TEST_POSTGRESQL")
    if given:
        yield given
        return
    programs = find_programs()
    if programs is None:
        pytest.skip("there is no PostgreSQL server here, and XRAYLAB_TEST_POSTGRESQL names none")
    as_owner: dict[str, Any] = {}
    folder = Path(tempfile.mkdtemp(prefix="xraylab-postgresql-"))
    if os.geteuid() == 0:
        try:
            owner = pwd.getpwnam(OWNER)
        except KeyError:
            pytest.skip(f"PostgreSQL does not run as root, and there is no user '{OWNER}'")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        as_owner = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data, quiet = folder / "data", {"stdout": subprocess.DEVNULL, "cwd": folder}
    start = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    run = [programs / "pg_ctl", "-D", data, "-l", folder / "log", "-w"]
    try:
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "studies", "-A", "trust"],
            check=True,
            **quiet,
            **as_owner,
        )
        subprocess.run([*run, "-o", start, "start"], check=True, **quiet, **as_owner)
        try:
            yield f"postgresql://studies@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*run, "-m", "immediate", "stop"], check=True, **quiet, **as_owner)
    finally:
        shutil.rmtree(folder)


def work(address: str, name: str, n_trials: int, together: Any) -> None:
    params = PARAMS.model_copy(update={"n_trials": n_trials, "n_startup_trials": n_trials})
    storage = open_storage(address)
    together.wait(60)
    tune("random_forest", make_rows(), params, storage, name)


def test_two_workers_share_a_study_and_a_third_goes_on(address: str) -> None:
    name, n_trials = f"shared-{uuid4()}", 16
    spawn = multiprocessing.get_context("spawn")
    together = spawn.Barrier(2)
    workers = [
        spawn.Process(target=work, args=(address, name, n_trials, together)) for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0]
    storage = open_storage(address)
    trials = storage.get_all_trials(storage.get_study_id_from_name(name))
    # a trial that one worker has begun when the other ends the last one is ended too
    assert n_trials <= len(trials) <= n_trials + 1
    assert {trial.state.name for trial in trials} <= {"COMPLETE", "PRUNED"}
    assert any(
        later.datetime_start < earlier.datetime_complete for earlier, later in pairwise(trials)
    ), "one after the other: no two workers"

    more = PARAMS.model_copy(update={"n_trials": n_trials + 4})
    found = tune("random_forest", make_rows(), more, storage, name)
    again = storage.get_all_trials(storage.get_study_id_from_name(name))
    assert found.facts["n_trials"] == len(again) == n_trials + 4
    assert [trial.datetime_start for trial in again[: len(trials)]] == [
        trial.datetime_start for trial in trials
    ]
