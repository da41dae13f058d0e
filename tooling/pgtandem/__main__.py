"""`python -m pgtandem` is the command `pgtandem`."""

from pgtandem.cli import main

main(prog_name="pgtandem")
