import numpy as np
import pytest
import torch
from torch import nn

from xraylab.models.classifiers import ClassifierParams, build_classifier
from xraylab.training.saliency import draw_weights_anew, grad_cam


class BrightOnTheLeft(nn.Module):
    """A network whose only feature map is the film, and whose logit is its mean over the left half."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Identity()

    def forward(self, films: torch.Tensor) -> torch.Tensor:
        seen = self.maps(films + 2.0)
        return seen[..., : films.shape[-1] // 2].mean((1, 2, 3), keepdim=False)[:, None]


def test_the_map_is_the_feature_map_weighed_by_its_mean_gradient():
    films = np.zeros((2, 8, 8), np.uint8)
    films[0, 1, 6] = 255  # on the right: Grad-CAM weighs whole maps, so it shows there all the same
    maps = grad_cam(BrightOnTheLeft(), films)
    assert maps.shape == (2, 8, 8)
    assert maps[0, 1, 6] == 1
    assert maps[0].sum() == 1
    assert maps[1].sum() == 0  # nothing speaks for it
    assert grad_cam(BrightOnTheLeft(), films, against=True).max() == 0


class CoarseAtLast(nn.Module):
    """A network that keeps the film, sums its cells to one, and gives that sum without the right half."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = nn.Sequential(nn.Identity(), nn.ReLU())
        self.maps = nn.AvgPool2d(8)

    def forward(self, films: torch.Tensor) -> torch.Tensor:
        seen = self.stage(films + 2.0)
        weights = torch.ones(8)
        weights[4:] = -1
        return self.maps(seen * weights).flatten(1)


def test_maps_without_places_give_way_to_finer_ones():
    films = np.zeros((1, 8, 8), np.uint8)
    films[0, 1, 2] = films[0, 1, 6] = 255
    (seen,) = grad_cam(CoarseAtLast(), films)
    assert seen[1, 2] == 1
    assert seen.sum() == 1  # no other place speaks for it
    (seen,) = grad_cam(CoarseAtLast(), films, against=True)
    assert seen[1, 6] == 1


def test_weights_are_drawn_anew_and_the_network_is_left_alone():
    network = build_classifier(ClassifierParams(widths=(4, 8), dense=4), 0, 16)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    anew = draw_weights_anew(network, 1)
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert not torch.equal(anew[-1].head[2].weight, network[-1].head[2].weight)
    again = draw_weights_anew(network, 1)
    assert torch.equal(anew[-1].head[2].weight, again[-1].head[2].weight)


def test_a_network_without_feature_maps_has_no_saliency():
    with pytest.raises(ValueError, match="needs one module named 'maps', the network has 0"):
        grad_cam(nn.Flatten(), np.zeros((1, 4, 4), np.uint8))
