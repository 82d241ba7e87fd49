"""Which raw data sets have a phantom form, and how each is written."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

__all__ = ["PHANTOMS", "write_phantom"]


def _write_nih(folder: Path, sizes: dict[str, Any]) -> bool:
    from xraylab.phantoms.nih import NihPhantomParams, write_nih_phantom
    from xraylab.phantoms.write import write_once

    params = NihPhantomParams.model_validate(sizes)
    return write_once(
        folder, partial(write_nih_phantom, params=params), params.model_dump(mode="json")
    )


def _write_montgomery_shenzhen(folder: Path, sizes: dict[str, Any]) -> bool:
    from xraylab.phantoms.montgomery_shenzhen import (
        MontgomeryShenzhenPhantomParams,
        write_montgomery_shenzhen_phantom,
    )
    from xraylab.phantoms.write import write_once

    params = MontgomeryShenzhenPhantomParams.model_validate(sizes)
    return write_once(
        folder,
        partial(write_montgomery_shenzhen_phantom, params=params),
        params.model_dump(mode="json"),
    )


def _write_fracture_multi_region(folder: Path, sizes: dict[str, Any]) -> bool:
    from xraylab.phantoms.fracture_multi_region import (
        FractureMultiRegionPhantomParams,
        write_fracture_multi_region_phantom,
    )
    from xraylab.phantoms.write import write_once

    params = FractureMultiRegionPhantomParams.model_validate(sizes)
    return write_once(
        folder,
        partial(write_fracture_multi_region_phantom, params=params),
        params.model_dump(mode="json"),
    )


def _write_rsna_bone_age(folder: Path, sizes: dict[str, Any]) -> bool:
    from xraylab.phantoms.rsna_bone_age import RsnaBoneAgePhantomParams, write_rsna_bone_age_phantom
    from xraylab.phantoms.write import write_once

    params = RsnaBoneAgePhantomParams.model_validate(sizes)
    return write_once(
        folder, partial(write_rsna_bone_age_phantom, params=params), params.model_dump(mode="json")
    )


def _write_covid_lesions(folder: Path, sizes: dict[str, Any]) -> bool:
    from xraylab.phantoms.covid_lesions import (
        CovidLesionsPhantomParams,
        write_covid_lesions_phantom,
    )
    from xraylab.phantoms.write import write_once

    params = CovidLesionsPhantomParams.model_validate(sizes)
    return write_once(
        folder, partial(write_covid_lesions_phantom, params=params), params.model_dump(mode="json")
    )


def _write_seed_lesion_results(folder: Path, sizes: dict[str, Any]) -> bool:
    from xraylab.phantoms.seed_lesion_results import (
        SeedLesionResultsPhantomParams,
        write_seed_lesion_results_phantom,
    )
    from xraylab.phantoms.write import write_once

    params = SeedLesionResultsPhantomParams.model_validate(sizes)
    return write_once(
        folder,
        partial(write_seed_lesion_results_phantom, params=params),
        params.model_dump(mode="json"),
    )


PHANTOMS: dict[str, Callable[[Path, dict[str, Any]], bool]] = {
    "covid_lesions": _write_covid_lesions,
    "fracture_multi_region": _write_fracture_multi_region,
    "montgomery_shenzhen": _write_montgomery_shenzhen,
    "nih_chest_xray14": _write_nih,
    "rsna_bone_age": _write_rsna_bone_age,
    "seed_lesion_results": _write_seed_lesion_results,
}
"""Writer of each raw data set's phantom form, by the name of its folder."""


def write_phantom(name: str, folder: Path, sizes: dict[str, Any]) -> bool:
    """Write the phantom form of a raw data set, unless it lies there with the same parameters.

    Parameters
    ----------
    name : str
        Name of the data set, a key of `PHANTOMS`.
    folder : Path
        Folder of the data set.
    sizes : dict
        Parameters of the phantom, such as the number of patients; checked by the writer.

    Returns
    -------
    bool
        Whether anything was written.
    """
    return PHANTOMS[name](folder, sizes)
