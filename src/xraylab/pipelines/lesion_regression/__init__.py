"""Segment lesions, measure them, join clinical data, and regress their true size: as published, and honestly."""
