"""Estimate the dose of a film from its texture: as published, honestly, and on the fair task."""

from .pipeline import PROTOCOLS, create_pipeline, create_predict

__all__ = ["PROTOCOLS", "create_pipeline", "create_predict"]
