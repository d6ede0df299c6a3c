"""One module per published format. A source translates it into the annotation table; nothing downstream knows the format."""
