import torch

from xraylab.models.age_networks import FiLM


def test_film_scales_and_shifts_each_channel() -> None:
    film = FiLM(1, 2, hidden=1)
    with torch.no_grad():
        film.first.weight.fill_(1.0)
        film.first.bias.zero_()
        film.last.weight.copy_(torch.tensor([[1.0], [0.0], [0.0], [3.0]]))  # scales, then shifts
    maps = torch.full((1, 2, 1, 1), 5.0)
    assert film(maps, torch.tensor([[2.0]])).flatten().tolist() == [15.0, 11.0]
    assert film(maps, torch.tensor([[0.0]])).flatten().tolist() == [5.0, 5.0]
