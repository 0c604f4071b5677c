"""`python -m explorer`."""

from explorer.cli import cli

cli(prog_name="python -m explorer")
