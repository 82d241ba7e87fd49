"""Standardised features and targets."""

import numpy as np
import pytest

from xraylab.tabular.scaling import FEATURE_TENSORS, FeatureScaling, TargetScaling


def test_known_values_are_standardised_and_missing_ones_stay() -> None:
    design = np.array([[1.0, 7.0, np.nan], [3.0, 7.0, 2.0], [np.nan, 7.0, 4.0]])
    scaling = FeatureScaling.fit(design)
    assert scaling.offset.tolist() == [2, 7, 3]
    assert scaling.scale.tolist() == [1, 1, 1]  # that of a constant column is 1
    expected = [[-1, 0, np.nan], [1, 0, -1], [np.nan, 0, 1]]
    np.testing.assert_array_equal(scaling.apply(design), expected)


def test_without_missing_values_it_is_numpys_mean_and_deviation() -> None:
    design = np.random.default_rng(0).normal(3, 2, size=(101, 7))
    scaling = FeatureScaling.fit(design)
    np.testing.assert_array_equal(scaling.offset, design.mean(axis=0))
    np.testing.assert_array_equal(scaling.scale, design.std(axis=0))


def test_a_stored_scaling_is_the_same() -> None:
    scaling = FeatureScaling.fit(np.array([[1.0, 2.0], [4.0, 8.0]]))
    assert tuple(scaling.tensors()) == FEATURE_TENSORS
    again = FeatureScaling.restore(scaling.tensors())
    np.testing.assert_array_equal(again.apply(np.eye(2)), scaling.apply(np.eye(2)))
    design = np.array([[3.0, -1.0]])
    np.testing.assert_array_equal(FeatureScaling.identity(2).apply(design), design)


def test_a_target_is_scaled_and_scaled_back() -> None:
    target = np.array([2.0, 6.0])
    scaling = TargetScaling.fit(target, scale_target=True, binary=False)
    assert scaling == TargetScaling(4.0, 2.0)
    assert scaling.apply(target).tolist() == [-1, 1]
    assert scaling.undo(np.array([-1.0, 1.0])).tolist() == [2, 6]
    assert TargetScaling.restore(scaling.card()) == scaling
    constant = TargetScaling.fit(np.array([5.0, 5.0]), scale_target=True, binary=False)
    assert constant == TargetScaling(5.0, 1.0)


def test_probabilities_end_at_0_and_1() -> None:
    scaling = TargetScaling.fit(np.array([0.0, 1.0]), scale_target=False, binary=True)
    assert scaling.undo(np.array([-1e-8, 0.25, 1 + 1e-7])).tolist() == [0, 0.25, 1]
    with pytest.raises(ValueError, match="must be 0 or 1, and is not scaled"):
        TargetScaling.fit(np.array([0.0, 1.0]), scale_target=True, binary=True)
