import numpy as np
import pytest
import torch
from pydantic import ValidationError

from xraylab.models.classifiers import ClassifierParams, build_classifier, restore_classifier
from xraylab.models.networks import describe_network

SMALL = ClassifierParams(widths=(4, 8), dense=6)


@pytest.mark.parametrize(
    "params",
    [
        SMALL,
        ClassifierParams(encoder="resnet18"),
        ClassifierParams(encoder="tu-resnet10t", standardise=False, shrink=2),
    ],
)
def test_a_classifier_is_built_by_a_seed_stored_and_restored(params):
    torch.manual_seed(3)
    before = torch.rand(2)
    torch.manual_seed(3)
    network = build_classifier(params, 5, 64).eval()
    assert torch.equal(torch.rand(2), before)
    card = {"network": params.model_dump(mode="json"), "size_px": 64}
    again = restore_classifier(describe_network(network, card))
    films = torch.rand(2, 1, 64, 64)
    with torch.inference_mode():
        assert torch.equal(network(films), again(films))
        assert network(films).shape == (2, 1)
        other = build_classifier(params, 6, 64).eval()
        assert not torch.equal(network(films), other(films))


def test_shrinking_takes_the_mean_of_squares():
    network = build_classifier(SMALL.model_copy(update={"shrink": 2, "standardise": False}), 0, 32)
    films = torch.rand(1, 1, 32, 32)
    means = films.reshape(1, 1, 16, 2, 16, 2).mean((3, 5))
    with torch.inference_mode():
        assert torch.allclose(network.eval()(films), network[-1](means), atol=1e-6)


def test_weights_of_another_network_are_refused():
    network = build_classifier(SMALL, 0, 32)
    wider = SMALL.model_copy(update={"dense": 7})
    state = describe_network(network, {"network": wider.model_dump(mode="json"), "size_px": 32})
    with pytest.raises(ValueError, match="the stored weights are not those of"):
        restore_classifier(state)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"encoder": "resnet19"}, "unknown encoder 'resnet19'. Did you mean 'resnet18'"),
        ({"encoder": "resnet18", "encoder_weights": "imagnet"}, "Did you mean 'imagenet'"),
        ({"encoder_weights": "imagenet"}, "need an encoder, such as 'resnet18'"),
        ({"widths": (8, 0)}, "widths must be at least 1"),
        ({"drop": 0.5}, "did you mean 'dropout'"),
    ],
)
def test_bad_networks_are_refused_before_anything_runs(settings, words):
    with pytest.raises(ValidationError, match=words):
        ClassifierParams(**settings)


def test_weights_of_our_own_models_are_taken_as_they_are():
    import segmentation_models_pytorch as smp

    torch.manual_seed(1)
    trained = smp.encoders.get_encoder("resnet18", 1, 5, None)
    tensors = {k: v.numpy() for k, v in trained.state_dict().items()}
    name = "models/lung_segmentation/honest/robust"
    params = ClassifierParams(encoder="resnet18", encoder_weights=name, standardise=False)
    network = build_classifier(params, 0, 64, {f"resnet18.{name}": lambda: tensors})
    for key, value in network[-1].encoder.state_dict().items():
        assert np.array_equal(value.numpy(), tensors[key]), key
    with pytest.raises(
        ValueError,
        match=r"no trained model 'lung_segmentation/honest/robust' with the encoder 'resnet18'; run its "
        r"pipeline first. Trained are: none",
    ):
        build_classifier(params, 0, 64, {})
