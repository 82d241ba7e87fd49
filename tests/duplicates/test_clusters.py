"""Clusters by either rule: chains of copies have one name, films without a copy keep their own."""

import numpy as np
import pandas as pd
import pytest
from tests.duplicates.test_rotations import DISTINCT, PARAMS, turn

from xraylab.duplicates.clusters import find_duplicate_clusters, join_copies
from xraylab.duplicates.rotations import TurnedCopyParams
from xraylab.imaging import read_radiograph
from xraylab.imaging.preprocess import PreprocessParams, prepare_film


def test_a_chain_of_near_duplicates_is_one_cluster():
    hashes = np.zeros((4, 1, 4), np.uint64)
    hashes[1, 0, 0] = 2**20 - 1  # 20 bits from the first
    hashes[2, 0, 0] = 2**40 - 1  # 20 bits from the second, 40 from the first
    hashes[3, 0] = 2**63 - 1
    ids = pd.Series(["c", "b", "d", "a"], index=[5, 6, 7, 8])
    clusters, pairs = find_duplicate_clusters(ids, hashes, 30)
    assert clusters.name == "duplicate_cluster"
    assert clusters.to_dict() == {5: "b", 6: "b", 7: "b", 8: "a"}
    assert pairs[["first", "second", "distance"]].to_numpy().tolist() == [[0, 1, 20], [1, 2, 20]]


@pytest.mark.parametrize("n_turns", [1, 8])
def test_no_film_is_in_no_cluster(n_turns):
    ids = pd.Series([], dtype="str")
    clusters, pairs = find_duplicate_clusters(ids, np.zeros((0, n_turns, 4), np.uint64))
    assert clusters.empty
    assert pairs.empty


def test_equal_digests_join_and_missing_ones_do_not():
    none = pd.DataFrame({"first": [], "second": []}, dtype=int)
    ids, digests = pd.Series(list("edcba")), pd.Series(["k", None, "k", None, "m"])
    assert join_copies(ids, none).tolist() == list("edcba")
    assert join_copies(ids, none, digests).tolist() == ["c", "d", "c", "b", "a"]


def test_clusters_larger_than_the_number_of_neighbours_are_joined_whole():
    copies = [turn(DISTINCT[k], 360 * i / 11 + k) for k in (0, 1) for i in range(11)]
    films = np.concatenate([DISTINCT, np.stack(copies)])
    ids = pd.Series([f"f{k:02}" for k in range(len(films))], index=range(100, 100 + len(films)))
    names, pairs = find_duplicate_clusters(ids, films, TurnedCopyParams(workers=1, neighbours=2))
    assert names.name == "duplicate_cluster"
    assert len(pairs) == len(films) - names.nunique()  # a tree in each cluster
    assert names.tolist() == ids.tolist()[:12] + ["f00"] * 11 + ["f01"] * 11
    assert names.index.equals(ids.index)


def test_films_of_one_digest_are_joined_unseen_and_reach_their_turned_copies():
    # b is equal to a by its key; c is a turned; d has no key and no copy
    films = np.stack([DISTINCT[0], DISTINCT[1], turn(DISTINCT[0], 50), DISTINCT[2]])
    ids, keys = pd.Series(list("dbca")), pd.Series(["k", "k", "l", None])
    clusters, _ = find_duplicate_clusters(ids, films, PARAMS, keys)
    assert clusters.tolist() == ["b", "b", "b", "a"]


@pytest.mark.parametrize(
    ("ids", "films", "rule", "message"),
    [
        (list("abc"), DISTINCT, PARAMS, "3 image ids need as many films, got 12"),
        (list("ab"), DISTINCT[:2], 32, r"hashes must be uint64 of .*got uint8"),
        (list("ab"), np.zeros((2, 8, 4), np.uint64), PARAMS, r"\(N, S, S\) of uint8"),
    ],
)
def test_bad_input_is_named(ids, films, rule, message):
    with pytest.raises(ValueError, match=message):
        find_duplicate_clusters(pd.Series(ids), films, rule)


@pytest.mark.real_films
def test_turned_copies_of_real_bones_are_one_cluster_and_patients_are_apart(real_data):
    folder = real_data / "fracture_multi_region" / "Bone_Fracture_Binary_Classification"
    prepare = PreprocessParams(size_px=224, equalise="none")
    # 57-… (1) and 57-… are turned copies of one film; the hands 142, 24 and 51 are three patients
    paths = [
        *sorted((folder / "train" / "not fractured").glob("57-rotated*.jpg"))[:8],
        *(folder / "train" / "fractured" / f"{name}.jpg" for name in ("142", "24", "51")),
    ]
    present = [path for path in paths if path.exists()]
    if len(present) < len(paths):
        pytest.skip("this part of the public set lacks some of the films")
    films = np.stack([prepare_film(read_radiograph(path), prepare) for path in present])
    ids = pd.Series([path.stem for path in present])
    names, _ = find_duplicate_clusters(ids, films, PARAMS)
    assert set(names[:8]) == {min(path.stem for path in present[:8])}
    assert names[8:].tolist() == ["142", "24", "51"]
