"""Splits: which annotated cells train, validate and test. One strategy a file, decided before any model exists."""
