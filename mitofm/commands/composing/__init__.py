"""From the words of a command line to resolved configs: composed by Hydra, or derived and recalled."""
