"""The trainings of a protocol: which there are, what their cards say, and what is predicted."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from xraylab.flow.budget import Budget, ModelsParams
from xraylab.flow.train import (
    Training,
    describe_models,
    describe_training,
    list_trainings,
    model_key,
    predict_held_out,
    shown_model,
    train_models,
    train_networks,
)
from xraylab.imaging.array_cache import ArrayCache
from xraylab.models.state import ModelState
from xraylab.training.params import Recipe, TrainingParams

MACHINE = TrainingParams(max_epochs=1)


def cohort(*arms: str) -> pd.DataFrame:
    """Films a to d under each arm: two to train, one to validate, one to test."""
    rows = pd.DataFrame(
        {
            "image_id": list("abcd"),
            "split": ["train", "train", "val", "test"],
            "target": [0.0, 1, 0, 1],
        }
    )
    return pd.concat(
        [rows.assign(arm=arm, fold=number) for number, arm in enumerate(arms)], ignore_index=True
    )


@pytest.fixture
def arrays() -> ArrayCache:
    index = pd.DataFrame(
        {"image_id": list("abcd"), "source": [f"digest {each}" for each in "abcd"]}
    )
    return ArrayCache("", index, pd.DataFrame(), {"size_px": 8})


def test_each_model_is_trained_in_each_arm_or_in_its_own() -> None:
    found = [
        (each.name, each.arm)
        for each in list_trainings(cohort("fold_0", "fold_1"), {"x": 1, "y": 2})
    ]
    assert found == [("x", "fold_0"), ("y", "fold_0"), ("x", "fold_1"), ("y", "fold_1")]
    own = [each.key for each in list_trainings(cohort("x", "y"), {"x": 1, "y": 2})]
    assert own == ["x", "y"]
    with pytest.raises(ValueError, match="the cohort of this protocol is empty"):
        list(list_trainings(cohort("x").head(0), {"x": 1}))


def test_parts_and_names() -> None:
    (training,) = list_trainings(cohort("single"), {"cnn": None})
    assert training.train["image_id"].tolist() == ["a", "b"]
    assert training.val["image_id"].tolist() == ["c"]
    assert training.held_out["image_id"].tolist() == ["c", "d"]
    rows = cohort("single").query("split != 'val'")
    assert Training("cnn", None, "single", rows).val["image_id"].tolist() == ["d"]  # as published
    assert [model_key("m", arm) for arm in ("single", "m", "fold_3", "site")] == [
        "m", "m", "m_fold_3", "m_site",
    ]  # fmt: skip


def test_a_training_is_known_by_its_films_and_their_content(arrays: ArrayCache) -> None:
    (training,) = list_trainings(cohort("single"), {"cnn": None})
    facts = describe_training(training, arrays, MACHINE)
    assert {key: facts[key] for key in ("name", "arm", "fold", "n_train", "n_val")} == {
        "name": "cnn", "arm": "single", "fold": 0, "n_train": 2, "n_val": 1,
    }  # fmt: skip
    other = ArrayCache("", arrays.index.assign(source="another"), pd.DataFrame(), {"size_px": 8})
    assert describe_training(training, other, MACHINE)["data_digest"] != facts["data_digest"]
    moved = training.rows.assign(split=["val", "train", "train", "test"])
    changed = Training("cnn", None, "single", moved)
    assert describe_training(changed, arrays, MACHINE)["data_digest"] != facts["data_digest"]


def test_models_are_tabulated_and_histories_joined() -> None:
    card = {"name": "cnn", "fold": -1, "n_train": 2, "n_val": 1, "spec": {"kind": "cnn"}}

    def fit(training: Training) -> tuple[ModelState, pd.DataFrame]:
        state = ModelState({**card, "arm": training.arm, "threshold": 0.25})
        return state, pd.DataFrame({"epoch": [0], "train_loss": [1.0], "val_loss": [2.0]})

    models, history, table = train_models(
        list_trainings(cohort("fold_0", "fold_1"), {"cnn": 0}), fit, ModelsParams(models={})
    )
    assert list(models) == ["cnn_fold_0", "cnn_fold_1"]
    assert history["model"].tolist() == ["cnn_fold_0", "cnn_fold_1"]
    assert table["threshold"].tolist() == [0.25, 0.25]
    assert table["kind"].tolist() == ["cnn", "cnn"]
    assert table["epochs"].isna().all()  # nothing was fitted by epochs


def test_what_a_network_is_stands_in_the_table() -> None:
    fit = {"epochs": 3, "minutes": 0.1, "stopped_by": "minutes", "val_loss": 0.5}
    known = {"name": "n", "arm": "single", "fold": -1, "n_train": 1, "n_val": 1, "fit": fit}
    networks = [
        {"architecture": "unet", "encoder": "resnet18"},
        {"encoder": "resnet18"},
        {"encoder": None},
    ]
    table = describe_models(
        {
            str(number): ModelState({**known, "network": each})
            for number, each in enumerate(networks)
        }
    )
    assert table["kind"].tolist() == ["unet-resnet18", "resnet18", "cnn"]
    assert table["stopped_by"].tolist() == ["minutes"] * 3
    assert table["cut_short"].tolist() == ["stopped by the clock"] * 3


def test_a_model_divides_its_share_among_its_arms_and_says_once_what_all_cost() -> None:
    models = {name: SimpleNamespace(share=share) for name, share in (("big", 3.0), ("small", 1.0))}
    params = ModelsParams(models=models).within(Budget(8.0, 0.5))
    seen: list[Training] = []

    def fit(training: Training) -> tuple[ModelState, pd.DataFrame]:
        seen.append(training)
        facts = {"name": training.name, "arm": training.arm, "fold": -1}
        return ModelState(facts), pd.DataFrame()

    train_models(list_trainings(cohort("fold_0", "fold_1"), models), fit, params)
    limits = [each.limits for each in seen]
    # of four minutes; as none takes any, each begins with all of them left
    assert [each.minutes for each in limits] == pytest.approx([1.5, 0.8, 3, 4], abs=0.05)
    assert [(each.name, each.n_trainings) for each in limits] == [
        ("big", 2), ("small", 2), ("big", 0), ("small", 0),
    ]  # fmt: skip
    own = list_trainings(cohort("big", "small"), models)
    assert [each.share for each in own] == [3.0, 1.0]


@dataclass
class Task:
    """A task of one weight: it predicts the number of the film."""

    arrays: ArrayCache
    machine: TrainingParams = MACHINE
    folders: list[str] = field(default_factory=list)

    def describe(self, training: Training) -> dict[str, Any]:
        return {"views": 1}

    def build(self, training: Training) -> Any:
        from torch import nn

        return nn.Linear(1, 1)

    def fit(self, network: Any, training: Training, folder: Path) -> Any:
        from xraylab.training.fit import Fit

        self.folders.append(folder.name)
        history = pd.DataFrame({"epoch": [0], "val_loss": [0.5], "seconds": [1.0]})
        return Fit(history, 0, 0.5, "epochs")

    def measure(self, network: Any, training: Training, outcome: Any) -> dict[str, Any]:
        return {"threshold": 0.5}

    def predict(self, state: ModelState, rows: pd.DataFrame, batch_size: int) -> np.ndarray:
        return self.arrays.rows_of(rows["image_id"]) / 10


def test_a_task_is_trained_and_asked(arrays: ArrayCache, tmp_path: Path) -> None:
    dumped = SimpleNamespace(model_dump=lambda mode: {"encoder": None})
    spec = SimpleNamespace(network=dumped, recipe=Recipe(batch_size=4))
    task, films = Task(arrays), cohort("fold_0", "fold_1")
    params = ModelsParams(models={"m": spec})
    models, _, table = train_networks(task, list_trainings(films, {"m": spec}), tmp_path, params)
    assert [name.rpartition("-")[0] for name in task.folders] == ["m_fold_0", "m_fold_1"]
    assert len(set(task.folders)) == 2
    card = models["m_fold_1"].card
    assert card["notice"] == "Research software. Not a medical device."
    assert (card["name"], card["arm"], card["fold"], card["views"]) == ("m", "fold_1", 1, 1)
    assert table["val_loss"].tolist() == [0.5, 0.5]
    found = predict_held_out(task, list_trainings(films, {"m": spec}), models, ["image_id", "arm"])
    rows = pd.concat(found)
    assert rows["prediction"].tolist() == [0.2, 0.3, 0.2, 0.3]
    assert set(rows["threshold"]) == {0.5}


def test_the_first_model_is_shown_where_the_wanted_one_is_missing() -> None:
    rows = pd.DataFrame({"model": ["b", "a"]})
    assert shown_model(rows, "a") == "a"
    assert shown_model(rows, "c") == "b"
