"""What folders and file names say of a film: its part of the split, its class, its patient and study.

Nothing is guessed from a single file: a rule holds for a set only where most of its films obey it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
import pandas as pd

from xraylab.records.ids import plain_name

__all__ = [
    "SPLIT_NAMES",
    "FileNames",
    "find_labels",
    "find_patients",
    "find_splits",
    "find_studies",
    "is_mask",
    "parse_file_names",
    "parse_split",
]

SPLIT_NAMES = {
    **dict.fromkeys(("train", "training", "trn", "learn", "learning"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "tune", "tuning"), "val"),
    **dict.fromkeys(
        ("test", "testing", "tst", "holdout", "hold out", "eval", "evaluation"), "test"
    ),
}
"""Parts of a split by the words that are used for them."""

_MASK = re.compile(r"(?:^|[^a-z])(?:masks?|segmentations?|segs?|annotations?)(?:$|[^a-z])")
_SIDES = ("leftmask", "rightmask", "manualmask")
_PATIENT = re.compile(r"(?:patients?|pat|pt|subjects?|subj|sub|case|person)[ ]?0*\d+[a-z]?")
_STUDY = re.compile(r"(?:study|studies|exam|visit|session|ses|series)[ ]?0*\d+(?: .*)?")
_PATIENT_IN_NAME = re.compile(
    r"^((?:patient|pat|pt|subject|subj|sub|case|person)[-_ ]?\d+)(?=[^0-9]|$)", re.IGNORECASE
)
_NIH = re.compile(r"^(\d{8})_\d{3}$")
_NLM = re.compile(r"^(MCUCXR|CHNCXR)_\d{4}_([01])$")
_NLM_SITES = {"MCUCXR": "Montgomery", "CHNCXR": "Shenzhen"}
_NLM_LABELS = {"0": "normal", "1": "tuberculosis"}
_CONTAINERS = frozenset(
    (
        *(
            "image",
            "images",
            "img",
            "imgs",
            "pic",
            "pics",
            "picture",
            "pictures",
            "film",
            "films",
            "scans",
        ),
        *(
            "radiograph",
            "radiographs",
            "xray",
            "xrays",
            "x",
            "ray",
            "rays",
            "cxr",
            "cxrs",
            "data",
            "dataset",
        ),
        *(
            "set",
            "file",
            "files",
            "png",
            "jpg",
            "jpeg",
            "dicom",
            "dcm",
            "tiff",
            "tif",
            "all",
            "raw",
            "original",
        ),
    )
)
_MOST = 0.95
_MOST_CLASSES = 50
_LEAST_PER_CLASS = 3


class FileNames(NamedTuple):
    """What published naming rules say of films; each (N,) Series of str, empty where nothing is known."""

    patient: pd.Series
    label: pd.Series
    site: pd.Series
    rule: str


def parse_split(written: str) -> str:
    """Return ``train``, ``val`` or ``test`` for the name of a part; empty for any other word.

    Examples
    --------
    >>> [parse_split(each) for each in ("Training", "boneage-test-dataset", "dev_set", "train_val", "images")]
    ['train', 'test', 'val', '', '']
    """
    name = plain_name(written)
    if name in SPLIT_NAMES:
        return SPLIT_NAMES[name]
    found = {SPLIT_NAMES[word] for word in re.split(r"[^a-z]+", name) if word in SPLIT_NAMES}
    return found.pop() if len(found) == 1 else ""


def is_mask(path: str) -> bool:
    """Tell whether a file is a mask by its name, or by that of a folder above it.

    Examples
    --------
    >>> [is_mask(each) for each in ("masks/a.png", "CXR/a_mask.png", "ManualMask/leftMask/a.png", "mask_ray/a.png")]
    [True, True, True, True]
    >>> is_mask("unmasked/damask.png")
    False
    """
    *folders, name = PurePosixPath(path).parts
    words = [plain_name(each) for each in (*folders, PurePosixPath(name).stem)]
    return any(_MASK.search(each) is not None or each in _SIDES for each in words)


def find_splits(image_ids: pd.Series) -> pd.Series:
    """Return the part (N,) of each film by the outermost folder that names one; all empty unless there are two parts.

    Examples
    --------
    >>> find_splits(pd.Series(["set/train/a.png", "set/valid/b.png", "c.png"])).tolist()
    ['train', 'val', '']
    """
    known = {folder: parse_split(folder) for folder in {f for i in image_ids for f in _folders(i)}}
    found = image_ids.map(lambda path: next(filter(None, (known[f] for f in _folders(path))), ""))
    parts = set(found) - {""}
    return found if len(parts) > 1 else pd.Series("", image_ids.index, dtype="str")


def find_patients(image_ids: pd.Series) -> pd.Series:
    """Return the patient (N,) of each film by a folder such as ``patient00017``, else by the start of its name.

    Examples
    --------
    >>> find_patients(pd.Series(["train/patient017/study1/view1.jpg", "train/patient018/study1/view1.jpg"])).tolist()
    ['patient017', 'patient018']
    """
    found = image_ids.map(lambda path: _first(_folders(path), _PATIENT))
    if _holds(found):
        return found
    stems = image_ids.map(lambda path: PurePosixPath(path).stem)
    named = stems.str.extract(_PATIENT_IN_NAME)[0].fillna("")
    return named if _holds(named) else pd.Series("", image_ids.index, dtype="str")


def find_studies(image_ids: pd.Series) -> pd.Series:
    """Return the study (N,) of each film by a folder such as ``study1``, with the folders above it.

    Examples
    --------
    >>> find_studies(pd.Series(["patient017/study1/view1.jpg", "patient018/study1/view1.jpg"])).tolist()
    ['patient017/study1', 'patient018/study1']
    """

    def study(path: str) -> str:
        folders = _folders(path)
        last = next((k for k, f in enumerate(folders) if _STUDY.fullmatch(plain_name(f))), None)
        return "" if last is None else "/".join(folders[: last + 1])

    found = image_ids.map(study)
    return found if _holds(found) else pd.Series("", image_ids.index, dtype="str")


def find_labels(image_ids: pd.Series) -> pd.Series:
    """Return the class (N,) of each film by its folder; all empty where folders are no classes.

    The innermost level counts whose folders are few and hold several films each. Folders of parts, patients and
    studies, and those that only say that images are in them, are no classes.

    Examples
    --------
    >>> paths = [f"train/{name}/{k}.png" for name in ("Fractured", "not fractured") for k in range(3)]
    >>> sorted(set(find_labels(pd.Series(paths))))
    ['fractured', 'not fractured']
    """
    candidates = image_ids.map(lambda path: [f for f in _folders(path) if _may_be_class(f)][::-1])
    deepest = max(map(len, candidates), default=0)
    for level in range(deepest):
        names = candidates.map(
            lambda found, k=level: plain_name(found[k]) if len(found) > k else ""
        )
        counts = names[names != ""].value_counts()
        enough = counts.sum() >= _MOST * len(image_ids)
        if enough and 1 < len(counts) <= _MOST_CLASSES and counts.median() >= _LEAST_PER_CLASS:
            return names
    return pd.Series("", image_ids.index, dtype="str")


def parse_file_names(image_ids: pd.Series) -> FileNames:
    """Return what the names of published sets say: ChestX-ray14, and the chest films of Montgomery and Shenzhen.

    Examples
    --------
    >>> names = parse_file_names(pd.Series(["00000013_005.png", "00000013_006.png"]))
    >>> names.patient.tolist(), names.rule
    (['00000013', '00000013'], 'the names of ChestX-ray14')
    """
    stems = image_ids.map(lambda path: PurePosixPath(path).stem)
    nothing = pd.Series("", image_ids.index, dtype="str")
    nih = stems.str.extract(_NIH)[0].fillna("")
    if _holds(nih):
        return FileNames(nih, nothing, nothing, "the names of ChestX-ray14")
    nlm = stems.str.extract(_NLM)
    if _holds(nlm[0].fillna("")):
        label, site = nlm[1].map(_NLM_LABELS).fillna(""), nlm[0].map(_NLM_SITES).fillna("")
        return FileNames(nothing, label, site, "the names of the Montgomery and Shenzhen films")
    return FileNames(nothing, nothing, nothing, "")


def _folders(path: str) -> tuple[str, ...]:
    return PurePosixPath(path).parts[:-1]


def _first(names: Iterable[str], pattern: re.Pattern[str]) -> str:
    return next((name for name in names if pattern.fullmatch(plain_name(name))), "")


def _may_be_class(folder: str) -> bool:
    name = plain_name(folder)
    if parse_split(folder) or _PATIENT.fullmatch(name) or _STUDY.fullmatch(name):
        return False
    # "images", "images_001", "CXR_png" say only that images are in them
    return not all(word.rstrip("0123456789") in (*_CONTAINERS, "") for word in name.split())


def _holds(found: pd.Series) -> bool:
    """Tell whether a rule holds for the whole set, within a few films."""
    return bool(len(found)) and float(np.mean(found != "")) >= _MOST
