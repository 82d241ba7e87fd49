"""Contents of pages of audits: a set with every kind of finding, hostile names, and an empty set."""

from __future__ import annotations

import json
from typing import Any

import cv2
import numpy as np
import pandas as pd

from xraylab.imaging.array_cache import ArrayCache, hold_arrays
from xraylab.pipelines.audit.findings import Finding, tabulate_findings
from xraylab.pipelines.audit.page import AuditContent

HOSTILE = (
    "train/<script>alert(1)</script>/b.png",
    'val/<img src=x onerror="alert(2)">.png',
    "test/turned\u202egnp.exe",
    "test/line\nbreak.png",
    f"train/{'very_long_name_without_a_break' * 20}.png",
)
"""Names of files as strangers give them."""

_EMPTY = {
    "recognised": ("what", "found", "how"),
    "clusters": (
        *("cluster", "image_id", "kind", "copy_of", "angle_deg", "mirrored", "similarity"),
        *("split", "label", "patient"),
    ),
    "probes": (*("probe", "target", "metric", "value", "ci_low", "ci_high", "n", "above_chance"),),
    "suspects": ("image_id", "label", "other", "share", "neighbours"),
    "split": ("image_id", "group_id", "split", "official_split", "moved", "reason"),
}


def tables(**given: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """All tables of a page but records and findings; those that are not given are empty."""
    return {
        name: given.get(name, pd.DataFrame(columns=list(columns)))
        for name, columns in _EMPTY.items()
    }


def hand(seed: int, noise: float = 0.06) -> np.ndarray[Any, Any]:
    """Something like a film: a few bright bones on a dark ground."""
    rng = np.random.default_rng(seed)
    film = np.full((224, 224), 25, np.uint8)
    for i in range(5):
        angle = np.deg2rad(-60 + 30 * i + rng.normal(0, 5))
        tip = (int(112 + 95 * np.sin(angle)), int(190 - 150 * np.cos(angle) * rng.uniform(0.8, 1)))
        cv2.line(film, (112, 180), tip, int(rng.integers(140, 230)), int(rng.integers(9, 16)))
    cv2.circle(film, (112, 185), 30, 180, -1)
    grain = rng.normal(0, 255 * noise, film.shape)
    return np.clip(cv2.GaussianBlur(film, (0, 0), 2) + grain, 0, 255).astype(np.uint8)


def make_records(image_ids: list[str]) -> pd.DataFrame:
    """One row per film, with part and label from the name."""
    parts = [each.split("/")[0] for each in image_ids]
    return pd.DataFrame(
        {
            "image_id": image_ids,
            "status": "ok",
            "reason": "",
            "row": np.arange(len(image_ids)),
            "split": parts,
            "label": ["fractured" if "b" in each else "not fractured" for each in image_ids],
            "target": np.nan,
            "patient": [f"SECRET-{i}" for i in range(len(image_ids))],
        }
    )


def hold(films: list[Any], image_ids: list[str]) -> ArrayCache:
    arrays = np.stack(films)
    return hold_arrays(arrays, arrays, pd.Series(image_ids), {"size_px": arrays.shape[1]})


def full(names: tuple[str, ...] = (), noise: float = 0.06) -> AuditContent:
    """A set with every kind of finding; names of the first films are those given."""
    image_ids = [
        *names,
        *(f"{part}/{side}/hand_{i:03d}.png" for part in ("train", "val", "test") for side in "ab" for i in range(5)),
    ]  # fmt: skip
    films = [hand(i, noise) for i in range(len(image_ids))]
    first = len(names)
    films[first + 25] = np.rot90(films[first], 1)[:, ::-1]
    films[first + 11] = films[first + 1]
    films[first + 12] = films[first + 1]
    films[first + 3] = np.full((224, 224), 17, np.uint8)
    records = make_records(image_ids)
    left_out = pd.DataFrame(
        {
            "image_id": ["train/a/cut.png", "train/a/cut_2.png", "Thumbs.db", "train/a/hand_mask.png"],
            "status": ["unreadable", "unreadable", "ignored", "mask"],
            "reason": [*["holds a truncated PNG stream"] * 2, "is a hidden file", "is a mask"],
            "row": -1,
            "split": ["train", "train", "", "train"],
            "label": "",
            "target": np.nan,
            "patient": "",
        }
    )  # fmt: skip
    return AuditContent(
        title="hands_of_2025",
        facts={
            "Folder": "hands_of_2025",
            "Date": "2026-11-28",
            "Version": "xraylab 0.1.0",
            "Seconds": 12.5,
            "Files found": len(records) + len(left_out),
            "Films read": len(records),
        },
        records=pd.concat([records, left_out], ignore_index=True),
        findings=tabulate_findings(make_findings(image_ids, first)),
        arrays=hold(films, image_ids),
        **tables(
            recognised=pd.DataFrame(
                [
                    ("Parts", "train 10, val 10, test 10", "the names of folders"),
                    ("Labels", "fractured 15, not fractured 15", "the names of folders"),
                    ("Patients", "18 of 30 films", "column 'patient_id' of labels.csv"),
                ],
                columns=["what", "found", "how"],
            ),
            clusters=make_clusters(image_ids, first),
            probes=make_probes(),
            suspects=make_suspects(image_ids),
            split=make_split(image_ids),
        ),
    )


def make_findings(ids: list[str], first: int) -> list[Finding]:
    n = len(ids)
    pair, three = [ids[first], ids[first + 25]], [ids[first + 1], ids[first + 11], ids[first + 12]]
    advice = "Train by the proposed split, in which all copies of a film are in one part."
    return [
        Finding("files", "unreadable", "warning", "2 files cannot be read.", 2, n + 4,
                "Fetch them again, or remove them.", [["train/a/cut.png"], ["train/a/cut_2.png"]]),
        Finding("files", "blank", "warning", "1 film is blank.", 1, n, "Remove it.", [[ids[first + 3]]]),
        Finding("files", "formats", "info", "All films are PNG.", n, n, examples=[[each] for each in ids]),
        Finding("copies", "copies_across_parts", "error",
                "2 of 10 films of the test part are copies of films of other parts.", 2, 10, advice, [pair, three]),
        Finding("copies", "label_conflicts", "error", "1 film is in the set with two labels.", 1, n,
                "Look at the films, and correct the label.", [pair]),
        Finding("groups", "patients_across_parts", "error", "3 of 18 patients are in more than one part.", 3, 18,
                "Train by the proposed split.", [[ids[first + 2], ids[first + 14]]]),
        Finding("splits", "small_part", "warning", "An AUROC of the test part is known to ±0.22 only.", 10, n,
                "Use cross-validation, or more films.", value=0.22, metric="half-width of the interval"),
        Finding("shortcuts", "file_size", "warning", "The size of the file alone tells the label.", n, n,
                "Save all films in one format, then audit again.", value=0.91, ci_low=0.84, ci_high=0.97,
                metric="AUROC"),
        Finding("labels", "suspects", "warning", "2 films look like those of another class.", 2, n,
                "Have somebody look at them.", [[each] for each in ids[:2]]),
        Finding("labels", "balance", "info", "The classes are balanced.", n, n),
    ]  # fmt: skip


def make_clusters(ids: list[str], first: int) -> pd.DataFrame:
    rows = [
        (0, 0, "first", 0.0, False, 1.0),
        (0, 25, "near-duplicate", 270.0, True, 0.971),
        (1, 1, "first", 0.0, False, 1.0),
        (1, 11, "same bytes", 0.0, False, 1.0),
        (1, 12, "same pixels", 0.0, False, 1.0),
    ]
    return pd.DataFrame(
        [
            {
                "cluster": ids[first + cluster],
                "image_id": ids[first + i],
                "kind": kind,
                "copy_of": ids[first + cluster] if kind != "first" else "",
                "angle_deg": angle,
                "mirrored": mirrored,
                "similarity": similarity,
                "split": ids[first + i].split("/")[0],
                "label": "",
                "patient": f"{i:08x}",
            }
            for cluster, i, kind, angle, mirrored, similarity in rows
        ]
    )


def make_probes() -> pd.DataFrame:
    rows = [
        ("size of the file", "all classes", "AUROC", 0.91, 0.84, 0.97, True),
        ("border pixels", "all classes", "AUROC", 0.66, 0.57, 0.74, True),
        ("mean brightness", "all classes", "AUROC", 0.52, 0.41, 0.63, False),
        ("burned-in markers", "all classes", "AUROC", 0.33, 0.21, 0.46, False),
        ("size of the file", "fractured", "AUROC", 0.93, 0.88, 0.98, True),
        ("film of 8 × 8 pixels", "age", "R²", 0.31, 0.2, 0.42, True),
        ("JPEG quality", "age", "R²", -0.05, -0.4, 0.04, False),
    ]
    columns = ["probe", "target", "metric", "value", "ci_low", "ci_high", "above_chance"]
    return pd.DataFrame(rows, columns=columns).assign(n=30)


def make_suspects(ids: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "image_id": ids[:2],
            "label": "not fractured",
            "other": "fractured",
            "share": [1.0, 0.9],
            "neighbours": [json.dumps(ids[4:14]), json.dumps(ids[6:16])],
        }
    )


def make_split(ids: list[str]) -> pd.DataFrame:
    official = pd.Series([each.split("/")[0] for each in ids])
    moved = pd.Series(range(len(ids))) % 7 == 3
    split = official.where(~moved, "train")
    return pd.DataFrame(
        {
            "image_id": ids,
            "group_id": [f"{i:08x}" for i in range(len(ids))],
            "split": split,
            "official_split": official,
            "moved": split != official,
            "reason": np.where(split != official, "a copy of it is in train", ""),
        }
    )


def hostile() -> AuditContent:
    """Every kind of finding, and words of strangers wherever words of others are shown."""
    evil = "<b onmouseover=alert(3)>\u202ex</b>"
    made = full(HOSTILE)
    findings = made.findings.assign(
        title=made.findings["title"] + f" It is named '{evil}' and {'x' * 120}."
    )
    return AuditContent(
        title=f"{evil}{'long_name_of_a_folder_' * 8}",
        facts={**made.facts, "Folder": f"{evil}/{'y' * 120}"},
        records=made.records.assign(
            label=f"{evil}{'z' * 60}", reason=made.records["reason"] + f" {evil}"
        ),
        recognised=made.recognised.assign(found=made.recognised["found"] + f" {evil} {'v' * 90}"),
        findings=findings,
        clusters=made.clusters.assign(split=evil),
        probes=made.probes.assign(probe=evil + "w" * 60),
        suspects=made.suspects.assign(label=evil, other=evil + "u" * 60),
        split=made.split.assign(split=evil, reason=evil),
        arrays=made.arrays,
    )


def clean_set() -> AuditContent:
    """A set in which nothing was found."""
    ids = [f"train/a/{i}.png" for i in range(3)]
    return AuditContent(
        "tidy",
        {"Films read": 3},
        make_records(ids),
        findings=tabulate_findings([]),
        arrays=hold([hand(i) for i in range(3)], ids),
        **tables(split=make_split(ids)),
    )


def empty_set() -> AuditContent:
    """A folder without a film."""
    return AuditContent(
        "nothing",
        {},
        make_records(["a/b.png"]).head(0),
        findings=tabulate_findings([]),
        arrays=None,
        **tables(),
    )
