"""The ordinary command line as a process that ends, or stops, at a chosen boundary of its work.

Boundaries are passed before and after each commit of the store that changes something, each request to a service, each
flush of the journal, each start and stop of the embedded server, and where a request has passed the fence and is
written next. Without the variables below nothing is wrapped; the package itself knows nothing of this.

    CRASH_AT="12 before commit of Journal.claim"   SIGKILL at the twelfth boundary of that name
    STOP_AT="1 fenced POST /…/test-cases"          SIGSTOP there; a SIGCONT from outside lets it go on
    BOUNDARIES=<file>                              each boundary as it is passed, one a line
    LEASE="3 0.5 0.5"                              lease, heartbeat and margin of the fence, seconds
    BACKOFF=0.02                                   the first wait before a request is sent again, seconds
"""

import functools
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ztoq_async.cli import main
from ztoq_async.resources import tries
from ztoq_async.resources.connector import ConnectionPool
from ztoq_async.resources.session import Session
from ztoq_async.resources.transaction import Transaction
from ztoq_async.store import tenure
from ztoq_async.store.embedded import EmbeddedPostgres
from ztoq_async.store.journal import Journal

VARIABLES = ("CRASH_AT", "STOP_AT", "BOUNDARIES")
STATEMENTS = ("execute", "executemany", "fetch", "fetchrow", "fetchval", "copy_records")
WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE|CREATE|ALTER)\b")
Naming = Callable[..., str]


class Boundaries:
    """Those that this process has passed, by name."""

    def __init__(self) -> None:
        self._crash, self._stop, file = (os.environ.get(name) for name in VARIABLES)
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if file else None
        self._passed: Counter[str] = Counter()
        self._written: set[int] = set()

    def passed(self, name: str) -> None:
        """Counts it, and ends or stops the process where that was asked for."""
        self._passed[name] += 1
        place = f"{self._passed[name]} {name}"
        if self._file is not None:
            os.write(self._file, f"{place}\n".encode())
        if place == self._crash:
            os.kill(os.getpid(), signal.SIGKILL)
        if place == self._stop:
            os.kill(os.getpid(), signal.SIGSTOP)

    def around(self, owner: type, method: str, naming: Naming) -> None:
        """The method passes a boundary before and after it, unless its name is empty."""
        inner = getattr(owner, method)

        @functools.wraps(inner)
        async def wrapped(*args: Any, **options: Any) -> Any:
            name = naming(*args)
            if not name:
                return await inner(*args, **options)
            self.passed(f"before {name}")
            try:
                return await inner(*args, **self._fenced(name, options))
            finally:
                self.passed(f"after {name}")

        setattr(owner, method, wrapped)

    def commits(self) -> None:
        """Boundaries around transactions that have changed something, and statements that commit by themselves."""
        for method in STATEMENTS:
            self._watch(method)
        self.around(Transaction, "commit", self._commit)

    def _watch(self, method: str) -> None:
        inner = getattr(Session, method)

        @functools.wraps(inner)
        async def wrapped(session: Session, query: str, *args: Any, **options: Any) -> Any:
            writes = method == "copy_records" or WRITES.search(query) is not None
            alone = writes and not session._open().is_in_transaction()
            name = f"statement of {caller()}"
            if alone:
                self.passed(f"before {name}")
            result = await inner(session, query, *args, **options)
            if alone:
                self.passed(f"after {name}")
            elif writes and changed(method, result):
                self._written.add(id(session))
            return result

        setattr(Session, method, wrapped)

    def _commit(self, transaction: Transaction) -> str:
        if id(transaction.session) not in self._written:
            return ""
        self._written.discard(id(transaction.session))
        return f"commit of {caller()}"

    def _fenced(self, name: str, options: dict[str, Any]) -> dict[str, Any]:
        fence = options.get("fence")
        if fence is None:
            return options

        def checked() -> None:
            fence()
            self.passed(f"fenced {name}")

        return {**options, "fence": checked}


def caller() -> str:
    """Who of the package awaits this, below the resources: the frames of awaiting coroutines are on the stack."""
    frame = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("ztoq_async.") and not module.startswith("ztoq_async.resources."):
            name = frame.f_code.co_qualname.replace(".<locals>.", ".")
            if name not in ("Tenure.write", "Journal._keep"):
                return f"{module.rpartition('.')[2]}.{name}"
        frame = frame.f_back
    return "nobody"


def changed(method: str, result: object) -> bool:
    """Whether a statement that may write has written: one that met no row has not."""
    if isinstance(result, str):
        return not result.endswith(" 0")
    return result not in (None, []) or method in ("executemany", "copy_records")


def request(_: ConnectionPool, method: str, url: Any) -> str:
    """A request, numbers and keys in its path left out."""
    path = re.sub(r"(?<=/)(\d+|[A-Z]+-[TRE]?\d+)(?=/|$)", "#", url.path)
    return f"{method} {path}"


def flush(journal: Journal) -> str:
    """A flush that has something to write."""
    return "flush" if journal.has_gathered else ""


def wrap() -> None:
    """What the environment asks for, in this process."""
    if lease := os.environ.get("LEASE"):
        tenure.LEASE_S, tenure.BEAT_S, tenure.MARGIN_S = map(float, lease.split())
    if backoff := os.environ.get("BACKOFF"):
        tries.FIRST_BACKOFF = float(backoff)
    if not any(os.environ.get(name) for name in VARIABLES):
        return
    boundaries = Boundaries()
    boundaries.commits()
    boundaries.around(ConnectionPool, "request", request)
    boundaries.around(Journal, "flush", flush)
    boundaries.around(EmbeddedPostgres, "__aenter__", lambda *_: "start of the store")
    boundaries.around(EmbeddedPostgres, "__aexit__", lambda *_: "stop of the store")
    boundaries.around(EmbeddedPostgres, "revive", lambda *_: "revival of the store")


def run(words: Sequence[str]) -> int:
    """One command; its exit code."""
    wrap()
    return main(words)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
