"""Nodes of lesion_regression, in the order in which data pass them."""
