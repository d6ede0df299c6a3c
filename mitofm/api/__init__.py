"""What notebooks call: the same functions that the commands use, with Python values in, pandas and numpy out."""
