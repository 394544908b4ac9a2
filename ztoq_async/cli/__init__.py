"""The command line: what a person types, sees, and what a script gets back."""

from ztoq_async.cli.app import main

__all__ = ["main"]
