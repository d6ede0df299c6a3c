"""What stored predictions say: metrics, the decision threshold, statistics by slide. No model, no image."""
