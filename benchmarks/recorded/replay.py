"""A server in a process of its own that gives the recorded answers, much faster than any client asks: `replaying()`.

Equal requests get their answers in turn. What was never asked is answered 599 and counted: then a run was no replay.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any, cast
from urllib.request import urlopen

from benchmarks.recorded.exchange import Exchange, load, question

try:
    from uvloop import run
except ImportError:
    from asyncio import run

HEAD = "HTTP/1.1 {} Recorded\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
UNKNOWN_STATUS = 599


class Answers:
    """Of one service. `GET /unknown` tells how many requests were never recorded."""

    def __init__(self, exchanges: list[Exchange]) -> None:
        found: dict[bytes, list[bytes]] = {}
        for one in exchanges:
            found.setdefault(question(one.method, one.target, one.body), []).append(_wire(one.status, one.answer))
        self._turns = {key: cycle(turns).__next__ if len(turns) > 1 else turns[0] for key, turns in found.items()}
        self._unknown: list[str] = []

    def to(self, method: str, target: str, body: bytes) -> bytes:
        if target == "/unknown":
            return _wire(200, json.dumps(self._unknown[:20]).encode())
        found = self._turns.get(question(method, target, body))
        if found is None:
            self._unknown.append(f"{method} {target} {body[:200]!r}")
            return _wire(UNKNOWN_STATUS, b"{}")
        return found if isinstance(found, bytes) else found()


def _wire(status: int, body: bytes) -> bytes:
    return HEAD.format(status, len(body)).encode() + body


class Replay(asyncio.Protocol):
    """One connection: whole requests with a Content-Length, one after the other."""

    def __init__(self, answers: Answers, latency: float) -> None:
        self._answers = answers
        self._latency = latency
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end]
            length = _length(head)
            if len(self._data) < end + 4 + length:
                return
            body, self._data = self._data[end + 4 : end + 4 + length], self._data[end + 4 + length :]
            method, target, _ = head[: head.find(b"\r\n")].decode("latin-1").split(" ", 2)
            answer = self._answers.to(method, target, body)
            if self._latency:
                asyncio.get_running_loop().call_later(self._latency, self._transport.write, answer)
            else:
                self._transport.write(answer)


def _length(head: bytes) -> int:
    found = head.lower().find(b"\r\ncontent-length:")
    return int(head[found + 17 :].split(b"\r\n", 1)[0]) if found >= 0 else 0


def unknown(origins: dict[str, str]) -> list[str]:
    """The first requests that were never recorded."""
    found: list[str] = []
    for origin in origins.values():
        with urlopen(f"{origin}/unknown", timeout=10) as answer:
            found += json.load(answer)
    return found


@contextmanager
def replaying(path: Path, latency_ms: float) -> Iterator[dict[str, str]]:
    """The origin of each service, until the block ends."""
    command = [sys.executable, "-m", __name__, str(path), str(latency_ms)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            ports: dict[str, Any] = json.loads(process.stdout.readline())
            yield {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        finally:
            process.stdin.close()


async def main(path: Path, latency_ms: float) -> None:
    """Prints the ports and serves until its input ends."""
    loop = asyncio.get_running_loop()
    ports = {}
    for name, exchanges in load(path).items():
        make = partial(Replay, Answers(exchanges), latency_ms / 1000)
        server = await loop.create_server(make, "127.0.0.1", 0, backlog=1024)
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        run(main(Path(sys.argv[1]), float(sys.argv[2])))
