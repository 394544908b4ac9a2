"""What a finished run said to both services and heard from them, as a file."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

import msgspec


class Exchange(msgspec.Struct, frozen=True, array_like=True):
    """One request and its answer; `target` is path and query as they were on the wire."""

    method: str
    target: str
    body: bytes
    status: int
    answer: bytes


Recording = dict[str, list[Exchange]]
"""By service, `zephyr` and `qtest`, in the order of sending."""


def question(method: str, target: str, body: bytes) -> bytes:
    """What an answer is found again by."""
    return blake2b(b"%s %s\n%s" % (method.encode(), target.encode(), body), digest_size=16).digest()


def save(recording: Recording, path: Path) -> None:
    path.write_bytes(msgspec.msgpack.encode(recording))


def load(path: Path) -> Recording:
    return msgspec.msgpack.decode(path.read_bytes(), type=Recording)
