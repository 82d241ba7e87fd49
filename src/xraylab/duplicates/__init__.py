"""Exact and near-duplicate films, in any orientation."""
