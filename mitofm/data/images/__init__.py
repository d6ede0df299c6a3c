"""Images of any size as grids of tiles, so that squares can be cut out of them without decoding the rest."""
