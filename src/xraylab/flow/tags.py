"""Tags of nodes that hooks know, apart from all else so that they are read at once."""

__all__ = ["APART", "EXPORT", "PREDICT"]

PREDICT = "predict"
"""Of the nodes that apply a released model to a user's own films, and of the block of their parameters."""

EXPORT = "export"
"""Of the node that exports a released model, and the name of its pipeline."""

APART = frozenset({PREDICT, EXPORT})
"""Of nodes that neither read nor write the workspace of a training, but for the bundle."""
