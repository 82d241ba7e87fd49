"""Tell fractured bones from whole ones, on a public set whose test films are copies of its training films."""

from .pipeline import PROTOCOLS, create_pipeline, create_predict

__all__ = ["PROTOCOLS", "create_pipeline", "create_predict"]
