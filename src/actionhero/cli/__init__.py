"""The command line: one file per command group, imported only when the command is used."""

from actionhero.cli.frame import main

__all__ = ["main"]
