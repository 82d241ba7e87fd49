"""Runs again: of what is missing, and with one seed."""

from pathlib import Path

import pandas as pd
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project


def test_a_second_run_of_what_is_missing_does_nothing(project_copy: Path) -> None:
    bootstrap_project(project_copy)
    for _ in range(2):
        with KedroSession.create(project_copy, env="test") as session:
            session.run(pipeline_names=["dose_simulation"], only_missing_outputs=True)
    versions = list(
        (project_copy / "data/test/03_primary/dose_simulation/exposures.parquet").iterdir()
    )
    assert len(versions) == 1


def test_two_runs_with_one_seed_give_the_same_tables(project_copy: Path) -> None:
    bootstrap_project(project_copy)
    for _ in range(2):
        with KedroSession.create(project_copy, env="test") as session:
            session.run(pipeline_names=["dose_simulation", "feature_extraction", "dose_estimation"])
    for table in (
        "04_feature/feature_extraction/features",
        "07_model_output/dose_estimation/predictions",
    ):
        first, second = (
            pd.read_parquet(next(p.glob("*.parquet")))
            for p in sorted((project_copy / f"data/test/{table}.parquet").iterdir())
        )
        pd.testing.assert_frame_equal(first, second)
