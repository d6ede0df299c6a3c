"""A trained cell used on new data: read strictly, scored, exported."""
