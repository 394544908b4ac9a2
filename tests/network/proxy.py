"""A TCP proxy that harms what goes through it: between the engine and a service, or the engine and its store.

A plan is asked at each piece that a client sends and may answer with a harm. The harm bites when so many more bytes
have passed in its direction.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

HOST = "127.0.0.1"
PIECE = 65536
TRICKLED = 1500
DELAY_S = 0.05

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Harm:
    """What happens after `at` more bytes of the answer, or of the request itself where `up`."""

    kind: str
    at: int = 0
    up: bool = False


Plan = Callable[[bytes], Harm | None]


def fair(_: bytes) -> None:
    """Nothing happens."""


def at_calls(pattern: bytes, harm: Harm | Plan, *, every: int = 1, times: int = 1, after: bytes = b"") -> Plan:
    """The harm at each `every`-th piece that the pattern is found in, so many times, once `after` was found."""
    seen, left, begun = 0, times, False

    def plan(piece: bytes) -> Harm | None:
        nonlocal seen, left, begun
        begun = begun or after in piece
        if not (begun and left and re.search(pattern, piece)):
            return None
        seen += 1
        if seen % every:
            return None
        left -= 1
        return harm if isinstance(harm, Harm) else harm(piece)

    return plan


def weather(seed: int, share: float, *, most: int, after: bytes = b"") -> Plan:
    """Harms drawn by the seed: of this share of the pieces, `most` in all; in headers, in bodies, both ways."""
    draw, left, begun = random.Random(seed), most, False

    def plan(piece: bytes) -> Harm | None:
        nonlocal left, begun
        begun = begun or after in piece
        if not (begun and left) or draw.random() >= share:
            return None
        left -= 1
        return Harm(draw.choice(tuple(HARMS)), draw.choice((0, 1, 20, 90, 200, 500)), draw.random() < 0.3)

    return plan


class Proxy:
    """`async with Proxy(connect) as proxy:` listens on `proxy.port`; `harmed` counts the harms that were done."""

    def __init__(self, connect: Callable[[], Awaitable[Streams]]) -> None:
        self._connect = connect
        self._lines: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.plan: Plan = fair
        self.harmed: Counter[str] = Counter()
        self.connections = 0

    async def __aenter__(self) -> Self:
        await self.accept()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.refuse()
        for line in self._lines:
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    async def accept(self) -> None:
        """Takes new connections, on the port of the first time."""
        self._server = await asyncio.start_server(self._begin, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """New connections are refused from now on; those that are there go on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def cut(self) -> None:
        """Resets every connection at once."""
        self.harmed["cut"] += len(self._lines)
        for writer in self._writers:
            reset(writer)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        line = asyncio.create_task(self._serve(reader, writer))
        self._lines.add(line)
        line.add_done_callback(self._lines.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = {writer}
        try:
            beyond_reader, beyond = await self._connect()
            ends.add(beyond)
            self._writers |= ends
            line = _Line(self, writer, beyond)
            ways = [asyncio.create_task(line.up(reader)), asyncio.create_task(line.down(beyond_reader))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            reset(writer)
        finally:
            self._writers -= ends
            for end in ends:
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()


class _Line:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._armed: Harm | None = None

    async def up(self, reader: asyncio.StreamReader) -> None:
        while piece := await reader.read(PIECE):
            self._armed = self._armed or self._proxy.plan(piece)
            if not await self._pass(piece, self._server, up=True):
                await _swallow(reader)

    async def down(self, reader: asyncio.StreamReader) -> None:
        while piece := await reader.read(PIECE):
            if not await self._pass(piece, self._client, up=False):
                await _swallow(reader)

    async def _pass(self, piece: bytes, to: asyncio.StreamWriter, *, up: bool) -> bool:
        """Hands a piece on; False where nothing more goes this way."""
        harm = self._armed
        if harm is not None and harm.up == up:
            if harm.at < len(piece):
                self._armed = None
                self._proxy.harmed[harm.kind] += 1
                await _send(to, piece[: harm.at])
                return await HARMS[harm.kind](self, piece[harm.at :], to)
            self._armed = Harm(harm.kind, harm.at - len(piece), up)
        await _send(to, piece)
        return True

    async def stall(self, _: bytes, __: asyncio.StreamWriter) -> bool:
        """Nothing more comes, and nobody says so."""
        return False

    async def half_close(self, _: bytes, to: asyncio.StreamWriter) -> bool:
        """This way ends, the other one stays open."""
        to.write_eof()
        return False

    async def close(self, _: bytes, __: asyncio.StreamWriter) -> bool:
        """Both ways end in good order."""
        self._client.close()
        self._server.close()
        return False

    async def reset(self, _: bytes, __: asyncio.StreamWriter) -> bool:
        """Both ways end by RST."""
        reset(self._client)
        reset(self._server)
        return False

    async def trickle(self, piece: bytes, to: asyncio.StreamWriter) -> bool:
        """One byte at a time, each in a segment of its own."""
        for place in range(min(len(piece), TRICKLED)):
            await _send(to, piece[place : place + 1])
            await asyncio.sleep(0)
        await _send(to, piece[TRICKLED:])
        return True

    async def delay(self, piece: bytes, to: asyncio.StreamWriter) -> bool:
        """The rest comes later."""
        await asyncio.sleep(DELAY_S)
        await _send(to, piece)
        return True


HARMS: dict[str, Callable[[_Line, bytes, asyncio.StreamWriter], Awaitable[bool]]] = {
    "stall": _Line.stall,
    "half-close": _Line.half_close,
    "close": _Line.close,
    "reset": _Line.reset,
    "trickle": _Line.trickle,
    "delay": _Line.delay,
}


def reset(writer: asyncio.StreamWriter) -> None:
    """Closes with RST instead of FIN."""
    found = writer.get_extra_info("socket")
    if found is not None and not writer.is_closing():
        with contextlib.suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()


async def _send(to: asyncio.StreamWriter, piece: bytes) -> None:
    if piece and not to.is_closing():
        to.write(piece)
        await to.drain()


async def _swallow(reader: asyncio.StreamReader) -> None:
    """Until the other side gives up."""
    while await reader.read(PIECE):
        pass


def to_port(port: int) -> Callable[[], Awaitable[Streams]]:
    """The way to a server of this machine."""
    return lambda: asyncio.open_connection(HOST, port)


def to_socket(path: Path) -> Callable[[], Awaitable[Streams]]:
    """The way to a unix socket."""
    return lambda: asyncio.open_unix_connection(path)
