"""Audit of any set of radiographs, before anyone trains on it."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
