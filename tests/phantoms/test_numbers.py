"""Phantoms have names that no public film has."""

import re
from pathlib import Path

import pytest

from xraylab.phantoms.registry import PHANTOMS, write_phantom

SIZES = {
    "covid_lesions": {"n_patients": 12, "size_px": 64},
    "fracture_multi_region": {"n_films": 40, "size_px": 64},
    "montgomery_shenzhen": {"n_shenzhen": 12, "n_montgomery": 6, "size_px": 64},
    "nih_chest_xray14": {"n_patients": 8, "size_px": 64},
    "rsna_bone_age": {"n_hands": 14, "n_test": 2, "size_px": 64},
    "seed_lesion_results": {"n_images": 12},
}
# The largest number in the names of each public set.
PUBLIC = {
    "nih_chest_xray14": (r"(\d{8})_\d{3}\.png", 30_805),
    "montgomery_shenzhen": (r"(?:MCU|CHN)CXR_(\d+)_[01]\.png", 662),
    "rsna_bone_age": (r"(\d+)\.png", 15_610),
    "fracture_multi_region": (r"(?:IMG|image)?(\d+)[-. (].*", 4_383),
    "covid_lesions": (r"phantom_(\d+)_\d+\.png", -1),
}


@pytest.mark.parametrize("name", PHANTOMS)
def test_no_phantom_has_the_name_of_a_public_film(tmp_path: Path, name: str) -> None:
    write_phantom(name, tmp_path / name, SIZES[name])
    films = [
        path
        for path in (tmp_path / name).rglob("*")
        if path.suffix in (".png", ".jpg", ".jpeg") and "ask" not in path.parent.name
    ]
    if name not in PUBLIC:
        assert films == []
        return
    pattern, largest = PUBLIC[name]
    assert films
    for path in films:
        found = re.fullmatch(pattern, path.name)
        assert found, path.name
        assert int(found[1]) > largest
