import numpy as np
import pytest
import torch

from xraylab.training.data import LabelledFilms, MaskedFilms, RandomAugmentation, scale_films
from xraylab.training.params import Augmentation

STILL = {
    "flip": 0, "rotate_deg": 0, "shear_deg": 0, "scale": 0, "shift": 0, "elastic_px": 0, "brightness": 0,
    "contrast": 0, "gamma": 0, "noise": 0,
}  # fmt: skip


def picture() -> tuple[torch.Tensor, torch.Tensor]:
    film = torch.zeros(1, 64, 64, dtype=torch.uint8)
    film[:, 16:40, 8:30] = 200
    return film, (film > 0).byte()


def test_films_are_scaled_about_zero():
    assert scale_films(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-2.0, 2.0]


def test_rows_may_repeat_and_edits_know_their_place():
    films = np.arange(3, dtype=np.uint8)[:, None, None] * np.ones((3, 2, 2), np.uint8)

    def edit(film, mask, position):
        return film + 10 * position, mask

    part = MaskedFilms(films, films % 2, np.array([2, 2, 1]), edit=edit)
    assert len(part) == 3
    assert [int(part[i][0][0, 0, 0]) for i in range(3)] == [2, 12, 21]
    assert part[0][0].shape == (1, 2, 2)


def test_a_memory_map_is_never_written_to(tmp_path):
    path = tmp_path / "films.u8"
    path.write_bytes(bytes(range(16)))
    films = np.memmap(path, np.uint8, mode="r", shape=(1, 4, 4))
    film, _ = MaskedFilms(films, films, np.array([0]))[0]
    film += 1
    assert films[0, 0, 0] == 0


def test_labels_come_with_their_films():
    part = LabelledFilms(
        np.zeros((3, 4, 4), np.uint8),
        np.array([0, 2]),
        np.array([0.5, 1.5]),
        RandomAugmentation(Augmentation()),
    )
    film, target = part[1]
    assert film.shape == (1, 4, 4)
    assert target.tolist() == [1.5]
    known = LabelledFilms(part.films, part.rows, part.targets, covariates=np.array([[1.0], [0.0]]))
    (film, sex), target = known[0]
    assert (film.shape, sex.tolist(), target.tolist()) == ((1, 4, 4), [1.0], [0.5])


def test_quarter_turns_and_upside_down_flips_move_film_and_mask_together():
    film, mask = picture()
    turn = RandomAugmentation(
        Augmentation(**{**STILL, "flip": 0.5, "flip_vertical": 0.5, "quarter_turns": True})
    )
    torch.manual_seed(0)
    seen = set()
    for _ in range(60):
        changed, moved = turn(film, mask)
        assert torch.equal((changed > 0).byte(), moved)
        assert int(moved.sum()) == int(mask.sum())
        seen.add(tuple(moved.flatten().tolist()))
        alone, nothing = turn(film, None)
        assert nothing is None
        assert int((alone > 0).sum()) == int(mask.sum())
    assert len(seen) == 8


def test_no_change_is_no_change():
    film, mask = picture()
    changed, moved = RandomAugmentation(Augmentation(**STILL))(film, mask)
    assert torch.equal(changed, film)
    assert torch.equal(moved, mask)


@pytest.mark.parametrize(
    "change",
    [
        {"flip": 1},
        {"rotate_deg": 30},
        {"scale": 0.3},
        {"shift": 0.2},
        {"shear_deg": 20},
        {"elastic_px": 3},
    ],
)
def test_geometry_moves_film_and_mask_together(change):
    film, mask = picture()
    torch.manual_seed(0)
    changed, moved = RandomAugmentation(Augmentation(**{**STILL, **change}))(film, mask)
    assert not torch.equal(moved, mask)
    assert set(moved.unique().tolist()) <= {0, 1}
    overlap = ((changed > 100) & (moved > 0)).sum() / ((changed > 100) | (moved > 0)).sum()
    assert overlap > 0.93
    assert changed.dtype == moved.dtype == torch.uint8


@pytest.mark.parametrize(
    "change", [{"brightness": 0.3}, {"contrast": 0.5}, {"gamma": 0.8}, {"noise": 0.2}]
)
def test_grey_values_change_and_the_mask_does_not(change):
    film, mask = picture()
    film += 20
    torch.manual_seed(1)
    changed, moved = RandomAugmentation(Augmentation(**{**STILL, **change}))(film, mask)
    assert torch.equal(moved, mask)
    assert not torch.equal(changed, film)


def test_displacements_have_the_size_that_is_asked_for():
    from xraylab.training.data import _draw_field

    torch.manual_seed(0)
    fields = torch.cat([_draw_field(4.0, 128, 128) for _ in range(50)]) * 64  # half an edge
    # a cubic between random knots varies a little less than the knots
    assert 2.5 < float(fields.std()) < 4.5
    assert abs(float(fields.mean())) < 0.4
