"""The physics of dose: the detector, the noise that a lower dose adds, and how it is verified."""
