"""The wall-clock of a training."""

from types import SimpleNamespace

import pytest

from xraylab.training.clock import Clock


class Run:
    """A training whose steps and validations take as long as a test says."""

    def __init__(
        self, minutes: float | None, n_val_batches: int, patch: pytest.MonkeyPatch
    ) -> None:
        self.now, self.clock = 100.0, Clock(minutes)
        strategy = SimpleNamespace(broadcast=lambda each: each)
        self.trainer = SimpleNamespace(
            strategy=strategy, should_stop=False, num_val_batches=[n_val_batches]
        )
        patch.setattr(
            "lightning.pytorch.callbacks.timer.time", SimpleNamespace(monotonic=lambda: self.now)
        )
        self.clock.on_train_start(self.trainer, None)

    def step(self, seconds: float) -> bool:
        self.now += seconds
        self.clock.on_train_batch_end(self.trainer, None, None, None, 0)
        return self.trainer.should_stop

    def validate(self, seconds: float) -> None:
        self.clock.on_validation_start(self.trainer, None)
        self.now += seconds
        self.clock.on_validation_end(self.trainer, None)


def test_a_training_stops_in_time_for_the_validation_that_it_expects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Run(1, 10, monkeypatch)  # 60 s; ten batches validate, 0.4 steps each
    steps = next(number for number in range(1, 100) if run.step(4.0))
    assert steps == 11  # 44 s of steps and 16 s of validation
    assert run.clock.has_ended
    assert run.clock.time_remaining() == 0


def test_a_validation_that_was_measured_is_what_is_reserved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Run(1, 10, monkeypatch)
    assert not run.step(4.0)
    run.validate(30.0)
    assert run.clock.time_remaining() == pytest.approx(60 - 34 - 16)  # as of the last step
    assert run.step(4.0)  # 38 s and another 30 s of validation are over 60 s
    assert run.clock.state_dict()["has_ended"]


def test_without_minutes_nothing_stops_and_an_interrupted_clock_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free = Run(None, 10, monkeypatch)
    assert not any(free.step(1000.0) for _ in range(5))
    assert free.clock.time_remaining() is None
    first = Run(1, 10, monkeypatch)
    first.step(4.0)
    state = first.clock.state_dict()
    resumed = Run(1, 10, monkeypatch)
    resumed.clock.load_state_dict(state)
    assert resumed.clock.time_elapsed() == pytest.approx(4.0)
    assert next(number for number in range(1, 100) if resumed.step(4.0)) == 10
