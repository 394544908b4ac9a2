"""One call to a service and its answer, as values: no I/O, no client library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec


@dataclass(frozen=True, slots=True)
class Call:
    """One request, relative to its gateway's base URL.

    `safe` says that the call changes nothing, so it may be sent again after any failure: derived as true for GET and
    HEAD, to be given for searches by POST. `label` is the path's template, for statistics and circuits; without it the
    path itself counts. `raw` expects any bytes (a download) where otherwise JSON is due. `authorisation` replaces the
    gateway's own header, for the call that logs in.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = field(default=None, repr=False)
    content_type: str = "application/json"
    safe: bool | None = None
    label: str = ""
    raw: bool = False
    authorisation: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.safe is None:
            object.__setattr__(self, "safe", self.method in {"GET", "HEAD"})
        if not self.label:
            object.__setattr__(self, "label", self.path)

    @property
    def endpoint(self) -> str:
        """The name of the call's circuit and of its row in the statistics."""
        return f"{self.method} {self.label}"


class Answer(msgspec.Struct, frozen=True):
    """What came back, read to its end. Header names are lower-case; `received` is `time.monotonic()`, in seconds."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    received: float

    def __repr__(self) -> str:
        return f"Answer(status={self.status})"  # bodies and headers may hold tokens


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request as it went over the wire; `status` 0 means that no usable answer came, and `failure` says why."""

    call: Call
    status: int
    failure: str
    seconds: float
