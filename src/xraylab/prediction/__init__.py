"""Released models on any films: bundles, what is refused, rows of results, and what is drawn of them."""
