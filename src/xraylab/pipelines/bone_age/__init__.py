"""From a hand film to bone age in months, with an interval."""
