"""The command line: one file for each command group, no logic."""

from nami_bench.cli.app import main

__all__ = ["main"]
