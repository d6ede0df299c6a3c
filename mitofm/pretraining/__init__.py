"""Self-supervised pretraining of the small embedded backbone, on unlabelled synthetic tissue."""
