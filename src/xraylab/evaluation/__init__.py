"""Splits, the leak gate, metrics with intervals, prediction intervals: tables in and out."""
