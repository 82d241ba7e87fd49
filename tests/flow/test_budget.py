"""The one rule by which the minutes of a run are divided."""

import time
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from xraylab.flow.budget import Budget, ModelsParams, check_minutes, plan_budgets
from xraylab.parameters import Parameters
from xraylab.pipelines.bone_age.params import AgeModel
from xraylab.pipelines.fracture.params import FractureModel
from xraylab.pipelines.lung_segmentation.params import SegmentationModel
from xraylab.pipelines.tb_classification.params import CnnModel


def models(**shares: float) -> ModelsParams:
    return ModelsParams(models={name: SimpleNamespace(share=each) for name, each in shares.items()})


def test_protocols_have_the_sum_of_the_shares_of_their_models() -> None:
    protocols = {"published": models(cnn=1), "honest": models(cnn=1, robust=3), "none": models()}
    budgets = plan_budgets(20, protocols)
    assert {name: each.minutes for name, each in budgets.items()} == dict.fromkeys(protocols, 20)
    assert [each.share for each in budgets.values()] == pytest.approx([0.2, 0.8, 0])


def test_models_without_a_share_take_no_minutes() -> None:
    assert ModelsParams(models={"mean": SimpleNamespace()}).total_share == 0
    assert list(Budget(10).divide([0, 0])) == [None, None]


def test_what_a_training_leaves_is_given_to_those_after_it() -> None:
    minutes = Budget(1 / 60, 1.0).divide([1, 1])  # one second
    assert next(minutes) == pytest.approx(1 / 120, rel=0.05)
    assert next(minutes) == pytest.approx(1 / 60, rel=0.05)  # the first took none
    late = Budget(1 / 600, 1.0).divide([1, 1])
    next(late)
    time.sleep(0.2)
    assert next(late) == pytest.approx(1 / 600)  # one step at least


def test_searches_and_trainings_of_a_protocol_have_their_parts() -> None:
    assert next(Budget(12, 0.5).divide([1], of=3)) == pytest.approx(2, rel=0.01)
    assert next(Budget(12, 0.5).divide([2], of=3)) == pytest.approx(4, rel=0.01)


def test_without_minutes_there_is_no_limit() -> None:
    assert list(Budget().divide([1, 2, 3])) == [None, None, None]
    assert check_minutes(None) is None


@pytest.mark.parametrize("value", [0, -1, "ten", True, float("inf"), float("nan")])
def test_minutes_are_a_number_above_0(value: object) -> None:
    with pytest.raises(ValueError, match="minutes must be a number above 0, got"):
        check_minutes(value)


@pytest.mark.parametrize("model", [AgeModel, FractureModel, SegmentationModel, CnnModel])
def test_a_network_has_a_share_as_it_would_have_no_clock_without(model: type[Parameters]) -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        model.model_validate({"share": 0})
