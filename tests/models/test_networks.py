import numpy as np
import pytest
import torch
from pydantic import ValidationError

from xraylab.models.networks import (
    NetworkParams,
    build_network,
    count_parameters,
    describe_network,
    restore_network,
)

R18 = {
    "architecture": "unet",
    "encoder": "resnet18",
    "options": {"encoder_depth": 3, "decoder_channels": [16, 8, 4]},
}


@pytest.mark.parametrize(
    ("architecture", "expected"), [("unet", 7_759_521), ("resunet", 4_722_737)]
)
def test_the_published_networks_have_their_published_size(architecture, expected):
    assert count_parameters(build_network(NetworkParams(architecture=architecture), 0)) == expected


@pytest.mark.parametrize(
    ("params", "rule"),
    [
        (
            {"architecture": "unett"},
            "'unett' needs an encoder.*without one there are unet, resunet, mean_mask",
        ),
        (
            {"architecture": "unett", "encoder": "resnet18"},
            "unknown architecture.*'unett'. Did you mean 'unet'",
        ),
        (
            {"architecture": "unet", "encoder": "resnet19"},
            "unknown encoder 'resnet19'. Did you mean 'resnet1",
        ),
        ({"architecture": "unet", "encoder": "tu-resnet1"}, "unknown encoder 'tu-resnet1'"),
        (
            {**R18, "encoder_weights": "imagnet"},
            "unknown encoder_weights of 'resnet18' 'imagnet'. Did you mean 'imagenet'",
        ),
        ({**R18, "widths": [8, 16]}, "widths belong to networks without an encoder"),
        ({"architecture": "unet", "encoder_weights": "imagenet"}, "takes no encoder_weights"),
        ({"architecture": "unet", "widths": [0, 4]}, "widths must be at least 1"),
        ({"architecture": "mean_mask", "widths": [4, 8]}, "'mean_mask' has no widths"),
        ({"architecture": "unet", "width": [4, 8]}, "did you mean 'widths'"),
    ],
)
def test_a_wrong_name_lists_the_right_ones(params, rule):
    with pytest.raises(ValidationError, match=rule):
        NetworkParams.model_validate(params)


@pytest.mark.parametrize(
    "params",
    [
        {"architecture": "resunet", "widths": [4, 8]},
        R18,
        {"architecture": "fpn", "encoder": "tu-resnet10t"},
    ],
)
def test_any_network_maps_grey_films_to_one_logit_a_pixel(params):
    network = build_network(NetworkParams.model_validate(params), 0).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 1, 64, 64)).shape == (1, 1, 64, 64)


def test_the_seed_decides_the_weights_and_the_global_stream_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    params = NetworkParams(widths=(4, 8))
    first, second, third = (build_network(params, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(2), expected)
    weights = [next(network.parameters()) for network in (first, second, third)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_stored_network_says_what_it_said():
    params = NetworkParams(architecture="resunet", widths=(4, 8))
    network = build_network(params, 3).eval()
    state = describe_network(
        network, {"network": params.model_dump(mode="json"), "kind": "segmentation"}
    )
    assert state.card["n_parameters"] == count_parameters(network)
    films = torch.rand(2, 1, 16, 16)
    restored = restore_network(state)
    assert not restored.training
    with torch.inference_mode():
        assert torch.equal(restored(films), network(films))
    state.card["network"]["widths"] = [8, 16]
    with pytest.raises(ValueError, match="the stored weights are not those of"):
        restore_network(state)


def test_pretrained_weights_come_from_a_file_at_hand_and_are_summed_over_colours():
    import segmentation_models_pytorch as smp

    torch.manual_seed(9)
    source = smp.encoders.get_encoder("resnet18", 3, 3, None)
    tensors = {name: value.numpy() for name, value in source.state_dict().items()}
    params = NetworkParams.model_validate({**R18, "encoder_weights": "imagenet"})
    network = build_network(params, 0, {"resnet18.imagenet": lambda: tensors})
    loaded = network.encoder.state_dict()
    assert np.allclose(loaded["conv1.weight"][:, 0], tensors["conv1.weight"].sum(axis=1), atol=1e-6)
    assert np.array_equal(loaded["layer1.0.conv1.weight"], tensors["layer1.0.conv1.weight"])

    del tensors["layer1.0.conv1.weight"]
    with pytest.raises(
        ValueError, match=r"'resnet18.imagenet' are not those .* 'layer1.0.conv1.weight' is missing"
    ):
        build_network(params, 0, {"resnet18.imagenet": lambda: tensors})


def test_where_no_hub_can_be_reached_the_error_says_which_file_to_put_where(tmp_path, monkeypatch):
    from xraylab.datasets import EncoderWeightsDataset

    def unreachable(*_, **__):
        raise OSError("no route to the hub")

    monkeypatch.setattr("segmentation_models_pytorch.encoders.hf_hub_download", unreachable)
    params = NetworkParams.model_validate({**R18, "encoder_weights": "imagenet"})
    weights = EncoderWeightsDataset(path=str(tmp_path / "weights")).load()
    with pytest.raises(
        ValueError,
        match=r"'model.safetensors' of the hub's repository 'smp-hub/resnet18.imagenet' at",
    ) as error:
        build_network(params, 0, weights)
    assert f"{(tmp_path / 'weights').as_posix()}/resnet18.imagenet.safetensors" in str(error.value)


def test_the_baseline_must_know_the_size_and_keeps_it():
    params = NetworkParams(architecture="mean_mask")
    with pytest.raises(ValueError, match="needs size_px"):
        build_network(params, 0)
    network = build_network(params, 0, size_px=8)
    network.share.fill_(0.75)
    state = describe_network(network, {"network": params.model_dump(mode="json"), "size_px": 8})
    assert state.card["n_parameters"] == 0
    assert float(
        restore_network(state)(torch.zeros(1, 1, 8, 8)).sigmoid()[0, 0, 3, 3]
    ) == pytest.approx(0.75)
