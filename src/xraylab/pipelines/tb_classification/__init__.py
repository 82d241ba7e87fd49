"""Tell tuberculosis from healthy chests: frozen features, networks, and whether they hold at another hospital."""

from .pipeline import PROTOCOLS, create_pipeline, create_predict

__all__ = ["PROTOCOLS", "create_pipeline", "create_predict"]
