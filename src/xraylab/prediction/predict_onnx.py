"""Predict films with the ONNX model in this folder; needs onnxruntime, numpy and opencv-python alone.

    python predict_onnx.py FILMS --out RESULTS

FILMS is a PNG or JPEG file or a folder of them. RESULTS is a folder: predictions.csv has a row per film, masks lie in
masks/. Research software, not a medical device. Films that are unlike those of the training are NOT refused here, as
xraylab itself refuses them: look at what you give it.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

HERE = Path(__file__).resolve().parent
NOT_REFUSED = "Unfamiliar films are not refused."
BATCH = 16
SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif")


def read_film(path: Path) -> Any:
    """Return a film (H, W) of float32 in [0, 1], as a viewer shows it; colour by BT.601."""
    data = np.frombuffer(path.read_bytes(), np.uint8)
    is_jpeg = data[:2].tobytes() == b"\xff\xd8"  # its own luma, turned as its EXIF says
    image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE if is_jpeg else cv2.IMREAD_UNCHANGED)
    if image is None:
        raise ValueError("is no PNG or JPEG that decodes")
    top = 65535 if image.dtype == np.uint16 else 255
    opacity = image[..., 3] / np.float32(top) if image.ndim == 3 and image.shape[2] == 4 else None
    grey = cv2.cvtColor(image[..., :3], cv2.COLOR_BGR2GRAY) if image.ndim == 3 else image
    least, most = int(grey.min()), int(grey.max())
    if top > 255 and most < 65536 / 8:  # 12 bits in 16, say
        top = next((2**bits - 1 for bits in (8, 10, 12, 14) if most < 2**bits), top)
    if 0 < most - least < 0.05 * top:  # nearly black or white all over
        low, high = np.percentile(grey, (0.1, 99.9))
        low, high = (low, high) if high > low else (least, most)
        film = np.clip((grey - low) / (high - low), 0, 1).astype(np.float32)
    else:
        film = grey / np.float32(top)
    return film if opacity is None else film * opacity


def prepare(film: Any, how: dict[str, Any], cropped: bool) -> Any:
    """Return a film (S, S) of uint8: windowed, cropped, resized and equalised as those of the training were."""
    size, window = how["size_px"], how["window_percentiles"]
    if window is not None:
        low, high = np.percentile(film, window)
        gain = 1 / (high - low) if high > low else 0.0
        film = np.clip((film - low) * gain, 0, 1).astype(np.float32)
    if how["crop"] == "published" and not cropped:
        rows, columns = np.nonzero((film > 0.1) & (film < 1))
        if len(rows):
            film = film[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    if how["aspect"] == "pad":
        small = resize_square(film, size)
    else:
        method = cv2.INTER_AREA if min(film.shape) >= size else cv2.INTER_LINEAR
        small = cv2.resize(film, (size, size), interpolation=method)
    grey = np.rint(small * 255).astype(np.uint8)
    if how["equalise"] == "none":
        return grey
    if len(np.unique(grey)) < 128:
        low, high = float(small.min()), float(small.max())
        small = (small - low) / (high - low) if high > low else small
        grey = np.rint(small * 255).astype(np.uint8)
    return cv2.equalizeHist(grey)


def resize_square(film: Any, size: int) -> Any:
    """Put a film in the middle of a square of zeros, and resize that: bilinear, with antialiasing where it shrinks."""
    height, width = film.shape
    edge = max(height, width)
    square = np.zeros((edge, edge), np.float32)
    top, left = (edge - height) // 2, (edge - width) // 2
    square[top : top + height, left : left + width] = film
    if edge <= size:
        return cv2.resize(square, (size, size), interpolation=cv2.INTER_LINEAR)
    place = (np.arange(edge) + 0.5) * size / edge - 0.5
    weight = np.maximum(0, 1 - np.abs(place[None] - np.arange(size)[:, None]))
    weight = (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)
    return weight @ square @ weight.T


def call(card: dict[str, Any], found: dict[str, Any], row: int) -> dict[str, Any]:
    """Return the columns of a classifier."""
    probability = float(found["probability"][row])
    return {
        "probability": probability,
        "spread": float(found["spread"][row]),
        "threshold": card["threshold"],
        "finding": card["classes"][int(probability >= card["threshold"])],
    }


def age(card: dict[str, Any], months: dict[str, float], sex: str) -> dict[str, Any]:
    """Return the columns of a bone age: of a child of unknown sex the middle between either."""
    wanted = {sex: months[sex]} if sex else months
    radii = {
        each: np.nan if card["radii"][each] is None else card["radii"][each] for each in wanted
    }
    return {
        "sex": sex,
        "months": sum(wanted.values()) / len(wanted),
        "interval_low": min(wanted[each] - radii[each] for each in wanted),
        "interval_high": max(wanted[each] + radii[each] for each in wanted),
        "coverage": card["coverage"],
    }


def threshold_of(seen: Any, threshold: Any) -> float:
    """Return the probability from which a pixel belongs to the mask: as given, or that of the largest expected Dice."""
    if threshold != "expected_dice":
        return float(threshold)
    falling = np.sort(seen, axis=None)[::-1].astype(np.float64)
    dice = 2 * falling.cumsum() / (np.arange(1, falling.size + 1) + falling.sum())
    return max(0.05, float(falling[dice.argmax()]))


def clean(mask: Any) -> Any:
    """Return the two largest parts of a mask, without holes."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count > 3:
        mask = np.isin(labels, 1 + np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable")[:2])
    outside = np.pad(mask.astype(np.uint8), 1)
    cv2.floodFill(outside, None, (0, 0), 1, flags=4)
    return (mask | (outside[1:-1, 1:-1] == 0)).astype(np.uint8)


def draw(
    card: dict[str, Any], seen: Any, shape: tuple[int, int], out: Path, name: str
) -> dict[str, Any]:
    """Write the mask of a film at its own size, and return what is measured of it."""
    level = threshold_of(seen, card["threshold"])
    large = cv2.resize(seen, shape[::-1], interpolation=cv2.INTER_LINEAR)
    mask = (large >= level).astype(np.uint8)
    mask = clean(mask) if card["clean"] else mask
    place = out / "masks" / f"{name}.png"
    place.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(place), 255 * mask)
    measured = (seen >= level) if card["on_grid"] else mask
    return {"mask": f"masks/{name}.png", card["share"]: float(measured.mean())}


def load(path: Path, options: argparse.Namespace, card: dict[str, Any]) -> tuple[Any, Any]:
    """Return the size of a film and the film as the model takes it."""
    film, size = read_film(path), card["preparation"]["size_px"]
    if not options.prepared:
        return film.shape, prepare(film, card["preparation"], options.cropped)
    if film.shape != (size, size):
        raise ValueError(f"is not {size} x {size} pixels large, as a prepared film is")
    return film.shape, np.rint(film * 255).astype(np.uint8)


def run(session: Any, card: dict[str, Any], films: Any) -> dict[str, Any]:
    """Return what the model says of films (B, S, S): its outputs by name, or months by sex."""
    names = list(card["outputs"])
    if card["kind"] != "age":
        return dict(zip(names, session.run(names, {"films": films})))  # noqa: B905 - Python 3.9 has no strict
    codes = {"F": np.zeros(len(films), np.float32), "M": np.ones(len(films), np.float32)}
    return {
        sex: session.run(names, {"films": films, "sex": code})[0] for sex, code in codes.items()
    }


def predict(
    films: dict[str, Path], options: argparse.Namespace, card: dict[str, Any]
) -> dict[str, Any]:
    """Return the columns of each film by its name, predicted a batch at a time."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(HERE / "model.onnx"))
    rows: dict[str, Any] = {}
    names = list(films)
    for start in range(0, len(names), BATCH):
        shapes, ready = {}, []
        for name in names[start : start + BATCH]:
            rows[name] = {"path": name, "status": "ok"}
            try:
                shapes[name], film = load(films[name], options, card)
                ready.append(film)
            except (OSError, ValueError) as error:
                rows[name]["status"] = f"unreadable: {error}"
        found = run(session, card, np.stack(ready)) if ready else {}
        for row, (name, shape) in enumerate(shapes.items()):
            if card["kind"] == "called":
                rows[name].update(call(card, found, row))
            elif card["kind"] == "age":
                months = {sex: float(each[row]) for sex, each in found.items()}
                rows[name].update(age(card, months, options.sex))
            else:
                rows[name].update(draw(card, found["map"][row], shape, options.out, name))
    return rows


def main() -> None:
    """Read the command line, predict, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("films", type=Path, help="a PNG or JPEG file, or a folder of them")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--sex", choices=("M", "F"), default="", help="of all, for a bone age")
    parser.add_argument("--cropped", action="store_true", help="films show the hand alone already")
    parser.add_argument("--prepared", action="store_true", help="xraylab has prepared the films")
    options = parser.parse_args()
    card = json.loads((HERE / "onnx.json").read_text(encoding="utf-8"))
    model = (HERE / "model.onnx").read_bytes()
    if hashlib.blake2b(model, digest_size=16).hexdigest() != card["files"]["model.onnx"]:
        sys.exit("model.onnx is not the file that onnx.json describes")
    if card["cannot_prepare"] and not (options.cropped or options.prepared):
        sys.exit(card["cannot_prepare"])
    folder = options.films if options.films.is_dir() else options.films.parent
    found = sorted(folder.rglob("*")) if options.films.is_dir() else [options.films]
    films = {
        path.relative_to(folder).as_posix(): path
        for path in found
        if path.suffix.lower() in SUFFIXES
    }
    if not films:
        sys.exit(f"there is no PNG or JPEG file in {options.films}")
    same = {name: card[name] for name in ("model", "model_version", "trained_on")}
    same["notice"] = f"{card['notice']} {NOT_REFUSED}"
    options.out.mkdir(parents=True, exist_ok=True)
    rows = [{**row, **same} for row in predict(films, options, card).values()]
    with (options.out / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, max((list(row) for row in rows), key=len))
        table.writeheader()
        table.writerows(rows)
    sys.stderr.write(f"{len(rows)} films in {options.out / 'predictions.csv'}. {same['notice']}\n")


if __name__ == "__main__":
    main()
