"""A program that has the engine's modules loaded and forks a process for each command that it is told.

Every engine of these tests is a process of its own; starting Python and importing for each would be half of their
time. A line of JSON on stdin, {"words", "folder", "environment", "output"}, is answered by the engine's pid; its
stdout and stderr go to `output` with ".out" and ".err", its exit code (negative: the signal) to ".code" at its end.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import crashing


def serve() -> None:
    """Until stdin ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
    for line in sys.stdin:
        if os.fork() == 0:
            keep(json.loads(line))
            os._exit(0)


def keep(order: dict[str, Any]) -> None:
    """Starts the engine, waits for it, and tells how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os._exit(become(order))
    print(pid, flush=True)
    _, status = os.waitpid(pid, 0)
    code = Path(f"{order['output']}.code")
    code.with_suffix(".new").write_text(str(os.waitstatus_to_exitcode(status)))
    code.with_suffix(".new").rename(code)


def become(order: dict[str, Any]) -> int:
    """The engine: as if its command had been started in that folder and environment."""
    os.setsid()  # where a shell has ended the kernel wakes stopped processes of its group
    os.chdir(order["folder"])
    os.environ.update(order["environment"])
    for number, path in enumerate(("/dev/null", f"{order['output']}.out", f"{order['output']}.err")):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), number)
    try:
        return crashing.run(order["words"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    serve()
