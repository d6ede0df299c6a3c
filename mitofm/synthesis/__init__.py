"""Synthetic H&E-like tissue: region images with annotated mitotic figures and look-alikes."""
