"""A sandbox in another thread, for clients that block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from anyio.from_thread import start_blocking_portal

from ztoq_async.sandbox import Generator, Sandbox

CASES = 60


@contextmanager
def serving(cases: int = CASES, executions: int = 0) -> Iterator[Sandbox]:
    """A running sandbox over a generated project."""
    source = Generator(cases, executions=executions)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(Sandbox(source)) as sandbox:
        yield sandbox
