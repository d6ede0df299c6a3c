"""Splits: which annotated samples train, validate and test. One strategy a file, decided before any model exists."""
