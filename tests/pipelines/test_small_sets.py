"""Sets without any fault, and sets that are too small or of one kind: they run, or stop with one sentence."""

import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.pipelines.test_patients import SITES, SMALL, cache, named

from xraylab import plots
from xraylab.evaluation.tables import Rejected
from xraylab.flow.params import SitedCohortParams
from xraylab.flow.split import GroupsSplit, split_films
from xraylab.imaging.array_cache import read_cache, write_cache
from xraylab.pipelines.bone_age import cohort as bone_age
from xraylab.pipelines.bone_age import params as bone_age_params
from xraylab.pipelines.fracture import audit
from xraylab.pipelines.fracture import cohort as fracture
from xraylab.pipelines.fracture import params as fracture_params
from xraylab.pipelines.lesion_regression import cohort as lesion
from xraylab.pipelines.lesion_regression import params as lesion_params
from xraylab.pipelines.lung_segmentation import cohort as lung
from xraylab.pipelines.lung_segmentation import params as lung_params
from xraylab.pipelines.tb_classification import cohort as tb
from xraylab.pipelines.tb_classification import figures as tb_figures
from xraylab.pipelines.tb_classification import params as tb_params


def chests(kind: str) -> list[str]:
    """Names of films of two sites and two classes; less of them for the smaller kinds."""
    every = [f"{site}_{n:04}_{n % 2}" for site in SITES for n in range(1, 25)]
    return {
        "clean": every,
        "one film": every[:1],
        "two films": every[:2],
        "three films": every[:3],
        "one class": [name for name in every if name.endswith("_0")],
        "one site": every[:24],
    }[kind]


def split_lungs(kind: str, split: str, folder: Path) -> pd.DataFrame:
    arrays = cache(named(chests(kind)), folder / "arrays", masks=True)
    cohort, rejected = lung.index_cohort(
        arrays, {}, SitedCohortParams(sites=SITES, preprocess=SMALL)
    )
    Rejected.validate(rejected)
    fractions = {} if split == "rows" else {"val_fraction": 0.2}
    protocol = lung_params.ProtocolParams(
        split={"kind": split, **fractions}, models={"m": lung_params.SegmentationModel()}
    )
    return lung.split_cohort(cohort, protocol)[0]


def split_tuberculosis(kind: str, split: str, folder: Path) -> pd.DataFrame:
    arrays = cache(named(chests(kind)), folder / "arrays", masks=True)
    none = pd.DataFrame({"image_id": [], "source": [], "mask_digest": []}, dtype="str")
    params = tb_params.TbCohortParams(sites=SITES, preprocess=SMALL)
    cohort, rejected = tb.index_cohort(arrays, none, {}, params)
    Rejected.validate(rejected)
    tb_figures.plot_cohort(cohort)
    tb_figures.plot_samples(arrays, cohort)
    protocol = tb_params.ProtocolParams(
        split={
            "kind": split, "val_fraction": 0.25, "on_leak": "report",
            **({"n_folds": 3} if split == "groups" else {}),
        },
        models={"mlp": tb_params.MlpModel(encoder="a")},
    )  # fmt: skip
    return tb.split_cohort(cohort, protocol)[0]


def split_hands(kind: str, split: str, folder: Path) -> pd.DataFrame:
    n = {"one film": 1, "two films": 2, "three films": 3}.get(kind, 40)
    ids = [str(1000 + number) for number in range(n)]
    sex = "M" if kind == "one class" else ["MF"[number % 2] for number in range(n)]
    labels = pd.DataFrame(
        {"image_id": ids, "target": np.linspace(10, 200, n), "sex": sex, "official_split": "train"}
    )
    params = bone_age_params.AgeCohortParams(preprocess=SMALL, workers=1)
    nothing = pd.DataFrame({"image_id": [], "reason": []}, dtype="str")
    plan = bone_age.cache_films(named([f"train/{each}" for each in ids]), labels, nothing, params)
    write_cache(plan, str(folder / "arrays"))
    cohort, rejected = bone_age.index_cohort(read_cache(str(folder / "arrays")), labels, params)
    Rejected.validate(rejected)
    protocol = bone_age_params.ProtocolParams(
        models={"m": bone_age_params.AgeModel()},
        **(
            {"split": {"kind": "groups", "use_official": True, "val_fraction": 0.25}, "n_folds": 3}
            if split == "groups"
            else {"split": {"kind": "folds", "n_folds": 3}}
        ),
    )  # fmt: skip
    return bone_age.split_cohort(cohort, protocol)[0]


def split_bones(kind: str, split: str, folder: Path) -> pd.DataFrame:
    every = [
        f"{part}/{label}/{part}{n}.png"
        for part, count in (("train", 12), ("val", 4), ("test", 4))
        for label in ("fractured", "not fractured")
        for n in range(count)
    ]
    names = {
        "one film": every[:1], "two films": every[:2], "three films": [every[0], every[12], every[24]],
        "one class": [name for name in every if "/not" in name],
    }.get(kind, every)  # fmt: skip
    params = fracture_params.FractureCohortParams(
        splits={"train": "train", "val": "val", "test": "test"},
        classes={"fractured": 1, "not fractured": 0}, preprocess=SMALL, workers=1,
    )  # fmt: skip
    write_cache(fracture.cache_films(named(names), params), str(folder / "arrays"))
    arrays = read_cache(str(folder / "arrays"))
    cohort, copies, rejected = fracture.index_cohort(arrays, params)
    Rejected.validate(rejected)
    table, _ = audit.audit_files(cohort, rejected, params)
    plots.plot_audit(table, audit.KINDS)
    audit.plot_copies(arrays, cohort, copies)
    protocol = fracture_params.ProtocolParams(
        split={
            "kind": split, "on_leak": "report",
            **({"n_folds": 3, "val_fraction": 0.25} if split == "groups" else {}),
        },
        models={"m": fracture_params.FractureModel()},
    )  # fmt: skip
    return fracture.split_cohort(cohort, protocol)[0]


def split_lesions(kind: str, split: str, folder: Path) -> pd.DataFrame:
    n = {"one film": 1, "two films": 2, "three films": 3}.get(kind, 20)
    films = named([f"film_{number:02}" for number in range(n)])
    mask = np.zeros((32, 32), np.float32)
    mask[8:16, 8:16] = 1
    params = lesion_params.LesionCohortParams(preprocess=SMALL, workers=1)
    names = [
        "image_id",
        "list",
        "label",
        "left",
        "top",
        "width",
        "height",
        "frame_width",
        "frame_height",
    ]
    boxes = pd.DataFrame(
        {name: pd.Series(dtype="str" if i < 3 else "float") for i, name in enumerate(names)}
    )
    entries = pd.DataFrame(
        columns=[
            "image_id",
            "data_set",
            "patient_id",
            "age",
            "sex",
            "view",
            "follow_up",
            "reading_note",
        ]
    )
    plan = lesion.cache_films(
        {}, films, {name: partial(np.copy, mask) for name in films}, boxes, params
    )
    write_cache(plan, str(folder / "arrays"))
    cohort, rejected = lesion.index_cohort(
        read_cache(str(folder / "arrays")), boxes, entries, params
    )
    Rejected.validate(rejected)
    return split_films(cohort, GroupsSplit(n_folds=3), seed=2018)[0]


PIPELINES: dict[str, tuple[Callable[[str, str, Path], pd.DataFrame], list[str]]] = {
    "lung_segmentation": (split_lungs, ["rows", "groups", "sites"]),
    "tb_classification": (split_tuberculosis, ["rows", "groups", "sites"]),
    "bone_age": (split_hands, ["folds", "groups"]),
    "fracture": (split_bones, ["official", "groups"]),
    "lesion_regression": (split_lesions, ["groups"]),
}
CASES = [(name, split) for name, (_, splits) in PIPELINES.items() for split in splits]


@pytest.mark.parametrize(("name", "split"), CASES)
def test_a_set_without_faults_is_split(tmp_path: Path, name: str, split: str) -> None:
    cohort = PIPELINES[name][0]("clean", split, tmp_path)
    assert len(cohort)


SMALL_CASES = [
    *(
        (*case, kind)
        for case in CASES
        for kind in ("one film", "two films", "three films", "one class")
    ),
    *(
        (*case, "one site")
        for case in CASES
        if case[0] in ("lung_segmentation", "tb_classification")
    ),
]


@pytest.mark.parametrize(("name", "split", "kind"), SMALL_CASES)
def test_a_set_that_is_too_small_is_split_or_says_what_is_missing(
    tmp_path: Path, name: str, split: str, kind: str
) -> None:
    found: pd.DataFrame | ValueError
    try:
        found = PIPELINES[name][0](kind, split, tmp_path)
    except ValueError as error:  # any other kind of error is a fault
        found = error
    if isinstance(found, ValueError):
        raised_in = traceback.extract_tb(found.__traceback__)[-1].filename
        assert "/xraylab/" in raised_in, f"not our words: {found}"
        assert "\n" not in str(found)
    else:
        assert (found["split"] != "").any()
