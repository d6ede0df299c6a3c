"""What published protocols do to the training side and an honest one does not, one file each, to measure what it is worth."""
