"""One cell, from its config to its predictions, written to the folder it is given."""
