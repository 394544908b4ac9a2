"""`python -m ztoq_async`."""

import importlib
import signal
import sys


def started() -> int:
    """The exit code; a signal that comes while the command line is being loaded ends it as one in mid-run does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code: int = importlib.import_module("ztoq_async.cli.app").main()
    except KeyboardInterrupt:
        return 3
    return code


if __name__ == "__main__":
    sys.exit(started())
