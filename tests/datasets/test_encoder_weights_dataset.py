"""Weights of encoders: found by name, and read without running code."""

import numpy as np
import pytest
import torch
from kedro.io.core import DatasetError
from safetensors.torch import save_file

from xraylab.datasets import EncoderWeightsDataset


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
