"""A server in a process of its own that gives one answer, much faster than any client asks: `running()`."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import cast

try:
    from uvloop import run
except ImportError:
    from asyncio import run

BODY = b'{"id": 1, "key": "MM-T1", "name": "a test case", "labels": [], "priority": {"id": 3}, "customFields": {}}'
ANSWER = b"\r\n".join(
    [
        b"HTTP/1.1 200 OK",
        b"Date: Thu, 01 Jan 2026 00:00:00 GMT",
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(BODY),
        b"Connection: keep-alive",
        b"X-Ratelimit-Remaining: 1000000",
        b"",
        BODY,
    ]
)
HELD_SECONDS = 2.0
"""How long the answer to a path that begins with /held is held back."""


class Canned(asyncio.Protocol):
    """Answers each request that has no body; it reads no more of it than its end."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET /held"):
            asyncio.get_running_loop().call_later(HELD_SECONDS, self.transport.write, ANSWER)
        else:
            self.transport.write(ANSWER * data.count(b"\r\n\r\n"))


@contextmanager
def running() -> Iterator[str]:
    """The base URL of a server that runs until the block ends."""
    with subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


async def main() -> None:
    """Prints its port and serves until its input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Canned, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        run(main())
