"""Write one page that shows what has run, published against honest."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
