"""Which raw data sets have a phantom form, and how each is written."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["PHANTOMS", "is_phantom", "write_phantom"]

PHANTOMS = {
    "covid_lesions": "CovidLesions",
    "fracture_multi_region": "FractureMultiRegion",
    "montgomery_shenzhen": "MontgomeryShenzhen",
    "nih_chest_xray14": "Nih",
    "rsna_bone_age": "RsnaBoneAge",
    "seed_lesion_results": "SeedLesionResults",
}
"""Raw data sets by the name of their folder: a module of this package has ``<Name>PhantomParams`` and
``write_<module>_phantom(folder, params)``, and is imported when it is asked for."""

_MODULES = {"nih_chest_xray14": "nih"}  # where the module is not called as the folder


def write_phantom(name: str, folder: Path, sizes: dict[str, Any]) -> bool:
    """Write the phantom form of a raw data set, unless it lies there with the same parameters.

    Parameters
    ----------
    name : str
        Name of the data set, a key of `PHANTOMS`.
    folder : Path
        Folder of the data set.
    sizes : dict
        Parameters of the phantom, such as the number of patients; checked by its own parameters.

    Returns
    -------
    bool
        Whether anything was written.
    """
    from xraylab.phantoms.write import write_once

    stem = _MODULES.get(name, name)
    module = import_module(f"xraylab.phantoms.{stem}")
    params = getattr(module, f"{PHANTOMS[name]}PhantomParams").model_validate(sizes)
    writer = getattr(module, f"write_{stem}_phantom")
    return write_once(folder, partial(writer, params=params), params.model_dump(mode="json"))


def is_phantom(folder: str) -> bool:
    """Tell whether a local folder lies in a phantom data set."""
    from xraylab.phantoms.write import STAMP

    if "://" in folder:
        return False
    place = Path(folder)
    return any((each / STAMP).is_file() for each in (place, *place.parents))
