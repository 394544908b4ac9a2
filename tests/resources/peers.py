"""Servers of a few lines for the tests of promises: each behaves in one way, mostly badly."""

import asyncio
import contextlib
import socket

import psutil

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Peer:
    """A TCP server on 127.0.0.1; `behave(reader, writer)` is what it does with each connection."""

    def __init__(self, behave):
        self.behave = behave
        self.opened = 0
        self.tasks = set()

    @property
    def url(self):
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/"

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def serve(self, reader, writer):
        """One connection, from its beginning to its end."""
        self.opened += 1
        task = asyncio.current_task()
        self.tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self.behave(reader, writer)
        finally:
            self.tasks.discard(task)
            writer.close()

    async def __aexit__(self, *error):
        self.server.close()
        while tasks := list(self.tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def asked(reader):
    """Reads one request without a body."""
    return await reader.readuntil(b"\r\n\r\n")


async def answers(reader, writer):
    """A good server: answers every request and keeps the connection."""
    while True:
        await asked(reader)
        writer.write(OK)


def answers_slowly(seconds):
    """A good server that takes its time."""

    async def behave(reader, writer):
        while True:
            await asked(reader)
            await asyncio.sleep(seconds)
            writer.write(OK)

    return behave


async def stalls(reader, writer):
    """Accepts, and never says anything."""
    await reader.read()


async def resets(reader, writer):
    """Hangs up by RST as soon as it was asked."""
    await asked(reader)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


def says(words, then=None):
    """Answers with these bytes, and hangs up or does something else."""

    async def behave(reader, writer):
        await asked(reader)
        writer.write(words)
        await writer.drain()
        if then:
            await then(reader, writer)

    return behave


def connections(port):
    """States of this process's own ends of connections to a port."""
    return [
        link.status
        for link in psutil.Process().net_connections(kind="tcp")
        if link.raddr and link.raddr.port == port and link.status != "TIME_WAIT"
    ]


async def eventually(condition, seconds=3.0):
    """Whether something outside comes true in time: the system that closes sockets sends no event."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return True
