"""Audit of any set of radiographs, before anyone trains on it."""
