"""Where a film was taken, known from the beginning of its name."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

__all__ = ["OTHER_SITE", "list_sites", "site_of"]

OTHER_SITE = "other"
"""Site of a film whose name begins as that of no known site does."""


def site_of(image_ids: pd.Series, sites: Mapping[str, str]) -> pd.Series:
    """Return the site (N,) of each image; ``sites`` names them by how an id begins, the last that fits counts.

    Examples
    --------
    >>> sites = {"MCUCXR": "montgomery", "CHNCXR": "shenzhen"}
    >>> site_of(pd.Series(["MCUCXR_0001_0", "CHNCXR_0002_1", "mine"]), sites).tolist()
    ['montgomery', 'shenzhen', 'other']
    """
    found = pd.Series(OTHER_SITE, index=image_ids.index)
    for start, site in sites.items():
        found[image_ids.str.startswith(start)] = site
    return found


def list_sites(sites: pd.Series) -> list[str]:
    """Return the sites of a cohort, of which each trains once and is tested at the others.

    Raises
    ------
    ValueError
        If there is a single one.

    Examples
    --------
    >>> list_sites(pd.Series(["shenzhen", "montgomery", "shenzhen"]))
    ['montgomery', 'shenzhen']
    """
    names = sorted(sites.unique())
    if len(names) < 2:  # noqa: PLR2004
        raise ValueError(
            f"split 'sites' needs films of two sites or more, there is only '{names[0]}'; leave the protocol out, such "
            "as by --tags=published,honest"
        )
    return names
