"""What two copies are to each other, along the links of their cluster."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from xraylab.pipelines.audit.page_relations import Relations

COLUMNS = ["cluster", "image_id", "kind", "copy_of", "angle_deg", "mirrored", "similarity"]


def link(*rows: tuple[Any, ...]) -> Relations:
    """Relations of one cluster whose first film is ``a``."""
    first = (1, "a", "first", "", 0.0, False, 1.0)
    table = pd.DataFrame([first, *((1, *row) for row in rows)], columns=COLUMNS)
    return Relations(table, table["image_id"])


@pytest.mark.parametrize(
    ("angle", "mirrored", "words"),
    [
        (0.0, False, "near-duplicate, similarity 0.97"),
        (90.0, False, "near-duplicate, turned by 90° counter-clockwise, similarity 0.97"),
        (355.5, False, "near-duplicate, turned by 4.5° clockwise, similarity 0.97"),
        (180.0, True, "near-duplicate, mirrored, then turned by 180°, similarity 0.97"),
        (359.99, True, "near-duplicate, mirrored, similarity 0.97"),
    ],
)
def test_a_relation_in_words(angle: float, mirrored: bool, words: str) -> None:
    relations = link(("b", "near-duplicate", "a", angle, mirrored, 0.971))
    assert relations.describe("b", of="a") == words


def test_it_is_turned_the_other_way_where_the_order_is_reversed() -> None:
    turned = link(("b", "near-duplicate", "a", 30.0, False, 0.9))
    assert "30° clockwise" in turned.describe("a", of="b")
    mirrored = link(("b", "near-duplicate", "a", 30.0, True, 0.9))
    assert mirrored.describe("a", of="b") == mirrored.describe("b", of="a")


@pytest.mark.parametrize("first", [(90, False), (180, True), (270, True)])
@pytest.mark.parametrize("second", [(90, False), (90, True), (180, False), (0, True)])
@pytest.mark.parametrize("third", [(0, False), (90, True)])
def test_links_are_followed_as_pictures_are_turned(
    first: tuple[int, bool], second: tuple[int, bool], third: tuple[int, bool]
) -> None:
    """b and d are copies of a, c of b; the relation of c to d, applied to d, gives c."""

    def turn(picture: np.ndarray[Any, Any], angle: int, mirrored: bool) -> np.ndarray[Any, Any]:
        return np.rot90(picture[:, ::-1] if mirrored else picture, angle // 90)

    a = np.arange(9).reshape(3, 3)
    b, d = turn(a, *first), turn(a, *third)
    c = turn(b, *second)
    relations = link(
        ("b", "near-duplicate", "a", float(first[0]), first[1], 0.9),
        ("c", "near-duplicate", "b", float(second[0]), second[1], 0.9),
        ("d", "near-duplicate", "a", float(third[0]), third[1], 0.9),
    )
    words = relations.describe("c", of="d")
    angles = {"90° counter": 90, "180°": 180, "90° clockwise": 270}
    said = next((angle for text, angle in angles.items() if text in words), 0)
    np.testing.assert_array_equal(turn(d, said, "mirrored" in words), c)
    assert "similarity" not in words  # they were not compared with each other


def test_the_kind_is_that_of_the_weakest_link() -> None:
    relations = link(
        ("b", "same bytes", "a", 0.0, False, 1.0),
        ("c", "same pixels", "a", 0.0, False, 1.0),
        ("d", "near-duplicate", "c", 0.0, False, 0.8),
    )
    assert relations.describe("b", of="a") == "same bytes"
    assert relations.describe("c", of="b") == "same pixels"
    assert relations.describe("d", of="b") == "near-duplicate"


def test_films_of_different_clusters_are_not_related() -> None:
    rows = [(k, name, "first", "", 0.0, False, 1.0) for k, name in enumerate("ab")]
    relations = Relations(pd.DataFrame(rows, columns=COLUMNS), ["a", "b"])
    assert relations.describe("b", of="a") == ""
    assert relations.describe("a", of="a") == ""
    assert relations.describe("a", of="z") == ""
