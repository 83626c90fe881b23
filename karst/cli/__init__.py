"""The `karst` program (alias `iac`)."""

from karst.cli.main import main

__all__ = ["main"]
