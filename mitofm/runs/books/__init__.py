"""The books of a study: which cells it has and what happened, in one journal."""
