"""The three standard streams, as a command may rely on them."""

from __future__ import annotations

import io
import os
import sys


def stand_in() -> None:
    """A stream that was closed before the start leads nowhere: else the next socket would get its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            lowest_free = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(lowest_free, mode, encoding="utf-8"))
    if isinstance(sys.stdout, io.TextIOWrapper):  # a locale that cannot write a character does not end the command
        sys.stdout.reconfigure(errors="backslashreplace")
