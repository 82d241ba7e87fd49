"""Models come back exactly, whole or not at all."""

import json
from pathlib import Path

import fsspec
import numpy as np
import pytest
from kedro.io import DataCatalog
from kedro.io.core import DatasetError, Version, generate_timestamp

from xraylab.datasets.model_dataset import ModelDataset
from xraylab.models.state import ModelState
from xraylab.provenance import Source

MODELS = {
    "mlp": ModelState(
        card={
            "kind": "mlp",
            "sizes": [2, 1],
            "metrics": {"r2": 0.1 + 0.2},
            "note": "µ ± σ",
            "none": None,
        },
        tensors={
            "weight": np.arange(6, dtype=np.float32).reshape(2, 3).T,  # not contiguous
            "bias": np.array([np.nan, -0.0, np.inf]),
            "mean": np.array(2.5),
            "empty": np.zeros((0, 3), np.int64),
            "flags": np.array([True, False]),
            "big_endian": np.array([1.0, 2.0], dtype=">f8"),
        },
    ),
    "boosting": ModelState(card={"kind": "boosting"}, booster='{"trees": [0.1, "ä"]}\n'),
    "card_only-2": ModelState(card={}),
}


@pytest.fixture(params=["local", "memory"])
def path(request, tmp_path):
    if request.param == "local":
        yield (tmp_path / "deep" / "models").as_posix()
    else:
        yield "memory:///bucket/models"
        fsspec.filesystem("memory").store.clear()


def assert_equal(loaded, saved):
    assert list(loaded) == list(saved)
    for name, state in saved.items():
        assert loaded[name].card == state.card
        assert loaded[name].booster == state.booster
        assert loaded[name].tensors.keys() == state.tensors.keys()
        for key, tensor in state.tensors.items():
            back = loaded[name].tensors[key]
            assert back.shape == tensor.shape
            assert back.dtype == tensor.dtype.newbyteorder("=")
            assert back.tobytes() == tensor.astype(back.dtype).tobytes()


def test_models_come_back_exactly(path):
    dataset = ModelDataset(filepath=path)
    assert not dataset.exists()
    dataset.save(MODELS)
    assert dataset.exists()
    assert_equal(dataset.load(), MODELS)


def test_the_folder_holds_plain_files(tmp_path):
    ModelDataset(filepath=tmp_path / "models").save(MODELS)
    assert sorted(file.name for file in (tmp_path / "models").iterdir()) == [
        "boosting.booster.json",
        "boosting.json",
        "card_only-2.json",
        "mlp.json",
        "mlp.safetensors",
    ]
    assert [file.name for file in tmp_path.iterdir()] == ["models"]
    assert json.loads((tmp_path / "models" / "mlp.json").read_text())["card"] == MODELS["mlp"].card


def test_a_save_replaces_the_models_of_the_last(path):
    dataset = ModelDataset(filepath=path)
    dataset.save(MODELS)
    other = {"only": ModelState(card={"a": 1}, tensors={"w": np.ones(2)})}
    dataset.save(other)
    assert_equal(dataset.load(), other)
    assert {str(file).rpartition("/")[2] for file in dataset._fs.ls(path, detail=False)} == {
        "only.json",
        "only.safetensors",
    }


def test_versions_are_kept_apart(path):
    first = ModelDataset(filepath=path, version=Version(None, "2026-01-01T00.00.00.000Z"))
    second = ModelDataset(filepath=path, version=Version(None, "2026-01-02T00.00.00.000Z"))
    first.save(MODELS)
    second.save({"b": ModelState(card={"v": 2})})
    assert_equal(
        ModelDataset(filepath=path, version=Version("2026-01-01T00.00.00.000Z", None)).load(),
        MODELS,
    )
    assert ModelDataset(filepath=path, version=Version(None, None)).load()["b"].card == {"v": 2}
    with pytest.raises(DatasetError, match="must not exist if versioning is enabled"):
        ModelDataset(filepath=path, version=Version(None, "2026-01-01T00.00.00.000Z")).save(MODELS)


def test_a_half_written_version_is_not_the_latest_and_is_made_again(tmp_path):
    path = tmp_path / "models"
    ModelDataset(filepath=path, version=Version(None, "v1")).save(MODELS)
    ModelDataset(filepath=path, version=Version(None, "v2")).save(MODELS)
    (path / "v2" / "models" / "boosting.json").unlink()
    latest = ModelDataset(filepath=path, version=Version(None, None))
    assert latest.resolve_load_version() == "v1"
    assert not ModelDataset(filepath=path, version=Version("v2", None)).exists()
    again = ModelDataset(filepath=path, version=Version("v2", "v2"))
    again.save(MODELS)
    assert_equal(again.load(), MODELS)


def test_without_any_version_nothing_exists(path):
    dataset = ModelDataset(filepath=path, version=Version(None, None))
    assert not dataset.exists()
    with pytest.raises(DatasetError, match="Did not find any versions"):
        dataset.load()


@pytest.mark.parametrize("protocol", ["file", "memory"])
def test_a_killed_save_leaves_no_model(tmp_path, monkeypatch, protocol):
    path = (tmp_path / "models").as_posix() if protocol == "file" else "memory:///killed/models"
    dataset = ModelDataset(filepath=path)
    write, written = ModelDataset._write, []

    def killed(self, folder, files):
        written.extend(files)
        write(self, folder, dict(list(files.items())[:-1]))
        raise KeyboardInterrupt

    monkeypatch.setattr(ModelDataset, "_write", killed)
    with pytest.raises(KeyboardInterrupt):
        dataset.save(MODELS)
    # Cards come after all weights.
    cards = [name + ".json" for name in MODELS]
    assert written[-3:] == cards
    assert not dataset.exists()
    monkeypatch.undo()
    dataset.save(MODELS)
    assert_equal(dataset.load(), MODELS)


def test_a_killed_save_leaves_the_last_models_on_disk(tmp_path, monkeypatch):
    dataset = ModelDataset(filepath=tmp_path / "models")
    dataset.save(MODELS)

    def killed(self, folder, files):
        raise KeyboardInterrupt

    monkeypatch.setattr(ModelDataset, "_write", killed)
    with pytest.raises(KeyboardInterrupt):
        dataset.save({"b": ModelState(card={})})
    assert_equal(dataset.load(), MODELS)


@pytest.mark.parametrize(
    "name", ["", "a/b", "../a", ".hidden", "a.booster", "a b", "-a", "ä", "a" * 101, 3]
)
def test_names_that_are_no_file_names_are_refused(tmp_path, name):
    with pytest.raises(DatasetError, match="is not valid: it must be 1 to 100 letters"):
        ModelDataset(filepath=tmp_path / "models").save({name: ModelState(card={})})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "at least one model"),
        ([ModelState(card={})], "at least one model"),
        ({"a": {"kind": "mlp"}}, "model 'a' must be a ModelState, got dict"),
        ({"a": ModelState(card={}), "A": ModelState(card={})}, "differ in case only"),
        (
            {"a": ModelState(card={"x": float("nan")})},
            "card of model 'a': 'x' cannot be written as JSON",
        ),
        (
            {"a": ModelState(card={"x": np.float32(1)})},
            "card of model 'a': 'x' cannot be written as JSON",
        ),
        ({"a": ModelState(card={"x": (1, 2)})}, "card of model 'a': 'x' would not come back"),
        ({"a": ModelState(card={"x": {1: 2}})}, "card of model 'a': 'x' would not come back"),
        (
            {"a": ModelState(card={}, tensors={"w": np.array(["x"])})},
            "tensor 'w' of model 'a' must be an array of",
        ),
        (
            {"a": ModelState(card={}, tensors={"w": np.array([None])})},
            "tensor 'w' of model 'a' must be an array of",
        ),
        ({"a": ModelState(card={}, tensors={"w": [1.0]})}, "tensor 'w' of model 'a' .* got list"),
    ],
)
def test_what_would_not_come_back_is_refused_and_nothing_is_written(tmp_path, data, message):
    with pytest.raises(DatasetError, match=message):
        ModelDataset(filepath=tmp_path / "models").save(data)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("mlp.safetensors", None, r"mlp\.safetensors' is missing"),
        ("mlp.safetensors", b"short", r"mlp\.safetensors' is damaged"),
        ("boosting.booster.json", b"{}", r"boosting\.booster\.json' is damaged"),
        ("mlp.json", None, r"mlp\.json' is missing"),
        ("mlp.json", b"{", r"mlp\.json' is no JSON"),
        ("mlp.json", b"\xff\xfe", r"mlp\.json' is no JSON"),
        ("mlp.json", b"[]", r"mlp\.json' is no card of the format"),
        ("mlp.json", b'{"format": "other/1"}', r"mlp\.json' is no card of the format"),
    ],
)
def test_missing_and_damaged_files_are_named(tmp_path, file, content, message):
    dataset = ModelDataset(filepath=tmp_path / "models")
    dataset.save(MODELS)
    target = tmp_path / "models" / file
    if content is None:
        target.unlink()
    else:
        target.write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        dataset.load()


def test_a_card_cannot_point_outside_its_folder(tmp_path):
    dataset = ModelDataset(filepath=tmp_path / "models")
    dataset.save({"a": ModelState(card={})})
    card = tmp_path / "models" / "a.json"
    head = json.loads(card.read_text())
    for change in ({"models": ["../a"]}, {"files": {"../secret": "00"}}):
        card.write_text(json.dumps(head | change))
        with pytest.raises(DatasetError, match="names files that are not of the model 'a'"):
            dataset.load()


@pytest.mark.parametrize("content", ["nothing", "a file", "weights only"])
def test_a_folder_without_a_card_is_no_model(tmp_path, content):
    path = tmp_path / "models"
    if content == "a file":
        path.write_text("{}")
    elif content == "weights only":
        path.mkdir()
        (path / "a.booster.json").write_text("{}")
    dataset = ModelDataset(filepath=path)
    assert not dataset.exists()
    with pytest.raises(DatasetError, match=r"there is no (model in|folder)"):
        dataset.load()


def test_the_preview_shows_the_cards(path):
    dataset = ModelDataset(filepath=path)
    dataset.save(MODELS)
    assert json.loads(dataset.preview()) == {name: state.card for name, state in MODELS.items()}


def test_a_catalog_can_hold_it(tmp_path):
    config = {
        "x.models": {
            "type": "xraylab.datasets.model_dataset.ModelDataset",
            "filepath": (tmp_path / "models").as_posix(),
            "versioned": True,
            "metadata": {"kedro-viz": {"layer": "models"}},
        }
    }
    version = generate_timestamp()
    DataCatalog.from_config(config, save_version=version).save("x.models", MODELS)
    catalog = DataCatalog.from_config(config)
    assert_equal(catalog.load("x.models"), MODELS)
    assert (tmp_path / "models" / version / "models" / "mlp.json").is_file()
    assert "models" in str(catalog["x.models"])


def test_a_card_says_where_its_model_comes_from(tmp_path: Path) -> None:
    from tests.test_provenance import SOURCE

    dataset = ModelDataset(filepath=str(tmp_path / "models"))
    dataset.source = SOURCE
    dataset.save({"a": ModelState({"kind": "x"}, booster="text")})
    assert (
        Source.from_json(json.dumps(json.loads((tmp_path / "models/a.json").read_text())["source"]))
        == SOURCE
    )
    assert dataset.load()["a"].card == {"kind": "x"}


def test_models_that_need_not_be_there(tmp_path: Path) -> None:
    place = str(tmp_path / "models")
    with pytest.raises(DatasetError, match="there is no folder"):
        ModelDataset(filepath=place).load()
    optional = ModelDataset(filepath=place, optional=True)
    assert optional.load() == {}
    optional.save({"a": ModelState({"kind": "x"})})
    assert list(optional.load()) == ["a"]
    assert ModelDataset(filepath=place, version=Version(None, None), optional=True).load() == {}
