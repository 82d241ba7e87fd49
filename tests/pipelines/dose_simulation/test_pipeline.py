from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from xraylab.dose.plan import QuantumRecipe
from xraylab.dose.simulate import simulate
from xraylab.dose.tables import ExposurePlan
from xraylab.imaging import UnreadableRadiograph
from xraylab.pipelines.dose_simulation import create_pipeline
from xraylab.pipelines.dose_simulation.nodes import index_cohort, plan_exposures, simulate_films
from xraylab.pipelines.dose_simulation.params import DoseSimulationParams, PhysicsCheckParams

Films = dict[str, Callable[[], Any]]


def entries(ids: list[str], patients: list[int]) -> pd.DataFrame:
    return pd.DataFrame({"Image Index": [f"{i}.png" for i in ids], "Patient ID": patients})


def beside(table: pd.DataFrame) -> dict[str, Callable[[], pd.DataFrame]]:
    """The tables of a folder with one clinical table, as published."""
    return {"Data_Entry_2017": lambda: table, "BBox_List_2017": pd.DataFrame}


def refuse() -> Any:
    raise UnreadableRadiograph("bad.png", "empty file")


def test_cohort_joins_by_id_and_rejects_with_reason(make_films: Callable[..., Films]) -> None:
    films = make_films(3)
    table = entries(["film_02", "film_00", "film_09"], [7, 5, 9])
    cohort, rejected = index_cohort(
        films, beside(table), DoseSimulationParams(max_rejected_fraction=0.5)
    )
    assert cohort.to_dict("list") == {
        "image_id": ["film_00", "film_02"],
        "group_id": ["5", "7"],
        "split": ["", ""],
        "fold": [-1, -1],
    }
    assert dict(rejected.itertuples(index=False)) == {
        "film_01": "film has no row in Data_Entry_2017.csv",
        "film_09": "row in Data_Entry_2017.csv has no film",
    }


def test_cohort_refuses_bad_tables(make_films: Callable[..., Films]) -> None:
    films = make_films(2)
    with pytest.raises(ValueError, match="lacks the column 'Image Index'"):
        index_cohort(films, beside(pd.DataFrame({"Patient ID": [1]})), DoseSimulationParams())
    with pytest.raises(ValueError, match="lists 'film_00' more than once"):
        index_cohort(films, beside(entries(["film_00", "film_00"], [1, 2])), DoseSimulationParams())
    with pytest.raises(
        ValueError, match=r"1 of 2 films have no patient.*'film_01'.*max_rejected_fraction is 0.2"
    ):
        index_cohort(films, beside(entries(["film_00"], [1])), DoseSimulationParams())


def test_a_row_without_a_patient_is_rejected(make_films: Callable[..., Films]) -> None:
    table = entries(["film_00", "film_01", "film_02"], [7, 8, 9]).astype({"Patient ID": float})
    table.loc[1, "Patient ID"] = np.nan
    cohort, rejected = index_cohort(
        make_films(3), beside(table), DoseSimulationParams(max_rejected_fraction=0.5)
    )
    assert cohort["group_id"].tolist() == ["7", "9"]
    assert rejected.to_dict("records") == [
        {"image_id": "film_01", "reason": "row in Data_Entry_2017.csv has no Patient ID"}
    ]


def test_max_films_keeps_its_choice_when_the_folder_grows(make_films: Callable[..., Films]) -> None:
    params = DoseSimulationParams(max_films=4)
    ids = [f"film_{i:02}" for i in range(20)]
    few, _ = index_cohort(make_films(20), beside(entries(ids, list(range(20)))), params)
    again, _ = index_cohort(make_films(20), beside(entries(ids[::-1], list(range(20)))), params)
    assert few["image_id"].tolist() == again["image_id"].tolist()
    assert len(few) == 4


def test_plan_has_each_level_of_each_recipe() -> None:
    cohort = pd.DataFrame({"image_id": ["a", "b"], "group_id": ["1", "1"], "split": ""})
    plan = plan_exposures(cohort, DoseSimulationParams(quantum=QuantumRecipe(draws=2)))
    ExposurePlan.validate(plan)
    assert plan.groupby(["image_id", "recipe"]).size().to_dict() == {
        ("a", "additive"): 3, ("a", "quantum"): 2, ("b", "additive"): 3, ("b", "quantum"): 2,
    }  # fmt: skip
    assert plan["noise_key"].is_unique
    only = plan_exposures(cohort, DoseSimulationParams(recipes=("additive",)))
    assert set(only["recipe"]) == {"additive"}


def test_films_are_simulated_lazily_when_asked(make_films: Callable[..., Films]) -> None:
    films: Films = {**make_films(2), "film_bad": refuse}
    cohort = pd.DataFrame({"image_id": list(films), "group_id": "1", "split": ""})
    params = DoseSimulationParams(save_films=True, recipes=("additive",))
    plan = plan_exposures(cohort, params)
    assert simulate_films(films, plan, params.model_copy(update={"save_films": False})) == {}
    lazy = simulate_films(films, plan, params)
    assert sorted(lazy) == sorted(
        f"additive/{s}/{i}" for s in ("1", "0.8", "0.6") for i in ("film_00", "film_01")
    )
    from xraylab.dose.plan import exposures_of

    (exposure,) = exposures_of(plan[(plan["image_id"] == "film_00") & (plan["level"] == "0.6")])
    assert np.array_equal(lazy["additive/0.6/film_00"](), simulate(films["film_00"](), exposure))


def test_slice_runs_on_an_in_memory_catalog(make_films: Callable[..., Films]) -> None:
    physics = PhysicsCheckParams(n_realisations=3, size_px=128, dose_fractions=(0.5,))
    catalog = DataCatalog(
        {
            "nih_chest_xray14.films": MemoryDataset(make_films(4), copy_mode="assign"),
            "nih_chest_xray14.tables": MemoryDataset(
                beside(entries([f"film_{i:02}" for i in range(4)], [1, 1, 2, 3])),
                copy_mode="assign",
            ),
            "params:dose_simulation": MemoryDataset(DoseSimulationParams(physics=physics)),
        }
    )
    outputs = SequentialRunner().run(create_pipeline(), catalog)
    summary = outputs["dose_simulation.summary"].load()
    metrics = summary.metrics
    assert metrics["metric"].tolist() == ["local_variance_error", "nnps_error", "anscombe_variance"]
    assert set(metrics["split"]) == {"dose_0.5"}
    assert metrics["value"].between(0, 2).all()
    assert (metrics["ci_low"] <= metrics["ci_high"]).all()
    tables = outputs["dose_simulation.summary"].load().tables
    assert set(tables) == {"rejected", "cohort"}
    assert tables["rejected"].empty
    assert len(summary.figures["physics_validation"].axes) >= 3
