"""mitofm: which foundation model, adapted how, with how many labels, tells mitotic figures from look-alikes."""

__version__ = "0.1.0"
