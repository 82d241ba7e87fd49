"""Simulate lower-dose films by two recipes, and verify the physics of the simulation."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
