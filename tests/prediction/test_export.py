"""Tiny bundles of every task as ONNX: what the pipeline, Python and the script beside the model say is the same."""

import io
import json
import runpy
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from kedro.io import DataCatalog, DatasetError, MemoryDataset
from kedro.runner import SequentialRunner

from xraylab.datasets import BundleDataset, ResultsFolderDataset
from xraylab.flow.export import create_export
from xraylab.flow.tags import EXPORT
from xraylab.imaging.film_file import FilmFile
from xraylab.models.bone_age import BoneAgeNetworkParams, build_bone_age_network
from xraylab.models.bundle import (
    Bundle,
    bundle_of,
    open_bundle,
    pack_bundle,
    write_bundle,
    zip_bundle,
)
from xraylab.models.classifiers import ClassifierParams, build_classifier
from xraylab.models.frozen import FrozenEncoderParams
from xraylab.models.mlp import build_mlp
from xraylab.models.networks import NetworkParams, build_network, describe_network
from xraylab.models.state import ModelState
from xraylab.pipelines import find_release
from xraylab.prediction.engine import Predictor, PredictParams
from xraylab.prediction.export import CARD, MODEL, SCRIPT, ExportPlan, Graph, export_bundle
from xraylab.prediction.folder import PredictionPlan
from xraylab.prediction.graphs import KernelClassifier, LinearClassifier, equalise
from xraylab.tabular.interface import FitOptions
from xraylab.tabular.kinds import fit_tabular_model
from xraylab.tabular.params import KernelSpec, LogisticSpec
from xraylab.training.embed import KnownEncoder

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install '.[export]'")

SIZE = 32
PLAIN = {"size_px": SIZE, "equalise": "none"}
FACTS = {"title": "A title", "limits": "Limits.", "familiarity_of": "film", "cut_short": ""}
TOLERANCE = 1e-4  # of a probability; 0.01 months
EXACT = {"accelerator": "cpu", "refuse": False, "workers": 0}


def pack(
    task: str, members: dict[str, ModelState], prepared: dict[str, Any], **card: Any
) -> Bundle:
    facts = {
        **FACTS,
        "modalities": [],
        "body_parts": [],
        "preparations": {"film": prepared},
        **card,
    }
    source = {"run": "v1", "data_sets": {"rsna_bone_age": "1"}, "phantoms": True}
    return bundle_of(pack_bundle(task, facts, members, None), "here", source)


def classifier(seed: int, **card: Any) -> ModelState:
    params = ClassifierParams(widths=(4, 8), dense=8)
    described = {"network": params.model_dump(mode="json"), "size_px": SIZE, "threshold": 0.5}
    return describe_network(build_classifier(params, seed, SIZE), {**described, **card})


def mask_network(seed: int, views: int, logit: float = 0.0) -> ModelState:
    params = NetworkParams(widths=(4, 8))
    network = build_network(params, seed)
    network.head.bias.data.fill_(logit)
    card = {"network": params.model_dump(mode="json"), "views": views}
    return describe_network(network, card)


def fracture() -> Bundle:
    platt = {"method": "platt", "slope": 3.0, "intercept": 0.5}
    members = {
        f"fold_{n}": classifier(n, views=2, calibration=platt if n else None) for n in range(2)
    }
    prepared = {"size_px": SIZE, "equalise": "histogram"}
    return pack("fracture", members, prepared, model="cnn")


def bone_age(crop: str = "published") -> Bundle:
    params = BoneAgeNetworkParams(blocks=2, filters=4, dense_layers=1)
    card = {"network": params.model_dump(mode="json"), "size_px": SIZE, "views": 2}
    card |= {"target_mean": 100.0, "target_sd": 40.0}
    member = describe_network(build_bone_age_network(params, 0, SIZE), card)
    prepared = {**PLAIN, "window_percentiles": [0.5, 99.5], "crop": crop, "aspect": "pad"}
    known = {"radii": {"F": 10.0, "M": 20.0}, "coverage": 0.9, "model": "modern"}
    return pack("bone_age", {"modern": member}, prepared, **known)


def lungs() -> Bundle:
    members = {f"fold_{n}": mask_network(n, views=8 if n else 1) for n in range(2)}
    known = {"threshold": 0.5, "clean": True, "plausible_fraction": [0.1, 0.5], "model": "unet"}
    return pack("lung_segmentation", members, PLAIN, **known)


def lesions() -> Bundle:
    members = {f"fold_{n}": mask_network(n, views=1, logit=-1.0) for n in range(3)}
    known = {"threshold": "expected_dice", "networks": list(members), "regressors": []}
    return pack("lesion_regression", members, PLAIN, model="resunet", **known)


def tb(**specs: dict[str, Any]) -> Bundle:
    encoder = FrozenEncoderParams(encoder="resunet", widths=(4, 8), grid=2, equalise=True)
    known = KnownEncoder(encoder, 0, {})
    features = np.random.default_rng(0).random((12, 32))
    target, options = pd.Series([0.0, 1.0] * 6, name="ill"), FitOptions(0, binary=True)
    parts = {}
    for name, spec in specs.items():
        seen = (
            {"encoder": "hog"} if spec.get("encoder") == "hog" else encoder.model_dump(mode="json")
        )
        card = {"spec": spec, **({"embedding": {"encoder": seen}} if "encoder" in spec else {})}
        if spec["kind"] == "cnn":
            recipe = {"batch_size": 4}
            parts[name] = classifier(3, **{**card, "spec": {**spec, "recipe": recipe}})
        elif spec["kind"] == "mlp":
            card |= {"network": {"n_features": 32, "hidden_sizes": [4]}}
            parts[name] = describe_network(build_mlp(32, [4], 0), card)
        else:
            fitted = LogisticSpec() if spec["kind"] == "logistic" else KernelSpec(width=0.5)
            parts[name] = fit_tabular_model(fitted, features, target, options).state(card)
    lung_card = {"margin": 0.0, "networks": []}
    members = {**parts, "encoder-lung": known.state(0), "lungs": ModelState(lung_card)}
    members |= {"lung_prior": ModelState({}), "ensemble": ModelState({"threshold": 0.4})}
    named = {"released": ["ensemble"], "parts": list(parts), "encoders": ["lung"]}
    return pack("tb_classification", members, PLAIN, model="ensemble", **named)


WHOLE = {
    "cnn": {"kind": "cnn", "views": 2, "inside_lungs": False},
    "mlp": {"kind": "mlp", "encoder": "lung"},
    "logistic": {"kind": "logistic", "encoder": "lung"},
    "kernel": {"kind": "kernel", "encoder": "lung", "radiomics": False, "width": 0.5, "penalty": 30.0},
}  # fmt: skip


def whole_films() -> Bundle:
    return tb(**WHOLE)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Films of every kind that the script reads, and one that is none."""
    folder = tmp_path_factory.mktemp("films")
    rng = np.random.default_rng(0)
    smooth = cv2.resize(rng.random((6, 5), np.float32), (50, 61), interpolation=cv2.INTER_CUBIC)
    film = np.clip(smooth, 0, 1)
    grey = np.rint(255 * film).astype(np.uint8)
    drawn = {
        "a.png": grey,
        "deep/twelve_bits.png": np.rint(4095 * film).astype(np.uint16),
        "deep/sixteen_bits.png": np.rint(65535 * film).astype(np.uint16),
        "colour.png": np.stack([grey, 255 - grey, grey // 2], -1),
        "opaque.png": np.stack([grey, grey, grey, np.full_like(grey, 200)], -1),
        "sliver.png": 100 + grey // 30,
        "small.png": grey[:20, :24],
        "z.jpg": grey,
    }
    for name, pixels in drawn.items():
        (folder / name).parent.mkdir(exist_ok=True)
        assert cv2.imwrite(str(folder / name), pixels)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    return folder


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of lungs; read it, write elsewhere."""
    folder = tmp_path_factory.mktemp("exported")
    export_bundle(lungs(), find_release("lung_segmentation").restore, folder)
    return folder


def predict_by_script(folder: Path, films: Path, out: Path, *options: str) -> pd.DataFrame:
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(said):
        patch.setattr(sys, "argv", [SCRIPT, str(films), "--out", str(out), *options])
        runpy.run_path(str(folder / SCRIPT), run_name="__main__")
    assert "Unfamiliar films are not refused." in said.getvalue()
    return pd.read_csv(out / "predictions.csv", keep_default_na=False, na_values=["nan"])


def predict_by_pipeline(bundle: Bundle, films: Path, out: Path) -> tuple[pd.DataFrame, Predictor]:
    predictor = Predictor(bundle, find_release(bundle.task).restore, PredictParams(**EXACT))
    paths = [path for path in sorted(films.rglob("*.*")) if path.is_file()]
    found = {path.relative_to(films).as_posix(): FilmFile(str(path)) for path in paths}
    PredictionPlan(predictor, found, {}).write(str(out))
    return pd.read_parquet(out / "predictions.parquet"), predictor


@pytest.mark.parametrize(
    ("make", "numbers"),
    [
        (fracture, ["probability", "spread", "threshold"]),
        (bone_age, ["months", "interval_low", "interval_high", "coverage"]),
        (lungs, ["lung_fraction"]),
        (lesions, ["lesion_ratio"]),
        (whole_films, ["probability", "spread", "threshold"]),
    ],
)
def test_pipeline_python_and_script_say_the_same(
    make: Callable[[], Bundle], numbers: list[str], films: Path, tmp_path: Path
) -> None:
    bundle = make()
    folder = tmp_path / "onnx"
    card = export_bundle(bundle, find_release(bundle.task).restore, folder)
    assert json.loads((folder / CARD).read_text()) == card
    by_script = predict_by_script(folder, films, tmp_path / "script").set_index("path")
    table, predictor = predict_by_pipeline(bundle, films, tmp_path / "out")
    by_pipeline = table.set_index("path")
    assert sorted(by_script.index) == sorted(by_pipeline.index)
    assert by_script["status"].str.startswith("unreadable").to_dict()["broken.png"]
    readable = [path for path in by_pipeline.index if path != "broken.png"]
    for name in numbers:
        scale = 100 if "month" in name or "interval" in name else 1
        expected = by_pipeline.loc[readable, name].to_numpy(float)
        found = by_script.loc[readable, name].to_numpy(float)
        np.testing.assert_allclose(found, expected, atol=TOLERANCE * scale, rtol=0, err_msg=name)
        one = predictor.predict(films / "a.png")[name]
        assert found[readable.index("a.png")] == pytest.approx(one, abs=TOLERANCE * scale)
    if "mask" in by_pipeline:
        for path in readable:
            stem = by_pipeline.loc[path, "mask"]
            mine, theirs = (
                cv2.imread(str(place), cv2.IMREAD_UNCHANGED)
                for place in (tmp_path / "script" / by_script.loc[path, "mask"], tmp_path / "out" / stem)
            )  # fmt: skip
            assert (mine != theirs).mean() < 0.001, path  # pixels at the threshold
    if "finding" in by_pipeline:
        assert (by_script["finding"] == by_pipeline["finding"].fillna("")).all()


def test_the_card_says_what_is_exported_and_how_far_it_differs(exported: Path) -> None:
    card = json.loads((exported / CARD).read_text())
    assert (card["task"], card["model_version"]) == ("lung_segmentation", "v1")
    assert card["trained_on"] == "phantoms of rsna_bone_age"
    assert card["bundle_digest"] == lungs().digest
    assert card["n_checked"] == {"noise": 8, "phantoms": 4}
    assert card["notice"] == "Research software. Not a medical device."
    assert card["preparation"]["size_px"] == SIZE
    assert "right and left lung are not told apart" in card["without"]
    assert 0 <= card["max_difference"]["map"]["torch"] <= 1e-4
    assert 0 <= card["max_difference"]["map"]["pipeline"] <= 0.02
    assert set(card["files"]) == {MODEL, SCRIPT}
    assert {path.name for path in exported.iterdir()} == {MODEL, SCRIPT, CARD}


def test_a_model_that_differs_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = fracture()

    def wrong(model: bytes, graph: Graph, films: np.ndarray, sex: np.ndarray) -> dict[str, Any]:
        return {name: np.full(len(films), 0.123, np.float32) for name in graph.outputs}

    monkeypatch.setattr("xraylab.prediction.parity.run_onnx", wrong)
    with pytest.raises(ValueError, match=r"probability: ONNX differs from torch by .* is allowed"):
        export_bundle(bundle, find_release("fracture").restore, tmp_path / "onnx")
    assert not (tmp_path / "onnx").exists()


def test_a_crop_that_cannot_be_repeated_is_said_twice(films: Path, tmp_path: Path) -> None:
    bundle = bone_age("component")
    card = export_bundle(bundle, find_release("bone_age").restore, tmp_path)
    assert "cannot crop a film to the hand" in card["cannot_prepare"]
    with pytest.raises(SystemExit, match="cannot crop a film to the hand") as stopped:
        predict_by_script(tmp_path, films, tmp_path / "out")
    assert str(stopped.value) == card["cannot_prepare"]
    table = predict_by_script(tmp_path, films, tmp_path / "out", "--prepared", "--sex", "F")
    assert table["status"].str.contains("is not 32 x 32 pixels large").any()


def test_the_sex_of_all_children_is_an_option(films: Path, tmp_path: Path) -> None:
    bundle = bone_age()
    restore = find_release("bone_age").restore
    export_bundle(bundle, restore, tmp_path)
    found = predict_by_script(tmp_path, films / "a.png", tmp_path / "out", "--sex", "M").iloc[0]
    one = Predictor(bundle, restore, PredictParams(**EXACT)).predict(films / "a.png", sex="M")
    assert (found["path"], found["sex"]) == ("a.png", "M")
    for name in ("months", "interval_low", "interval_high"):
        assert found[name] == pytest.approx(one[name], abs=100 * TOLERANCE)


def test_a_script_beside_another_model_refuses_it(
    exported: Path, films: Path, tmp_path: Path
) -> None:
    for name in (SCRIPT, CARD):
        shutil.copy(exported / name, tmp_path)
    (tmp_path / MODEL).write_bytes(b"another")
    with pytest.raises(SystemExit, match=r"model\.onnx is not the file that onnx\.json describes"):
        predict_by_script(tmp_path, films, tmp_path / "out")


def test_the_script_needs_neither_torch_nor_this_package(
    exported: Path, films: Path, tmp_path: Path
) -> None:
    code = (
        "import runpy, sys\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "print([name for name in ('torch', 'xraylab', 'pandas', 'scipy') if name in sys.modules])"
    )
    arguments = [str(exported / SCRIPT), str(films / "a.png"), "--out", str(tmp_path)]
    code = f"import sys; sys.argv = {arguments!r}\n{code}"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"kind": "cnn", "views": 1, "inside_lungs": True}, "'part' looks at the lungs alone"),
        ({"kind": "kernel", "radiomics": True, "width": 1.0}, "'part' looks at the lungs alone"),
        ({"kind": "kernel", "encoder": "hog", "width": 1.0}, "'part' reads oriented gradients"),
        ({"kind": "boosting", "encoder": "lung"}, "'part' is made of boosted trees"),
    ],
)
def test_parts_that_are_no_graph_are_named(
    spec: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        export_bundle(tb(part=spec), find_release("tb_classification").restore, tmp_path)
    dose = pack("dose_estimation", {"trees": ModelState({})}, PLAIN)
    with pytest.raises(ValueError, match=r"dose_estimation cannot be exported .* texture"):
        export_bundle(dose, find_release("dose_estimation").restore, tmp_path)


def test_an_export_lies_in_its_bundle_unless_a_folder_is_named(tmp_path: Path) -> None:
    states = pack_bundle("fracture", fracture().card, fracture().members, None)
    write_bundle(states, str(tmp_path / "mine"))
    bundle = open_bundle(str(tmp_path / "mine"))
    ExportPlan(bundle, find_release("fracture").restore).write("")
    assert (tmp_path / "mine" / "onnx" / CARD).is_file()
    zip_bundle(str(tmp_path / "mine"), str(tmp_path / "mine.zip"))
    assert f"onnx/{CARD}" in zipfile.ZipFile(tmp_path / "mine.zip").namelist()
    for place in ("mine", "mine.zip"):
        assert open_bundle(str(tmp_path / place)).digest == bundle.digest
    zipped = Bundle("my.zip", bundle.card, bundle.members)
    with pytest.raises(ValueError, match=r"'my\.zip' is no local folder .* out=FOLDER"):
        ExportPlan(zipped, find_release("fracture").restore).write("")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / MODEL).write_bytes(b"another")
    with pytest.raises(ValueError, match=r"holds a model\.onnx that this software did not write"):
        ExportPlan(zipped, find_release("fracture").restore).write(str(tmp_path / "taken"))


def test_a_run_exports_the_bundle_that_it_is_given(tmp_path: Path) -> None:
    catalog = DataCatalog(
        {
            "export.bundle": MemoryDataset(fracture(), copy_mode="assign"),
            "export.files": ResultsFolderDataset(path=str(tmp_path / "out")),
        }
    )
    pipeline = create_export(find_release)
    assert {tag for node in pipeline.nodes for tag in node.tags} == {EXPORT}
    SequentialRunner().run(pipeline, catalog)
    assert json.loads((tmp_path / "out" / CARD).read_text())["task"] == "fracture"


@pytest.mark.parametrize(
    ("model", "message"),
    [("", "which model?"), ("2026-11-25T19.08.00.000Z", "of which task is the version")],
)
def test_a_model_without_its_task_is_asked_for(model: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        BundleDataset(model=model).load()


def test_films_are_equalised_as_opencv_does_it() -> None:
    rng = np.random.default_rng(0)
    films = [rng.integers(0, top, (16, 16), np.uint8) for top in (2, 9, 100, 256)]
    films += [np.full((16, 16), level, np.uint8) for level in (0, 7, 255)]
    found = equalise(torch.from_numpy(np.stack(films))).numpy()
    np.testing.assert_array_equal(found, [cv2.equalizeHist(film) for film in films])


def test_tabular_classifiers_are_those_that_were_stored() -> None:
    rng = np.random.default_rng(0)
    features, new = rng.random((20, 6)), rng.random((5, 6)).astype(np.float32)
    target, options = pd.Series([0.0, 1.0] * 10, name="ill"), FitOptions(0, binary=True)
    kernel = fit_tabular_model(KernelSpec(width=0.7), features, target, options)
    linear = fit_tabular_model(LogisticSpec(), features, target, options)
    given = torch.from_numpy(new)
    for model, graph in (
        (kernel, KernelClassifier(kernel.state().tensors, 0.7)),
        (linear, LinearClassifier(linear.state().tensors)),
    ):
        np.testing.assert_allclose(graph(given).numpy(), model.predict(new), atol=1e-9)
