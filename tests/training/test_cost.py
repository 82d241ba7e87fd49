"""What a training will cost, said from its first steps."""

import logging
from types import SimpleNamespace

import lightning.pytorch as pl
import pytest
from lightning.pytorch.callbacks import TQDMProgressBar

from xraylab.training.clock import Clock
from xraylab.training.cost import BarWithTimeLeft, CostEstimate, describe_seconds
from xraylab.training.params import Limits, TrainingParams


def say(caplog: pytest.LogCaptureFixture, limits: Limits, seconds: list[float]) -> list[str]:
    """Return what is logged when each step of four films takes so long."""
    params = TrainingParams(max_epochs=100).within(limits)
    trainer = SimpleNamespace(
        world_size=1, is_global_zero=True, accelerator=pl.accelerators.CPUAccelerator(),
        train_dataloader=SimpleNamespace(sampler=range(720)),
    )  # fmt: skip
    now, callback = iter(seconds), CostEstimate(params)
    with pytest.MonkeyPatch.context() as patch, caplog.at_level(logging.INFO):
        patch.setattr("xraylab.training.cost.time.monotonic", lambda: next(now))
        for step in range(20):
            callback.on_train_batch_end(trainer, None, None, (None, [0] * 4), step)
    return [record.getMessage() for record in caplog.records]


def test_the_cost_of_all_trainings_of_a_model_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # two steps of a minute each are not counted; then 2 films per second
    steps = [60.0, 120.0, *(120.0 + 2 * step for step in range(1, 11))]
    (line,) = say(caplog, Limits(None, "unet", 5), steps)
    assert line.startswith("unet will take about 2.1 days on ")  # 5 · 100 · 720 / 2 s
    assert line.endswith("at 2 films/s: 5 × 100 epochs of 720 films; --params minutes=… bounds it")


def test_under_a_clock_it_says_when_the_training_stops(caplog: pytest.LogCaptureFixture) -> None:
    steps = [1.0, 2.0, 8.0]  # one step of six seconds is enough
    (line,) = say(caplog, Limits(3.2, "unet", 1), steps)
    assert line.endswith("this training stops after 3 min")


def test_short_trainings_and_later_ones_of_a_model_say_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    quick = [0.0, 0.0, *(0.001 * step for step in range(1, 11))]
    assert say(caplog, Limits(None, "unet", 1), quick) == []
    assert say(caplog, Limits(None, "unet", 0), []) == []


def test_durations_are_said_as_a_person_says_them() -> None:
    found = [describe_seconds(each) for each in (0.4, 89, 91, 5300, 5500, 172000, 9e5)]
    assert found == ["0 s", "89 s", "2 min", "88 min", "1.5 h", "48 h", "10 days"]


def test_the_bar_says_what_is_left_of_the_whole_training(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(None)
    monkeypatch.setattr(Clock, "time_elapsed", lambda self: 30.0)
    monkeypatch.setattr(TQDMProgressBar, "get_metrics", lambda *_: {"v_num": 0, "loss": 0.5})
    trainer = SimpleNamespace(callbacks=[clock])
    shown = [
        BarWithTimeLeft().get_metrics(trainer, SimpleNamespace(progress=lambda each=done: each))
        for done in (0.0, 0.25)
    ]
    assert shown == [{"loss": 0.5}, {"loss": 0.5, "left": "2 min"}]
