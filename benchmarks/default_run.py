"""The default run on phantoms: how long it takes, and whether its networks learn what the phantoms hold.

The whole default job runs in an empty copy of the project, then, unless ``--whole`` is given, each pipeline alone in
another; each run draws its own phantoms.
"""

from __future__ import annotations

import argparse
import datetime
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from benchmarks.report import Table, machine, publish
from xraylab.pipelines import pipeline_names

PROJECT = Path(__file__).resolve().parents[1]
WHOLE_SECONDS, ALONE_SECONDS = 360, 90
CLINICAL = ("age", "sex", "view", "follow_up")
Row = list[object]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks default_run", description=__doc__)
    parser.add_argument("--whole", action="store_true", help="leave the pipelines alone out")
    parser.add_argument("--read", type=Path, help="read this workspace, and run nothing")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    if options.read:
        publish([tabulate(options.read)], options.out)
        return
    names = [] if options.whole else [each for each in pipeline_names() if each != "reporting"]
    columns = ["run", "wall-clock, s", "processor, s", "target, s", "met"]
    times = Table("default_run_seconds", "Seconds of the default run", columns)
    with tempfile.TemporaryDirectory() as place:
        whole = run(Path(place) / "whole")
        times.rows.append(["whole", *whole, WHOLE_SECONDS, told(whole[0] <= WHOLE_SECONDS)])
        for name in names:
            alone = run(Path(place) / name, f"--pipelines={name}")
            times.rows.append([name, *alone, ALONE_SECONDS, told(alone[0] <= ALONE_SECONDS)])
        figures = tabulate(Path(place) / "whole" / "data")
    times.note = f"{datetime.datetime.now(tz=datetime.UTC):%Y-%m-%d}. {machine()}"
    publish([times, figures], options.out)


def run(folder: Path, *arguments: str) -> tuple[float, float]:
    """Run ``kedro run`` in a new copy of the project; return the seconds of wall-clock and of processor."""
    for name in ("conf", "data"):
        shutil.copytree(
            PROJECT / name, folder / name,
            ignore=shutil.ignore_patterns("local") if name == "conf" else _all_but_folders,
        )  # fmt: skip
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(PROJECT / name, folder / name)
    (folder / "conf" / "local").mkdir()
    (folder / "src").mkdir()  # Kedro asks for one; the package is installed
    environment = {key: value for key, value in os.environ.items() if key != "XRAYLAB_RAW"}
    start, before = time.perf_counter(), _processor_seconds()
    command = [sys.executable, "-m", "kedro", "run", *arguments]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start, _processor_seconds() - before


def _all_but_folders(folder: str, names: list[str]) -> list[str]:
    """Return what is no layer of an empty workspace."""
    return [name for name in names if Path(folder) != PROJECT / "data" or name.startswith(".")]


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def tabulate(workspace: Path) -> Table:
    """Lay what a default run measured beside the baselines and what is asked of it."""
    columns = ["pipeline", "what", "value", "baseline", "target", "met"]
    table = Table("default_run_figures", "What the default run learns", columns)
    for rows in (dose, lungs, lesions, tuberculosis, ages, fractures):
        table.rows += list(rows(workspace))
    return table


def told(met: bool) -> str:
    return "yes" if met else "no"


def newest(workspace: Path, place: str) -> pd.DataFrame:
    """Return the newest version of a table, CSV or Parquet."""
    path = max((workspace / place).iterdir()) / Path(place).name
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


class Metrics:
    """The metrics of a pipeline on its test films."""

    def __init__(self, workspace: Path, pipeline: str) -> None:
        table = newest(workspace, f"08_reporting/{pipeline}/metrics.csv")
        self.table = table[table["split"] == "test"]

    def row(self, protocol: str, model: str, metric: str) -> pd.Series:
        """Return the one row of a metric."""
        where = {"protocol": protocol, "model": model, "metric": metric}
        (row,) = self.table.merge(pd.DataFrame([where])).to_dict("records")
        return pd.Series(row)

    def __call__(self, protocol: str, model: str, metric: str) -> float:
        """Return the value of a metric."""
        return float(self.row(protocol, model, metric)["value"])


def dose(workspace: Path) -> Iterator[Row]:
    of = Metrics(workspace, "dose_estimation")
    value, base = of("published", "mlp", "r2"), of("honest", "mean", "r2")
    yield ["dose_estimation", "published mlp, R²", value, base, "above the mean", told(value > base)]  # fmt: skip


def lungs(workspace: Path) -> Iterator[Row]:
    of = Metrics(workspace, "lung_segmentation")
    base = of("honest", "mean_mask", "dice")
    asked = [(p, m) for p in ("published", "honest") for m in ("unet", "resunet")]
    for protocol, model in (*asked, ("honest", "robust")):
        value = of(protocol, model, "dice")
        what = f"{protocol} {model}, Dice"
        yield ["lung_segmentation", what, value, base, "above the mean mask", told(value > base)]


def lesions(workspace: Path) -> Iterator[Row]:
    of = Metrics(workspace, "lesion_regression")
    for protocol in ("published", "seed_table"):
        base = of(protocol, "mean", "r2")
        for model in ("random_forest", "lightgbm", "xgboost"):
            value = of(protocol, model, "r2")
            what = f"{protocol} {model}, R²"
            yield ["lesion_regression", what, value, base, "above the mean", told(value > base)]
    for model in ("random_forest", "xgboost", "lightgbm"):
        values = newest(workspace, f"07_model_output/lesion_regression/shap_values_{model}.parquet")
        shares = values.assign(size=values["shap_value"].abs()).groupby("feature")["size"].mean()
        first = shares[list(CLINICAL)].idxmax()
        what = f"honest {model}, first clinical feature"
        yield ["lesion_regression", what, first, "", "age", told(first == "age")]


def tuberculosis(workspace: Path) -> Iterator[Row]:
    of = Metrics(workspace, "tb_classification")
    rows = newest(workspace, "07_model_output/tb_classification/predictions.parquet")
    rows = rows[rows["split"] == "test"]
    name = "tb_classification"
    for model in ("vgg16", "resnet50", "inceptionresnetv2"):
        ill = rows.loc[
            (rows["protocol"] == "published") & (rows["model"] == model), "target"
        ].mean()
        base, value = max(ill, 1 - ill), of("published", model, "accuracy")
        what = f"published {model}, accuracy"
        yield [name, what, value, base, "above the majority class", told(value > base)]
    value = of("honest", "ensemble", "auroc")
    yield [name, "honest ensemble, AUROC", value, 0.5, ">= 0.85", told(value >= 0.85)]
    for probe in ("site_only", "size_and_border", "mean_intensity", "outside_lungs"):
        value = of("honest", probe, "auroc")
        yield [name, f"honest {probe}, AUROC", value, 0.5, "<= 0.70", told(value <= 0.7)]


def ages(workspace: Path) -> Iterator[Row]:
    of = Metrics(workspace, "bone_age")
    asked = (("published", "cnn", 0.8), ("honest", "cnn", 0.8), ("honest", "modern", 0.5))
    for protocol, model, share in asked:
        value, base = of(protocol, model, "mae"), of(protocol, "mean_age", "mae")
        what = f"{protocol} {model}, MAE in months"
        target = f"<= {share:g} of the mean age's"
        yield ["bone_age", what, value, base, target, told(value <= share * base)]


def fractures(workspace: Path) -> Iterator[Row]:
    of = Metrics(workspace, "fracture")
    value, base = of("published", "cnn", "auroc"), of("published", "border_only", "auroc")
    yield ["fracture", "published cnn, AUROC", value, base, ">= 0.95", told(value >= max(0.95, base))]  # fmt: skip
    for model in ("md5_look_up", "hash_look_up"):
        row, before = of.row("honest", model, "auroc"), of("published", model, "auroc")
        at_chance = row["ci_low"] <= 0.5 <= row["ci_high"]
        what = f"honest {model}, AUROC (baseline: published)"
        yield ["fracture", what, float(row["value"]), before, "chance", told(at_chance)]


if __name__ == "__main__":
    main()
