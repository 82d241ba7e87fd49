from xraylab.plots.labels import metric_label


def test_metric_labels() -> None:
    assert metric_label("sensitivity_at_90_specificity") == "Sensitivity at 90 % specificity"
    assert metric_label("accuracy_by_group") == "Accuracy, one vote a family"
    assert metric_label("odd_one_by_group") == "Odd one, one vote a family"
