"""Arrays, unfinished work and encoder weights."""

import numpy as np
import pytest
import torch
from kedro.io.core import DatasetError, Version
from safetensors.torch import save_file

from xraylab.datasets import (
    ArrayCacheDataset,
    EmbeddingsDataset,
    EncoderWeightsDataset,
    TextFolderDataset,
    UnfinishedWorkDataset,
)
from xraylab.imaging.array_cache import CachePlan
from xraylab.imaging.preprocess import PreprocessParams
from xraylab.models.embeddings import EmbeddingPlan


def test_arrays_make_the_round_trip_and_have_a_preview(tmp_path):
    dataset = ArrayCacheDataset(path=str(tmp_path / "arrays"))
    assert not dataset.exists()
    with pytest.raises(DatasetError, match="holds no arrays"):
        dataset.load()
    films = {
        "a": lambda: np.full((8, 8), 0.2, np.float32),
        "b": lambda: np.ones((8, 8), np.float32),
    }
    dataset.save(CachePlan(films, preprocess=PreprocessParams(size_px=16, equalise="none")))
    assert dataset.exists()
    assert dataset.load().films[:, 0, 0].tolist() == [51, 255]
    assert len(dataset.preview()) > 100


def test_arrays_must_lie_on_a_local_disk():
    with pytest.raises(DatasetError, match="their folder must be local"):
        ArrayCacheDataset(path="s3://bucket/arrays")


def test_unfinished_work_is_a_folder_until_it_is_cleared(tmp_path):
    dataset = UnfinishedWorkDataset(path=str(tmp_path / "deep" / "work"))
    assert dataset.exists()  # no run waits for it
    folder = dataset.load()
    (folder / "last.ckpt").write_bytes(b"x")
    dataset.clear()
    assert not folder.exists()
    assert dataset.load().is_dir()
    with pytest.raises(DatasetError, match="is an input"):
        dataset.save("x")


def test_weights_are_found_by_name_and_read_without_pickle(tmp_path):
    save_file({"w": torch.tensor([1.0, 2.0])}, tmp_path / "resnet18.imagenet.safetensors")
    torch.save({"w": torch.tensor([3.0], dtype=torch.float16)}, tmp_path / "resnet34.own.pth")
    (tmp_path / "notes.txt").write_text("not weights")
    weights = EncoderWeightsDataset(path=str(tmp_path)).load()
    assert set(weights) == {"resnet18.imagenet", "resnet34.own"}
    assert weights["resnet18.imagenet"]()["w"].tolist() == [1.0, 2.0]
    assert weights["resnet34.own"]()["w"].dtype == np.float32


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Sly:
        def __reduce__(self):
            return print, ("code has run",)

    torch.save(Sly(), tmp_path / "resnet18.sly.pth")
    weights = EncoderWeightsDataset(path=str(tmp_path)).load()
    with pytest.raises(
        ValueError, match=r"resnet18.sly.pth: holds no tensors that can be read safely"
    ):
        weights["resnet18.sly"]()


def test_a_folder_that_is_not_there_holds_no_weights(tmp_path):
    dataset = EncoderWeightsDataset(path=str(tmp_path / "none"))
    assert dataset.exists()
    assert len(dataset.load()) == 0
    with pytest.raises(DatasetError, match="read only"):
        dataset.save({})


def test_encoders_of_trained_models_are_found_in_their_latest_version(tmp_path):
    from xraylab.datasets import ModelDataset
    from xraylab.models.classifiers import ClassifierParams, build_classifier
    from xraylab.models.networks import describe_network

    params = ClassifierParams(encoder="tu-resnet10t")
    models = tmp_path / "06_models"
    for seed, version in enumerate(("2026-01-01", "2026-01-02")):
        network = build_classifier(params, seed, 32)
        card = {"network": params.model_dump(mode="json"), "size_px": 32}
        state = describe_network(network, card)
        path = models / "fracture" / "honest" / version / "honest"
        ModelDataset(filepath=str(path)).save({"robust": state, "other": state})
    ModelDataset(filepath=str(models / "bone_age" / "honest" / "v" / "honest")).save(
        {"cnn": describe_network(torch.nn.Linear(1, 1), {"network": {"encoder": None}})}
    )
    files = EncoderWeightsDataset(path=str(tmp_path / "none"), models=str(models)).load()
    name = "tu-resnet10t.models/fracture/honest/robust"
    assert list(files) == ["tu-resnet10t.models/fracture/honest/other", name]
    own = params.model_copy(update={"encoder_weights": "models/fracture/honest/robust"})
    again = build_classifier(own, 9, 32, files)
    for key, value in network[-1].encoder.state_dict().items():
        assert torch.equal(again[-1].encoder.state_dict()[key], value), key


def test_texts_are_read_by_their_stem_and_may_be_missing(tmp_path):
    folders = ["ClinicalReadings", "*/ClinicalReadings"]
    dataset = TextFolderDataset(path=str(tmp_path), folders=folders)
    assert dataset.load() == {}
    for place, name in (("ClinicalReadings", "a.txt"), ("set/ClinicalReadings", "b.TXT")):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / name).write_text(f"of {name}")
    (tmp_path / "ClinicalReadings/notes.pdf").write_text("no reading")
    assert dataset.load() == {"a": "of a.txt", "b": "of b.TXT"}
    assert dataset.exists()
    with pytest.raises(DatasetError, match="read only"):
        dataset.save({})


def test_versions_of_embeddings_are_whole_and_copy_what_is_known(tmp_path):
    asked = []

    def compute(rows):
        asked.append(len(rows))
        return np.ones((len(rows), 2), np.float32)

    def dataset(version):
        return EmbeddingsDataset(filepath=str(tmp_path / "store"), version=Version(None, version))

    first = dataset("2020-01-01T00.00.00.000Z")
    assert not first.exists()
    first.save({"a": EmbeddingPlan(["x"], ["1"], {}, compute)})
    dataset("2021-01-01T00.00.00.000Z").save(
        {"a": EmbeddingPlan(["x", "y"], ["1", "2"], {}, compute)}
    )
    assert asked == [1, 1]
    latest = EmbeddingsDataset(filepath=str(tmp_path / "store"), version=Version(None, None))
    assert latest.load()["a"].matrix.shape == (2, 2)
    with pytest.raises(DatasetError, match="their folder must be local"):
        EmbeddingsDataset(filepath="s3://bucket/store")
