import json
from pathlib import Path

import numpy as np
import pytest

from xraylab.models.embeddings import EmbeddingPlan, read_embeddings, write_embeddings


def plan(sources: list[str], seen: list[list[int]], facts: dict | None = None) -> EmbeddingPlan:
    def compute(rows: np.ndarray) -> np.ndarray:
        seen.append(rows.tolist())
        return np.stack([rows, 10 * rows], axis=1).astype(np.float32)

    return EmbeddingPlan(
        [f"film_{each}" for each in sources],
        sources,
        facts or {"encoder": "a"},
        compute,
        batch_size=2,
    )


def test_a_store_computes_in_batches_and_only_what_is_new(tmp_path: Path):
    import pandas as pd

    seen: list[list[int]] = []
    write_embeddings({"a": plan(["p", "q", "r"], seen)}, tmp_path / "1")
    assert seen == [[0, 1], [2]]
    first = read_embeddings(tmp_path / "1")["a"]
    assert first.matrix.tolist() == [[0, 0], [1, 10], [2, 20]]
    found = first.rows(pd.Series(["film_r", "film_p"]), pd.Series(["r", "p"]))
    assert found.tolist() == [[2, 20], [0, 0]]
    with pytest.raises(KeyError, match="'film_z' has no embedding"):
        first.rows(pd.Series(["film_z"]), pd.Series(["z"]))
    with pytest.raises(
        ValueError, match="the embedding of 'film_r' is of another film of this name"
    ):
        first.rows(pd.Series(["film_p", "film_r"]), pd.Series(["p", "q"]))

    seen.clear()
    write_embeddings({"a": plan(["r", "s", "p"], seen)}, tmp_path / "2", tmp_path / "1")
    assert seen == [[1]]
    second = read_embeddings(tmp_path / "2")["a"].matrix
    assert second.tolist() == [[2, 20], [1, 10], [0, 0]]

    seen.clear()  # another making: nothing is known
    write_embeddings({"a": plan(["r"], seen, {"encoder": "b"})}, tmp_path / "3", tmp_path / "2")
    assert seen == [[0]]


def test_a_broken_store_is_computed_again(tmp_path: Path):
    seen: list[list[int]] = []
    write_embeddings({"a": plan(["p", "q"], seen)}, tmp_path / "1")
    (tmp_path / "1/a.f32").write_bytes(b"cut")
    seen.clear()
    write_embeddings({"a": plan(["p", "q"], seen)}, tmp_path / "2", tmp_path / "1")
    assert seen == [[0, 1]]
    assert json.loads((tmp_path / "2/a.json").read_text())["n_features"] == 2
