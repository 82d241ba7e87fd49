"""Seeded synthetic radiographs with exact truth, written in the layouts in which the public sets are published."""
