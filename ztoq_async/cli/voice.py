"""What a command says: its result on stdout, everything else on stderr, secrets nowhere."""

from __future__ import annotations

import os
import sys
from typing import Any

import msgspec
from rich.console import Console

from ztoq_async.redaction import Redaction


class Voice:
    """The two streams of one command; with `as_json` stdout gets nothing but one JSON object as its last line."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.redact = Redaction()
        self.console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

    def say(self, words: str) -> None:
        """Something on the way, on stderr."""
        self.console.print(self.redact(words))

    def result(self, lines: str) -> None:
        """A part of the result for a person, on stdout; nothing with `--json`."""
        if not self.as_json:
            self._write(lines)

    def json(self, found: dict[str, Any]) -> None:
        """The result for a script."""
        if self.as_json:
            self._write(msgspec.json.encode(found).decode())

    def failed(self, message: str, *, code: int, outcome: str = "failed") -> int:
        """The one message of a command that ended early; gives the exit code back."""
        self.say(message)
        self.json({"outcome": outcome, "error": message, "exit_code": code})
        return code

    def _write(self, text: str) -> None:
        """What cannot be written (a reader that went away, a full disk) changes nothing about how the command ended."""
        try:
            sys.stdout.write(self.redact(text) + "\n")
            sys.stdout.flush()
        except OSError as error:
            self.say(f"stdout cannot be written: {error.strerror}")
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())  # what is still in the buffer would fail again at the end
            os.close(nowhere)
