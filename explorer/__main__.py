"""`python -m explorer`."""

from explorer.commands import cli

cli(prog_name="python -m explorer")
