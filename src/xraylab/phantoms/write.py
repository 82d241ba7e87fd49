"""A phantom data set is written whole and once."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xraylab import __version__

__all__ = ["STAMP", "choose_jobs", "write_once"]

STAMP = "phantom.json"
_FORMAT = 5  # raise it when a phantom changes for the same parameters
_STALE_HOURS = 6.0
_WORTH_A_PROCESS = 1e6  # pixels of a chest above which other processes repay their start


def choose_jobs(pixels: float, worth_a_process: float = _WORTH_A_PROCESS) -> int:
    """Return how many processes shall draw so many pixels, as joblib counts them: every core, or one for a few."""
    return -1 if pixels > worth_a_process else 1


def write_once(folder: Path, write: Callable[[Path], None], parameters: dict[str, Any]) -> bool:
    """Write a folder whole, unless it lies there with the same parameters.

    The folder is written under a hidden name beside its own and renamed at the end, so that no half of it is ever seen,
    even if the writer is interrupted. Two writers do no harm: the later one finds the folder there.

    Parameters
    ----------
    folder : Path
        The folder; its parent is made if need be.
    write : callable
        Writes the content into the folder that it is given.
    parameters : dict
        JSON-ready parameters; they are the stamp by which the folder is known to be current.

    Returns
    -------
    bool
        Whether anything was written.

    Raises
    ------
    FileExistsError
        If the folder is there and carries no stamp: it is somebody's data and is never replaced.
    """
    stamp = {"format": _FORMAT, "parameters": json.loads(json.dumps(parameters))}
    if _is_current(folder, stamp):
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    _clear_leftovers(folder)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        write(partial)
        text = json.dumps({**stamp, "xraylab": __version__}, indent=2, sort_keys=True)
        (partial / STAMP).write_text(text + "\n", encoding="utf-8")
        partial.chmod(0o755)  # mkdtemp keeps others out
        return _move_into_place(partial, folder, stamp)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _is_current(folder: Path, stamp: dict[str, Any]) -> bool:
    if not folder.exists():
        return False
    path = folder / STAMP
    if not path.is_file():
        raise FileExistsError(
            f"'{folder}' is there and holds no {STAMP}: it is not a phantom and is not replaced. Name it as the raw "
            "root by XRAYLAB_RAW or --params raw=…, or move it away"
        )
    known = json.loads(path.read_text(encoding="utf-8"))
    return {key: known.get(key) for key in stamp} == stamp


def _move_into_place(partial: Path, folder: Path, stamp: dict[str, Any]) -> bool:
    if folder.exists():
        if _is_current(folder, stamp):
            return False  # another writer was faster
        old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent)) / "old"
        folder.rename(old)
        shutil.rmtree(old.parent, ignore_errors=True)
    try:
        partial.rename(folder)
    except OSError:
        if _is_current(folder, stamp):
            return False
        raise
    return True


def _clear_leftovers(folder: Path) -> None:
    """Remove what interrupted writers left, but not what another running writer is writing."""
    import time

    oldest = time.time() - 3600 * _STALE_HOURS
    for path in folder.parent.glob(f".{folder.name}.*"):
        if os.stat(path).st_mtime < oldest:
            shutil.rmtree(path, ignore_errors=True)
