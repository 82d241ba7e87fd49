"""Frozen encoders: their sizes, their weights, and what is refused."""

import pytest
import torch
from pydantic import ValidationError

from xraylab.models.frozen import FrozenEncoderParams, build_frozen_encoder
from xraylab.models.resunet import ResUNet


def test_vgg16_gives_the_published_number_of_features():
    encoder, weights = build_frozen_encoder(FrozenEncoderParams(encoder="vgg16"), 0, {})
    with torch.inference_mode():
        assert encoder(torch.zeros(1, 1, 224, 224)).shape == (1, 25_088)
    assert weights == "random"


def test_an_encoder_is_cut_off_at_a_depth():
    """The maps of the second last level, of the same weights, without the last one."""
    name = {"encoder": "timm-tf_efficientnet_lite0", "weights": "imagenet", "grid": 2}
    whole, _ = build_frozen_encoder(FrozenEncoderParams(**name), 0, {})
    part, weights = build_frozen_encoder(FrozenEncoderParams(**name, depth=4), 0, {})
    films = torch.rand(2, 1, 64, 64)
    with torch.inference_mode():
        wanted = torch.nn.functional.adaptive_avg_pool2d(whole.encoder(films)[-2], 2)
        torch.testing.assert_close(part(films), wanted.flatten(1))
    assert weights == "imagenet"


def test_an_encoder_takes_the_weights_of_our_own_network():
    trained = ResUNet(widths=(4, 8))
    tensors = {name: value.numpy() for name, value in trained.state_dict().items()}
    at_hand = {"resunet.models/lung_segmentation/honest/robust": lambda: tensors}
    params = FrozenEncoderParams(
        encoder="resunet", widths=(4, 8), weights="models/lung_segmentation/honest/robust", grid=2
    )
    encoder, weights = build_frozen_encoder(params, 0, at_hand)
    films = torch.rand(2, 1, 16, 16)
    with torch.inference_mode():
        wanted = torch.nn.functional.adaptive_avg_pool2d(trained.eval().encode(films)[-1], 2)
        assert torch.equal(encoder(films), wanted.flatten(1))
    assert weights == "models/lung_segmentation/honest/robust"
    with pytest.raises(
        ValueError, match="there is no trained model 'lung_segmentation/honest/robust'"
    ):
        build_frozen_encoder(params, 0, {})
    random = params.model_copy(update={"if_missing": "random"})
    assert build_frozen_encoder(random, 0, {})[1] == "random"
    with pytest.raises(ValueError, match="are not those of a 'resunet' of such widths"):
        build_frozen_encoder(params.model_copy(update={"widths": (4, 16)}), 0, at_hand)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"encoder": "hog", "weights": "imagenet"}, "'hog' has no weights"),
        (
            {"encoder": "resunet", "weights": "imagenet"},
            "must begin with 'models/', got 'imagenet'",
        ),
        ({"encoder": "vgg16", "widths": (4, 8)}, "widths belong to unet and resunet"),
        ({"encoder": "resunet", "depth": 4}, "'resunet' has a depth of its own, got depth 4"),
        ({"encoder": "vgg_16"}, "Did you mean 'vgg16'"),
    ],
)
def test_impossible_encoders_are_refused(settings, words):
    with pytest.raises(ValidationError, match=words):
        FrozenEncoderParams(**settings)
