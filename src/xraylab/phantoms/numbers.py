"""Where the numbers of phantoms begin: above all numbers of the public sets, so that no phantom is taken for a film.

The names of the phantoms of covid_lesions begin with ``phantom_``; seed_lesion_results names no film.
"""

from __future__ import annotations

__all__ = ["FIRST_BONE", "FIRST_FILM", "FIRST_HAND", "FIRST_PATIENT"]

FIRST_PATIENT = 90_000_000
"""nih_chest_xray14: public patients are 1 to 30805."""

FIRST_FILM = 9300
"""montgomery_shenzhen: public films are 1 to 406 (Montgomery) and 1 to 662 (Shenzhen)."""

FIRST_HAND = 999_377
"""rsna_bone_age: public hands are 1377 to 15610 in training and validation, and 4360 to 4559 in the test."""

FIRST_BONE = 900_000
"""fracture_multi_region: the largest public number is that of ``IMG0004383``."""
