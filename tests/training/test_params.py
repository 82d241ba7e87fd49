import pytest
from pydantic import ValidationError

from xraylab.training.params import Recipe, TrainingParams


@pytest.mark.parametrize(
    ("kind", "change", "rule"),
    [
        (TrainingParams, {"devices": 0}, "devices must be 'auto', -1"),
        (TrainingParams, {"workers": -1}, "workers must be 'auto' or at least 0"),
        (TrainingParams, {"max_minutes": 0}, "greater than 0"),
        (TrainingParams, {"max_epoch": 3}, "did you mean 'max_epochs'"),
        (Recipe, {"loss": "mae"}, "'dice_bce', 'mse' or 'l1'"),
        (Recipe, {"plateau_factor": 1.0}, "less than 1"),
    ],
)
def test_bad_settings_are_refused(kind, change, rule):
    with pytest.raises(ValidationError, match=rule):
        kind.model_validate(change)


def test_a_training_has_the_budget_of_its_model_or_the_common_one() -> None:
    common = TrainingParams(max_minutes=5, max_epochs=3)
    assert common.within(None) == common
    assert common.within(0.5) == TrainingParams(max_minutes=0.5, max_epochs=3)
