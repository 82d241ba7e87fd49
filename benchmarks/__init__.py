"""Side-by-side measurements. Run all with ``python -m benchmarks``; no test depends on a time."""
