"""What a process of a ProcessPool runs: calls come pickled by its standard input, answers go by its standard output.

A frame is 8 bytes of length, then that many bytes; a call is two of them, what must be known for it and the call
itself, an answer is one. Imports nothing of this package: a call brings its own modules.
"""

from __future__ import annotations

import os
import pickle
import signal
import traceback
from multiprocessing import spawn
from typing import BinaryIO

VALUE, ERROR, WORDS = "value", "error", "words"
HEAD = 8


def main() -> None:
    """Answers until the input ends, also because the parent is gone. What calls print goes to standard error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent decides
    with os.fdopen(os.dup(0), "rb") as calls, os.fdopen(os.dup(1), "wb") as answers:
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - the fewest imports
            os.dup2(nothing.fileno(), 0)
        os.dup2(2, 1)
        while head := calls.read(HEAD):
            preparation = calls.read(int.from_bytes(head))
            _send(answers, _answer(preparation, calls.read(int.from_bytes(calls.read(HEAD)))))


def _send(answers: BinaryIO, answer: bytes) -> None:
    answers.write(len(answer).to_bytes(HEAD))
    answers.write(answer)
    answers.flush()


def _answer(prepared: bytes, call: bytes) -> bytes:
    try:
        preparation = pickle.loads(prepared)  # noqa: S301 - the parent's own words
        if preparation:
            spawn.prepare(preparation)
        func, args = pickle.loads(call)  # noqa: S301
        return pickle.dumps((VALUE, func(*args)), pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001 - it is the caller's
        return _failure(error)


def _failure(error: Exception) -> bytes:
    """The error as itself, where it can travel."""
    trace = "".join(traceback.format_exception(error))
    error.add_note(f"in a process of a ProcessPool:\n{trace}")
    try:
        answer = pickle.dumps((ERROR, error))
        pickle.loads(answer)  # noqa: S301
    except Exception:  # noqa: BLE001 - whatever a class does there
        return pickle.dumps((WORDS, trace))
    return answer


if __name__ == "__main__":
    main()
