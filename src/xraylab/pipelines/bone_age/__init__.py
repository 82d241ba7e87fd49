"""From a hand film to bone age in months, with an interval and a heat map."""

from .pipeline import create_pipeline, create_predict

__all__ = ["create_pipeline", "create_predict"]
