"""What a model of a table must beat, by hand."""

import numpy as np
import pandas as pd

from xraylab.tabular.baselines import (
    predict_by_identity,
    predict_by_line,
    predict_mean_of_others,
)

FOLD = np.array([0, 0, 1, 1])


def test_a_fold_is_predicted_by_the_mean_of_the_others() -> None:
    target = pd.Series([1.0, 3.0, 5.0, 9.0], index=list("abcd"))
    found = predict_mean_of_others(target, FOLD)
    assert found.to_dict() == {"a": 7, "b": 7, "c": 2, "d": 2}


def test_a_fold_is_predicted_by_the_line_through_the_others() -> None:
    feature, target = pd.Series([0.0, 1.0, 2.0, 3.0]), pd.Series([1.0, 2.0, 7.0, 9.0])
    found = predict_by_line(feature, target, FOLD)
    np.testing.assert_allclose(found, [3, 5, 3, 4])
    constant = predict_by_line(pd.Series([1.0, 1, 1, 1]), target, FOLD)
    assert constant.tolist() == [8, 8, 1.5, 1.5]  # no line: the mean


def test_an_expression_that_gives_the_target_predicts_it() -> None:
    table = pd.DataFrame({"a": [1.0, 2.0, 4.0, np.nan], "b": [3.0, 5.0, 7.0, 1.0]})
    target = 0.5 * table["a"] / table["b"]
    found = predict_by_identity(table, target)["identity"]
    np.testing.assert_allclose(found[:3], target[:3])
    assert found[3] == 0  # the expression has no value there
    assert predict_by_identity(table[["b"]], pd.Series([1.0, 0.3, 8.0, 2.0])) == {}
