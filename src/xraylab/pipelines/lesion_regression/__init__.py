"""Segment lesions, measure them, join clinical data, and regress their true size: as published, and honestly."""

from .pipeline import PROTOCOLS, create_pipeline, create_predict

__all__ = ["PROTOCOLS", "create_pipeline", "create_predict"]
