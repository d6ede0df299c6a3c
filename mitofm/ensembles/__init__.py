"""Finished cells as one: their logits on one scale, averaged, in a cell of its own; and as one network."""
