"""Tags of nodes that hooks know, apart from all else so that they are read at once."""

__all__ = ["PREDICT"]

PREDICT = "predict"
"""Of the nodes that apply a released model to a user's own films, and of the block of their parameters."""
