"""xraylab: machine learning on radiographs, measured honestly.

Research software. Not a medical device: nothing it predicts may guide care.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
