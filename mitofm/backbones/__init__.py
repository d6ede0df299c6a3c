"""Backbones as data: what a model is, where its weights are, how it turns patches into embeddings."""
