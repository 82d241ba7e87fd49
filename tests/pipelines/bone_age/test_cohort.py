from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from xraylab.evaluation.tables import Cohort, Rejected
from xraylab.imaging import FilmFile
from xraylab.imaging.array_cache import read_cache, write_cache
from xraylab.imaging.preprocess import PreprocessParams
from xraylab.phantoms.registry import write_phantom
from xraylab.pipelines.bone_age.cohort import cache_films, index_cohort, read_labels
from xraylab.pipelines.bone_age.params import AgeCohortParams

PARAMS = AgeCohortParams(preprocess=PreprocessParams(size_px=64, equalise="none"))
TRAINING = pd.DataFrame(
    {"id": [1377, 14, 20, 21], "boneage": [180, 12, 94, 60], "male": [False, True, True, False]}
)
VALIDATION = pd.DataFrame(
    {"Image ID": [1386, 1392], "male": ["TRUE", "FALSE"], "Bone Age (months)": [30, 162]}
)
TEST = pd.DataFrame(
    {"Sex": ["M", "F"], "Ground truth bone age (months)": [168.93, 78.24], "Case ID": [4360, 4361]}
)


def read(table: pd.DataFrame, params: AgeCohortParams = PARAMS) -> tuple[dict, dict]:
    """Labels by id and reasons by id of a table of training labels."""
    labels, rejected = read_labels({"boneage-training-dataset": lambda: table}, params)
    return labels.set_index("image_id")["target"].to_dict(), rejected.set_index("image_id")[
        "reason"
    ].to_dict()


def test_three_tables_with_columns_and_orders_of_their_own() -> None:
    tables = {
        "boneage-training-dataset": lambda: TRAINING,
        "Bone Age Validation Set/Validation Dataset": lambda: VALIDATION,
        "Bone Age Test Set/Bone age ground truth": lambda: TEST,
        "truth": lambda: pd.DataFrame({"of": ["no concern"]}),
    }
    labels, rejected = read_labels(tables, PARAMS)
    assert rejected.empty
    told = labels.set_index("image_id")
    assert told["target"].to_dict() == {
        "1377": 180, "14": 12, "20": 94, "21": 60, "1386": 30, "1392": 162, "4360": 168.93, "4361": 78.24,
    }  # fmt: skip
    assert told["sex"].to_dict() == {
        "1377": "F", "14": "M", "20": "M", "21": "F", "1386": "M", "1392": "F", "4360": "M", "4361": "F",
    }  # fmt: skip
    assert told["official_split"].value_counts().to_dict() == {"train": 4, "val": 2, "test": 2}


def test_the_order_of_rows_and_columns_is_nothing() -> None:
    turned = TRAINING.iloc[::-1, ::-1]
    assert read(turned) == read(TRAINING)


def test_ids_are_whole_numbers() -> None:
    table = pd.DataFrame(
        {
            "id": ["0007", "8.0", "9.5", "ten", None, "-3"],
            "boneage": 60,
            "male": True,
        }
    )
    labels, rejected = read(table)
    assert set(labels) == {"7", "8"}
    assert rejected["9.5"] == "its id '9.5' is no whole number"
    assert rejected["ten"] == "its id 'ten' is no whole number"
    assert rejected["-3"] == "its id '-3' is no whole number"
    assert "boneage-training-dataset, row 5" in rejected
    assert len(rejected) == 4


def test_an_id_in_two_rows_is_of_no_use_even_across_tables() -> None:
    labels, rejected = read(pd.concat([TRAINING, TRAINING.iloc[[1]].assign(boneage=36)]))
    assert "14" not in labels
    assert rejected == {"14": "its id stands in more than one row (bone ages: 12, 36 months)"}
    again = VALIDATION.assign(**{"Image ID": [14, 1392]})
    _, rejected = read_labels(
        {"boneage-training-dataset": lambda: TRAINING, "Validation Dataset": lambda: again}, PARAMS
    )
    assert rejected["image_id"].tolist() == ["14"]


def test_ages_and_sexes_that_cannot_be() -> None:
    table = pd.DataFrame(
        {
            "id": [1, 2, 3, 4, 5, 6],
            "boneage": ["999", "-1", "", "240", "sixty", "60"],
            "male": ["True", "True", "True", "False", "True", "?"],
        }
    )
    labels, rejected = read(table)
    assert labels == {"4": 240}
    assert rejected == {
        "1": "its bone age of 999 months lies out of 0 to 240",
        "2": "its bone age of -1 months lies out of 0 to 240",
        "3": "has no bone age in 'boneage-training-dataset'",
        "5": "has no bone age in 'boneage-training-dataset'",
        "6": "its sex '?' can be neither M nor F",
    }


def test_a_table_without_ages_gives_reasons_not_an_error() -> None:
    """The test table of Kaggle has no ages."""
    bare = pd.DataFrame({"Case ID": [4360], "Sex": ["M"]})
    labels, rejected = read_labels(
        {"boneage-training-dataset": lambda: TRAINING, "boneage-test-dataset": lambda: bare}, PARAMS
    )
    assert len(labels) == 4
    assert rejected["reason"].tolist() == [
        "ignored: no row of 'boneage-test-dataset' has a bone age"
    ]


def test_tables_that_are_none_say_so() -> None:
    with pytest.raises(
        ValueError, match=r"no table of labels: expected boneage-training-dataset.*there are truth"
    ):
        read_labels({"truth": lambda: TRAINING}, PARAMS)
    with pytest.raises(
        ValueError,
        match="'train' has no column of the id: expected id or Image ID or Case ID, it has a",
    ):
        read_labels({"train": lambda: pd.DataFrame({"a": [1]})}, PARAMS)
    with pytest.raises(
        ValueError, match="none of 1 rows of labels can be used, such as '1': its bone age of 999"
    ):
        read(pd.DataFrame({"id": [1], "boneage": [999], "male": [True]}))
    with pytest.raises(ValidationError, match="min_months must be under max_months"):
        AgeCohortParams(min_months=100, max_months=50)


def test_films_are_joined_by_id() -> None:
    labels, bad = read_labels({"train": lambda: TRAINING}, PARAMS)
    bad = pd.DataFrame({"image_id": ["9.5"], "reason": ["its id '9.5' is no whole number"]})
    film = partial(np.zeros, (8, 8), np.float32)
    films = {f"boneage-training-dataset/{name}": film for name in ("00014", "1377", "20", "77")}
    films["elsewhere/20"] = film
    plan = cache_films(films, labels, bad, PARAMS)
    assert set(plan.films) == {"14", "1377"}
    assert plan.unpaired == {"21": "has no film", "9.5": "its id '9.5' is no whole number"}
    assert plan.rejected == {
        "77": "has no label",
        **dict.fromkeys(
            ("boneage-training-dataset/20", "elsewhere/20"),
            "its name is that of 2 films, and the table's '20' may be any of them",
        ),
    }
    with pytest.raises(
        ValueError, match=r"none of 1 films has a label among 4: .* such as '1377.png'"
    ):
        cache_films({"hand": film}, labels, bad, PARAMS)


def folder_of(root: Path) -> tuple[dict, dict]:
    tables = {path.stem: partial(pd.read_csv, path) for path in root.glob("*.csv")}
    films = {f"{path.parent.name}/{path.stem}": FilmFile(str(path)) for path in root.rglob("*.png")}
    return tables, films


def test_phantoms_become_a_cohort(tmp_path: Path) -> None:
    root = tmp_path / "rsna_bone_age"
    write_phantom("rsna_bone_age", root, {"n_hands": 24, "size_px": 96})
    tables, films = folder_of(root)
    labels, bad = read_labels(tables, PARAMS)
    params = PARAMS.model_copy(update={"max_rejected_fraction": 0.5})  # a fifth is planted faults
    write_cache(cache_films(films, labels, bad, params), str(tmp_path / "arrays"))
    cohort, rejected = index_cohort(read_cache(str(tmp_path / "arrays")), labels, PARAMS)
    Cohort.validate(cohort)
    Rejected.validate(rejected)
    truth = pd.read_csv(root / "truth.csv", dtype={"image_id": str}).set_index("image_id")
    good = truth["planted"].isna() | (truth["planted"] == "copy")
    assert set(cohort["image_id"]) == set(truth.index[good])
    told = truth.loc[cohort["image_id"]]
    assert cohort["target"].tolist() == told["boneage"].tolist()
    assert (cohort["sex"] == "M").tolist() == told["male"].tolist()
    planted = {kind: image_id for image_id, kind in truth["planted"].dropna().items()}
    reasons = rejected.set_index("image_id")["reason"]
    assert "more than one row" in reasons[planted["duplicate_id"]]
    assert reasons[planted["without_film"]] == "has no film"
    assert reasons[planted["without_label"]] == "has no label"
    assert reasons[planted["non_integer_id"]] == "has no label"
    assert "no whole number" in reasons[f"{planted['non_integer_id']}.5"]
    assert "999 months" in reasons[planted["out_of_range"]]
    assert "truncated" in reasons[planted["truncated"]]
    pair = cohort[cohort["image_id"].isin(["999377", planted["copy"]])]
    assert len(pair) == 2
    assert (
        pair["source"].nunique()
        == pair["digest"].nunique()
        == pair["duplicate_cluster"].nunique()
        == 1
    )


@pytest.mark.real_films
def test_real_labels_all_find_their_films(real_data: Path) -> None:
    tables, films = folder_of(real_data / "rsna_bone_age")
    labels, bad = read_labels(tables, PARAMS)
    plan = cache_films(films, labels, bad, PARAMS)
    assert len(plan.films) == len(films) == 1658
    assert plan.rejected == {}
    assert labels["target"].between(1, 228).all()
