from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DatasetError

from xraylab.datasets import TableDataset


def test_a_single_table_and_its_errors(tmp_path: Path) -> None:
    path = tmp_path / "x [1].csv"
    dataset = TableDataset(filepath=str(path))
    assert not dataset.exists()
    with pytest.raises(DatasetError, match=r"x \[1\].csv' cannot be read: there is no such file"):
        dataset.load()
    path.write_bytes(b"\xef\xbb\xbfid;sex\r\n3153;M\r\n")
    assert dataset.exists()
    assert dataset.load().to_dict("list") == {"id": ["3153"], "sex": ["M"]}
    with pytest.raises(DatasetError, match="read only"):
        dataset.save(pd.DataFrame())
