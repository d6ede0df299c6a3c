"""One module per published format: a source translates it into the annotation table, and nothing else knows it."""
