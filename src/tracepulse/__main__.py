"""`python -m tracepulse`: the command line."""

from tracepulse.cli import main

main()
