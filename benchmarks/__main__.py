"""Run every benchmark and print its tables as Markdown: ``python -m benchmarks [--out FOLDER]``."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import (
    default_run,
    duplicate_detectors,
    feature_memory,
    feature_speed,
    hand_preprocessing,
    prediction_speed,
    training_speed,
    unfamiliar_films,
)

BENCHMARKS = {
    "default_run": default_run,
    "duplicate_detectors": duplicate_detectors,
    "feature_speed": feature_speed,
    "feature_memory": feature_memory,
    "hand_preprocessing": hand_preprocessing,
    "prediction_speed": prediction_speed,
    "training_speed": training_speed,
    "unfamiliar_films": unfamiliar_films,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"any of {', '.join(BENCHMARKS)}; all when none"
    )
    parser.add_argument("--out", type=Path, help="folder for the tables as Markdown and CSV")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"unknown benchmark '{unknown[0]}'; valid names: {', '.join(BENCHMARKS)}")
    passed_on = ["--out", str(arguments.out)] if arguments.out else []
    for name in arguments.names or BENCHMARKS:
        BENCHMARKS[name].main(passed_on)


if __name__ == "__main__":
    main()
