"""How a backbone becomes a classifier: one strategy a file, behind one of two interfaces (frozen, gradient)."""
