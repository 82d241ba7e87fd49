from xraylab.models.unet import UNet


def test_unet_by_hand() -> None:
    """One level down and up with 1 and 2 channels: 10 + 10, 20 + 38, 9, 19 + 10, 2."""
    network = UNet(widths=(1, 2))
    assert sum(parameter.numel() for parameter in network.parameters()) == 20 + 58 + 9 + 29 + 2
