"""`python -m mitofm` is `mitofm`."""

from mitofm.cli import main

main()
