from copy import deepcopy

import pytest
from pydantic import ValidationError

from xraylab.training.params import Limits, Recipe, TrainingParams


@pytest.mark.parametrize(
    ("kind", "change", "rule"),
    [
        (TrainingParams, {"devices": 0}, "devices must be 'auto', -1"),
        (TrainingParams, {"workers": -1}, "workers must be 'auto' or at least 0"),
        (TrainingParams, {"max_minutes": 1}, "unknown key 'max_minutes'"),
        (TrainingParams, {"max_epoch": 3}, "did you mean 'max_epochs'"),
        (Recipe, {"loss": "mae"}, "'dice_bce', 'mse' or 'l1'"),
        (Recipe, {"plateau_factor": 1.0}, "less than 1"),
    ],
)
def test_bad_settings_are_refused(kind, change, rule):
    with pytest.raises(ValidationError, match=rule):
        kind.model_validate(change)


def test_a_run_limits_a_training_and_leaves_its_settings_as_they_are() -> None:
    params = TrainingParams(max_epochs=3)
    bounded = params.within(Limits(0.5, "cnn", 2))
    assert (params.minutes, bounded.minutes) == (None, 0.5)
    assert bounded.model_dump() == params.model_dump()
    # what is changed or copied later keeps the limits
    assert bounded.model_copy(update={"max_epochs": 1}).limits == Limits(0.5, "cnn", 2)
    assert deepcopy(bounded).limits == Limits(0.5, "cnn", 2)
