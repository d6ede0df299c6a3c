"""Copies of a cell's metrics for people to watch; the cell's own files never depend on them."""
