"""Nodes of bone_age, in the order in which data pass them."""

from .cohort import cache_films, index_cohort, read_labels

__all__ = ["cache_films", "index_cohort", "read_labels"]
