"""xraylab: machine learning on radiographs, measured honestly.

Research software. Not a medical device: nothing it predicts may guide care.
"""

from __future__ import annotations

from xraylab.deferred import defer

__version__ = "0.1.0"

__all__ = ["__version__"]

# Every node module imports pandas, and Kedro reads the types in their signatures only for a run: listing the
# pipelines should not wait over a second for it.
defer("pandas")
