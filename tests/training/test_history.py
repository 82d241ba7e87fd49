import pandas as pd

from xraylab.training.history import join_histories


def test_histories_are_one_table() -> None:
    epochs = pd.DataFrame({"epoch": [0, 1], "train_loss": [2.0, 1.0], "val_loss": [3.0, 2.0]})
    joined = join_histories(
        {"a": epochs.assign(val_dice=[0.1, 0.2]), "at_once": pd.DataFrame(), "b": epochs}
    )
    assert joined["model"].tolist() == ["a", "a", "b", "b"]
    assert list(joined) == ["model", "epoch", "train_loss", "val_loss", "val_dice"]
    assert list(join_histories({})) == ["model", "epoch", "train_loss", "val_loss"]
