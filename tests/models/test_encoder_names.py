import subprocess
import sys

import segmentation_models_pytorch as smp
import timm

from xraylab.models.encoder_names import (
    declared_architectures,
    declared_encoders,
    declares_timm_model,
)


def test_what_is_read_is_what_the_package_has() -> None:
    assert declared_architectures() == set(smp.MODEL_ARCHITECTURES_MAPPING)
    assert declared_encoders() == {
        name: set(settings["pretrained_settings"])
        for name, settings in smp.encoders.encoders.items()
    }


def test_models_of_timm_are_found() -> None:
    for name in timm.list_models("resnet1*"):
        assert declares_timm_model(name), name
    assert not declares_timm_model("resnet1")
    assert not declares_timm_model("resnet1.")


def test_right_names_are_checked_without_the_packages() -> None:
    """Importing them takes longer than the rest of the start of a run."""
    code = """
import sys
from xraylab.models.networks import NetworkParams
NetworkParams(architecture="fpn", encoder="resnet34", encoder_weights="imagenet")
NetworkParams(architecture="unet", encoder="tu-resnet18.a1_in1k")
assert not {"torch", "timm", "segmentation_models_pytorch"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
