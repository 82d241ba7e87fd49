"""Samples per second of the published U-Net: the training core beside Keras on TensorFlow, and what each step brings.

Every way runs in a process of its own, in turn, so that what else the machine does meets all alike. TensorFlow is
installed into an environment of its own under ``.benchmarks/``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks.report import Table, machine, median_ratio, publish

HERE = Path(__file__).parent
ENVIRONMENT = HERE.parent / ".benchmarks" / "tensorflow"
# As `make run` sets them: glibc keeps freed blocks for the next step.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "2147483647"}
WAYS: dict[str, tuple[str, dict[str, str]]] = {
    "Keras, float32": ("keras", {}),
    "torch, float32": ("float32", {}),
    "+ freed memory kept": ("float32", KEEP_MEMORY),
    "+ channels last": ("layout", KEEP_MEMORY),
    "xraylab (+ bf16)": ("xraylab", KEEP_MEMORY),
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks training_speed", description=__doc__
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument(
        "--tensorflow", type=Path, help="python of an environment that has TensorFlow"
    )
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    keras = options.tensorflow or install_tensorflow()
    sizes = [str(options.batch), str(options.size), str(options.steps)]
    found: dict[str, list[dict[str, object]]] = {name: [] for name in WAYS}
    for turn in range(options.rounds):
        names = list(WAYS)
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            found[name].append(run(*WAYS[name], keras, sizes))
    publish([tabulate(kind, found, options) for kind in ("training", "inference")], options.out)


def install_tensorflow() -> Path:
    """Return the python of an environment that holds TensorFlow and nothing else of ours."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        uv = shutil.which("uv") or str(HERE.parent / ".uv" / "bin" / "uv")
        if Path(uv).exists():
            install = [uv, "pip", "install", "--quiet", "--python", str(python)]
        else:
            install = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, "tensorflow-cpu"], check=True)
    return python


def run(way: str, variables: dict[str, str], keras: Path, sizes: list[str]) -> dict[str, object]:
    """Run one way in its own process, with its environment variables, and return what it prints last."""
    if way == "keras":
        command = [str(keras), str(HERE / "unet_in_keras.py"), *sizes]
    else:
        command = [sys.executable, "-m", "benchmarks.unet_in_torch", way, *sizes]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE.parent,
        env={**os.environ, **variables},
    )
    if done.returncode:
        raise RuntimeError(f"{way} failed:\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def tabulate(
    kind: str, found: dict[str, list[dict[str, object]]], options: argparse.Namespace
) -> Table:
    base = [1 / float(str(each[kind])) for each in found["Keras, float32"]]
    table = Table(
        f"unet_{kind}",
        f"U-Net of 7,759,521 parameters, {kind}, {options.size} × {options.size}, batch {options.batch}",
        ["way", "samples per second", "times Keras"],
    )
    for name, rounds in found.items():
        speeds = [float(str(each[kind])) for each in rounds]
        table.rows.append(
            [name, median(speeds), median_ratio(base, [1 / speed for speed in speeds])]
        )
    versions = ", ".join(dict.fromkeys(str(each[0]["version"]) for each in found.values()))
    table.note = f"Median of {options.rounds} rounds in turn. {versions}. {machine()}"
    return table


if __name__ == "__main__":
    main()
