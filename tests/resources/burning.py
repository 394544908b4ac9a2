"""What the tests of process pools run elsewhere."""

import os
import signal
import sys
import time


def pid_and(value=None):
    return os.getpid(), value


def burn(seconds, mark=None):
    """Uses the CPU, deaf to polite signals; says its process's id into the file `mark`."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if mark is not None:
        beside = mark.with_suffix(".new")
        beside.write_text(str(os.getpid()))
        beside.replace(mark)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return os.getpid()


def doubled(text):
    return text + text


def die(how=signal.SIGKILL):
    os.kill(os.getpid(), how)
    time.sleep(10)


def leave():
    sys.exit(3)


def chatter():
    print("to nobody")
    os.write(1, b"nor this\n")
    return input if sys.stdin.read() else "quiet"


class OwnError(Exception):
    """An error with more than words."""


def fail(word):
    error = OwnError(word)
    error.code = 7
    raise error


class ShyError(Exception):
    """Cannot be made again from what it keeps."""

    def __init__(self, *, needed):
        super().__init__("shy words")


def fail_shyly():
    raise ShyError(needed=1)
