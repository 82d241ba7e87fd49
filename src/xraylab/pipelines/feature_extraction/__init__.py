"""Measure texture features of every simulated exposure, in one pass over each film."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
