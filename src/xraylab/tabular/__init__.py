"""Models of feature tables: fitting, prediction, and their stored form."""
