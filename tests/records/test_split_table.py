"""The table of a split: its columns and the names of parts, and one clear error for each that is wrong."""

import pandas as pd
import pytest

from xraylab.records.split_table import parse_split_table, read_part


def parse(**columns: list[object]):
    return parse_split_table(pd.DataFrame(columns), "my/split.csv")


def test_columns_and_parts_have_their_usual_names() -> None:
    written = ["Training", "valid", " TEST", None]
    table = parse(
        **{"Image Index": ["a.png", "b", "c", "d"], "Split": written, "age": [1, 2, 3, 4]}
    )
    assert table.path == "my/split.csv"
    assert table.films == ("a.png", "b", "c", "d")
    assert table.parts == ("train", "val", "test", "")
    # that of an audit has the family too
    audited = parse(image_id=["a"], group_id=["0a"], split=["train"], official_split=["val"])
    assert audited.parts == ("train",)
    assert read_part("fold_1") is None


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"film": ["a"], "split": ["train"]}, "lacks the column 'image_id' of films; it has film, split"),
        ({"image_id": ["a"], "fold": [1]}, "lacks the column 'split' of parts; it has image_id, fold"),
        ({"id": ["a", "b"], "part": ["train", "tets"]}, "'part' is 'tets' for 'b'; it must be train, val"),
        ({"id": ["a", ""], "split": ["train", "val"]}, "1 rows name no film"),
        ({"id": ["a.png", "A"], "split": ["train", "val"]}, "names 'a.png' twice: as 'train' and as 'val'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(columns: dict[str, list[object]], words: str) -> None:
    with pytest.raises(ValueError, match=f"the split 'my/split.csv'.*{words}"):
        parse(**columns)


def test_a_row_that_is_there_twice_is_one() -> None:
    assert parse(id=["a.png", "a", "b"], split=["val", "val", ""]).films == ("a.png", "b")
