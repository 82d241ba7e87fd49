"""What the default run wrote, as the tests of each pipeline read it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import pandas as pd

from xraylab.evaluation.tables import Metrics, Predictions
from xraylab.models.bundle import Bundle, open_bundle


@dataclass(frozen=True)
class Results:
    """The finished run of one project; `workspace` holds Kedro's layers."""

    project: Path

    @property
    def workspace(self) -> Path:
        return self.project / "data/test"

    def newest(self, place: str) -> Path:
        """Return the newest version of a data set, beside which lies its source."""
        path, source = sorted(sorted((self.workspace / place).iterdir())[-1].iterdir())
        assert source.name == f"{path.name}.source.json"
        return path

    def table(self, place: str, **options: Any) -> pd.DataFrame:
        """Return the newest version of a table, CSV or Parquet."""
        path = self.newest(place)
        return pd.read_csv(path, **options) if path.suffix == ".csv" else pd.read_parquet(path)

    def cohort(self, pipeline: str) -> pd.DataFrame:
        """Return a cohort; `pipeline` may name a protocol, as in ``fracture/honest``."""
        return self.table(f"05_model_input/{pipeline}/cohort.parquet")

    def predictions(self, pipeline: str) -> pd.DataFrame:
        """Return the predictions of a pipeline, whose schema holds."""
        return Predictions.validate(self.table(f"07_model_output/{pipeline}/predictions.parquet"))

    def metrics(self, pipeline: str) -> pd.DataFrame:
        """Return the metrics of a pipeline, whose schema holds."""
        return Metrics.validate(self.table(f"08_reporting/{pipeline}/metrics.csv"))

    def rejected(self, pipeline: str) -> list[str]:
        """Return the ids of the inputs that were left out, without files that are no films."""
        path = self.workspace / f"08_reporting/{pipeline}/rejected.csv"
        table = pd.read_csv(path, dtype=str)
        return table.loc[~table["reason"].str.startswith("ignored: "), "image_id"].tolist()

    def truth(self, data_set: str) -> pd.DataFrame:
        """Return what is known of the phantoms of a data set, one row per film."""
        path = self.project / f"data/01_raw/phantoms_test/{data_set}/truth.csv"
        return pd.read_csv(path, dtype={"image_id": str, "file": str})

    def planted(self, data_set: str) -> dict[str, str]:
        """Return the id of the film of each planted fault."""
        truth = self.truth(data_set).dropna(subset=["planted"])
        return dict(truth[["planted", "image_id"]].itertuples(index=False))

    def models(self, pipeline: str) -> set[str]:
        """Return the names of the files of the newest models."""
        folder = self.newest(f"06_models/{pipeline}")
        return {path.name for path in folder.rglob("*") if path.is_file()}


def check_figures(results: Results, pipeline: str, names: set[str]) -> None:
    """Check that these figures are there and no other, and that each one shows something."""
    folder = results.workspace / f"08_reporting/{pipeline}"
    assert {path.stem for path in folder.glob("*.png")} == names
    for name in names:
        image = cv2.imread(str(folder / f"{name}.png"), cv2.IMREAD_GRAYSCALE)
        assert image.shape[0] > 200, name
        assert image.shape[1] > 200, name
        assert image.std() > 5, name


def check_groups(cohort: pd.DataFrame) -> None:
    """Check that a group is on one side of each split only, and that there is something on both sides."""
    used = cohort[cohort["split"] != ""]
    by = ["arm", "group_id"] if "arm" in cohort else ["group_id"]
    assert {"train", "test"} <= set(used["split"])
    assert used.groupby(by)["split"].nunique().max() == 1


def check_metrics(results: Results, pipeline: str) -> pd.DataFrame:
    """Check that every model that predicted is measured, and no other one."""
    metrics, rows = results.metrics(pipeline), results.predictions(pipeline)
    assert set(metrics["protocol"]) == set(rows["protocol"])
    # the model of one site is measured under a name of its own
    for protocol in set(rows["protocol"]) - {"sites"}:
        measured = metrics.loc[metrics["protocol"] == protocol, "model"]
        assert set(measured) == set(rows.loc[rows["protocol"] == protocol, "model"])
    assert set(metrics.loc[metrics["n"] == 0, "metric"]) <= {"val_loss"}  # which is of a training
    assert metrics["value"].notna().mean() > 0.5
    return metrics


def value_of(metrics: pd.DataFrame, **where: str) -> float:
    """Return the one value of a metric."""
    chosen = metrics
    for column, value in where.items():
        chosen = chosen[chosen[column] == value]
    (value,) = chosen["value"]
    return float(value)


def check_probabilities(values: pd.Series, n: int) -> None:
    """Check that there are `n` numbers from 0 to 1."""
    assert len(values) == n
    assert values.between(0, 1).all()


def check_bundle(results: Results, pipeline: str, members: set[str]) -> Bundle:
    """Check that a bundle of these members opens, and says which run made it and of which data; return it."""
    place = results.newest(f"06_models/{pipeline}/bundle")
    bundle = open_bundle(str(place), pipeline)
    assert set(bundle.members) == members
    assert bundle.familiarity is not None
    assert bundle.version == place.parent.name
    assert bundle.trained_on.startswith("phantoms of ")
    return bundle


def check_no_checkpoints(results: Results, pipeline: str) -> None:
    """Check that no checkpoint of a training is left."""
    assert not any((results.workspace / f"06_models/{pipeline}/.checkpoints").rglob("*.ckpt"))
