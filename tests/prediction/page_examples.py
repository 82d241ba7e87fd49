"""Tables of predictions that several tests of the page use."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd

from xraylab.prediction.overlays import draw_thumbnail
from xraylab.prediction.page import PageContent
from xraylab.prediction.result import Column, Prediction, Status, StatusKind, tabulate

AGE = (
    Column("sex", "Sex"),
    Column("months", "Bone age", "months", 1),
    Column("interval_low", "From", "months", 1),
    Column("interval_high", "To", "months", 1),
    Column("coverage", "Coverage"),
    Column("months_if_male", "If male", "months", 1),
    Column("mask", "Mask"),
)
HOSTILE = (
    '<img src=x onerror="alert(1)">.png',
    "a/<script>alert(2)</script>/b.png",
    "javascript:alert(3).png",
    "turned\u202egnp.exe",
    "line\nbreak.png",
    f"{'very_long_name_without_a_break' * 20}.png",
)
"""Names of files as strangers give them."""


def age(months: float) -> dict[str, float | int | str | bool | None]:
    return {
        "sex": "male", "months": months, "interval_low": months - 9.06, "interval_high": months + 9.06,
        "coverage": 0.9, "months_if_male": months, "mask": "masks/film.png",
    }  # fmt: skip


def predict(
    path: str,
    kind: StatusKind = "ok",
    reason: str = "",
    unfamiliarity: float = 0.4,
    trained_on: str = "rsna_bone_age (12,611 films)",
) -> Prediction:
    predicted = kind in ("ok", "doubtful")
    return Prediction(
        path,
        Status(kind, reason),
        age(101.37) if predicted else {},
        unfamiliarity if kind in ("ok", "doubtful", "refused") else float("nan"),
        trained_on=trained_on,
    )


ONE_OF_EACH = (
    predict("folder/fine.png"),
    predict("hidden/.DS_Store", "ignored", "is a hidden file"),
    predict("cut.png", "unreadable", "holds a truncated PNG stream"),
    predict("chest.dcm", "refused", "is a film of the CHEST", 3.2),
    predict("turned.png", "doubtful", "looks inverted", 0.93),
)


def noise(seed: int, size: tuple[int, int] = (300, 240)) -> bytes:
    """A thumbnail as large as that of a busy film."""
    small = np.random.default_rng(seed).random((size[0] // 12, size[1] // 12), dtype=np.float32)
    return draw_thumbnail(
        np.clip(cv2.resize(small, size[::-1], interpolation=cv2.INTER_CUBIC), 0, 1)
    )


def content(
    rows: tuple[Prediction, ...] | list[Prediction] = ONE_OF_EACH,
    thumbnails: dict[str, bytes] | None = None,
) -> PageContent:
    drawn = {each.path: noise(1) for each in rows if each.status.kind in ("ok", "doubtful")}
    return PageContent(
        title="Bone age",
        table=tabulate((each.row() for each in rows), AGE),
        columns=AGE,
        thumbnails=drawn if thumbnails is None else thumbnails,
        facts={
            "Model": "bone_age",
            "Trained on": "rsna_bone_age (12,611 films)",
            "Films": "/films/<new>",
        },
        about="The bone age is that of the atlas.",
    )


def many(n: int = 10_000) -> pd.DataFrame:
    """A table of many films, of which one in twelve is not ok."""
    kinds: tuple[StatusKind, ...] = ("doubtful", "refused", "unreadable", "ignored")
    rows = (
        predict(f"export/2026/study_{i // 40:05d}/series_1/IM-{i:06d}.dcm", kind, reason, i / n)
        for i in range(n)
        for kind, reason in [
            (kinds[i // 12 % 4], "is for a reason of about sixty letters, as reasons are in words")
            if i % 12 == 0
            else ("ok", "")
        ]
    )
    return tabulate((each.row() for each in rows), AGE)
