"""Claims, tables and pages that several tests of reporting use."""

from __future__ import annotations

import io
from dataclasses import replace

import pandas as pd
from tests.test_provenance import SOURCE

from xraylab.datasets.summary_dataset import Summary
from xraylab.pipelines.reporting.params import ClaimParams, Measured, ReportingParams, SectionParams

REAL = replace(
    SOURCE,
    environment="public",
    phantoms=False,
    raw_root="/data/xray",
    raw_root_as_given="/data/xray",
    seed=42,
)
"""All of the data of `CLAIM`."""

CLAIM = ClaimParams(
    title="A small network reads the dose",
    pipeline="dose_estimation",
    metric="r2",
    value=0.928,
    data="1,000 films at three doses",
    by="a public demo",
    data_set="nih_chest_xray14",
    n_films=1000,
    theirs=Measured(protocol="published", model="mlp"),
    honest=Measured(protocol="honest", model="mlp"),
    baseline=Measured(protocol="honest", model="mean"),
    why="Exposures of one film are on both sides.",
)

PARAMS = ReportingParams(
    title="A <title>",
    claims=(CLAIM,),
    protocols={"published": "As published", "honest": "Honest", "sites": "Other site"},
    names={"all": {"mean": "The mean"}, "dose_estimation": {"mlp": "Small network"}},
    suffixes={"shenzhen": "trained at Shenzhen"},
    sections={
        "dose_estimation": SectionParams(
            title="Dose estimation",
            compared=("r2", "mae"),
            units={"mae": "months"},
            baselines=("mean",),
            key_figures=("loss_curves",),
            captions={"loss_curves": "Loss of each model"},
            intended_use="To try things.",
            limits="Few films.",
        ),
        "bone_age": SectionParams(title="Bone age"),
    },
)


def png(width: int = 300, height: int = 120) -> bytes:
    """Return a small picture."""
    from PIL import Image

    stream = io.BytesIO()
    Image.effect_noise((width, height), 40).convert("RGB").save(stream, format="PNG")
    return stream.getvalue()


def measured(
    theirs: float | None = 0.95,
    honest: float | None = 0.5,
    baseline: float | None = 0.0,
    half: float = 0.05,
    **facts: object,
) -> Summary:
    """Return a summary of the three values of `CLAIM`, each with an interval of so much on either side."""
    rows = [
        (protocol, model, "test", "r2", value, value - half, value + half, 100, 30.0)
        for protocol, model, value in (
            ("published", "mlp", theirs), ("honest", "mlp", honest), ("honest", "mean", baseline),
        )
        if value is not None
    ]  # fmt: skip
    columns = [
        "protocol",
        "model",
        "split",
        "metric",
        "value",
        "ci_low",
        "ci_high",
        "n",
        "n_groups",
    ]
    return Summary(pd.DataFrame(rows, columns=columns).assign(**facts), {"loss_curves": png()})


def cut_short(summary: Summary, protocol: str = "honest", model: str = "mlp") -> Summary:
    """Return a summary in which a training was stopped by the clock."""
    row = {"protocol": protocol, "model": f"{model}_fold_0", "name": model, "stopped_by": "minutes"}
    trainings = pd.DataFrame([{**row, "cut_short": "stopped by the clock"}])
    return replace(summary, tables={"trainings": trainings})
