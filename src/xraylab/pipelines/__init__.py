"""The pipelines, one folder each: wiring, nodes and typed parameters."""
