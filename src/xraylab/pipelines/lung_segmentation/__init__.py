"""Segment the lungs of chest films: as published, honestly, and from one hospital to another."""

from .pipeline import PROTOCOLS, create_pipeline, create_predict

__all__ = ["PROTOCOLS", "create_pipeline", "create_predict"]
