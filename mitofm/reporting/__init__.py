"""Finished cells as figures, tables, words and one page of HTML that opens anywhere; no GPU, model or image."""
