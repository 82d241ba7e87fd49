"""`conf/public` says what the authors published, whatever `conf/base` is changed to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

# What must stand in the parameters of a pipeline: as published (docs/<pipeline>.md), or null.
PUBLISHED = {
    "bone_age": {
        "cohort.preprocess": {"size_px": 256, "crop": "published", "window_percentiles": (0.5, 99.5)},
        "training": {"max_epochs": 100},
        "published.split": {"kind": "folds", "n_folds": 5},
        "published.models.cnn.recipe": {
            "loss": "mse", "optimizer": "adam", "learning_rate": 1e-3, "batch_size": 64, "schedule": "constant",
        },
        "published.models.cnn.search": {"n_trials": 20, "max_epochs": 10},
        "published.models.cnn.search.blocks": {"choices": (3, 4, 5)},
        "published.models.cnn.search.filters": {"choices": (8, 16, 32)},
        "published.models.cnn.search.dense_layers": {"choices": (1, 2, 3)},
        "published.models.cnn.search.dropout": {"choices": (0.1, 0.2, 0.3)},
    },
    "fracture": {
        "cohort.preprocess": {"size_px": 224},
        "training": {"max_epochs": 50},
        "published.models.cnn.network": {
            "encoder": None, "widths": (64, 128, 256, 512), "dense": 256, "dropout": 0.5,
        },
        "published.models.cnn.recipe": {
            "optimizer": "adam", "learning_rate": 1e-4, "batch_size": 32, "early_stopping_patience": 5,
        },
    },
    "lung_segmentation": {
        "cohort.preprocess": {"size_px": 256, "equalise": "histogram"},
        "training": {"max_epochs": 100},
        "published.models.unet.network": {"architecture": "unet", "widths": (32, 64, 128, 256, 512)},
        "published.models.resunet.network": {"architecture": "resunet", "widths": (16, 32, 64, 128, 256)},
        "published.models.unet.recipe": {
            "loss": "dice", "optimizer": "adam", "learning_rate": 1e-3, "batch_size": 8, "schedule": "plateau",
            "plateau_factor": 0.5, "plateau_patience": 4, "plateau_cooldown": 2, "augmentation": None,
        },
        "published.models.resunet.recipe": {"learning_rate": 1e-3},
        "published.models.unet_low_rate.recipe": {"learning_rate": 5e-4},
    },
    "lesion_regression": {
        "cohort.preprocess": {"size_px": 1024},
        "training": {"max_epochs": 20},
        "segmentation.network": {"architecture": "unet", "encoder": "resnet34", "encoder_weights": "imagenet"},
        "segmentation.recipe": {
            "loss": "dice_bce", "optimizer": "adam", "learning_rate": 1e-3, "weight_decay": 0.0, "schedule": "plateau",
            "plateau_factor": 0.1, "plateau_patience": 2, "early_stopping_patience": 5, "keep": "best",
        },
        "tuning": {"n_trials": 50},
        "published": {"folds": "rows", "n_folds": 5, "tuning": "reported", "seed": 42},
    },
    "tb_classification": {
        "cohort.preprocess": {"size_px": 224},
        "embedding.encoders.vgg16": {"encoder": "vgg16", "weights": "imagenet", "grid": None},
        "embedding.encoders.resnet50": {"encoder": "resnet50", "weights": "imagenet"},
        "embedding.encoders.inceptionresnetv2": {"encoder": "inceptionresnetv2", "weights": "imagenet"},
        "published.split": {"kind": "rows", "test_fraction": 0.2, "val_fraction": 0.0},
        "published.models.vgg16": {"hidden_sizes": (200, 120, 80, 50, 20, 5)},
        "published": {"threshold_rule": None},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def settings(
    copy_project: Callable[[Path, pytest.MonkeyPatch], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """Return the typed parameters of the environment ``public``."""
    folder = tmp_path_factory.mktemp("public")
    with pytest.MonkeyPatch.context() as patch:
        copy_project(folder, patch)
        bootstrap_project(folder)
        with KedroSession.create(folder, env="public") as session:
            return dict(session.load_context().params)


def read(value: Any, path: str) -> Any:
    """Return what lies at a path of keys and attributes."""
    for name in path.split("."):
        value = value[name] if isinstance(value, dict) else getattr(value, name)
    return value


@pytest.mark.parametrize("pipeline", PUBLISHED)
def test_public_is_as_published(settings: dict[str, Any], pipeline: str) -> None:
    for path, expected in PUBLISHED[pipeline].items():
        block = read(settings[pipeline], path)
        found = {name: read(block, name) for name in expected}
        assert found == expected, path


@pytest.mark.parametrize("pipeline", ["fracture", "lung_segmentation", "bone_age"])
def test_a_published_model_is_the_same_under_the_honest_protocol(
    settings: dict[str, Any], pipeline: str
) -> None:
    block = settings[pipeline]
    for name, model in read(block, "published.models").items():
        assert read(block, "honest.models")[name] == model


def test_published_encoders_are_measured_honestly_too(settings: dict[str, Any]) -> None:
    block = settings["tb_classification"]
    models = read(block, "published.models")
    shared = {name: read(block, "honest.models").get(name) for name in models if name != "lite0"}
    assert shared == {name: models[name] for name in shared}
