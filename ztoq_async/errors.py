"""Every error that ztoq_async raises on purpose: a flat tree, each with a message that a person can act on.

No message holds a secret: the service's own words are trimmed and the request's headers are never quoted.
"""

from __future__ import annotations

from typing import Self


class ZtoqError(Exception):
    """Base of all errors of this package."""


class SettingsError(ZtoqError):
    """A setting is missing or wrong; the message names it and shows an example. Exit code 2."""


class SourceError(ZtoqError):
    """A source record cannot be read or moved; the message names the record and the field."""


class StoreError(ZtoqError):
    """The store (PostgreSQL) cannot be opened or used; the message names the path or setting. Exit code 4."""


class StoreLost(StoreError):  # noqa: N818
    """The store went away in the middle of a session; unless it was committing, nothing of the session was kept."""


class StoreBusy(StoreError):  # noqa: N818 - the state, not a fault
    """Another engine works on this store; the message names it."""


class FenceError(StoreError):
    """This engine's lease is over or its epoch is not current: it must not send any more (protocol rule 3)."""


class AlreadyMoved(ZtoqError):  # noqa: N818
    """The project holds our keys and the journal is fresh (protocol rule 12). Exit code 2."""


class ResourceError(ZtoqError):
    """A pool, queue, session or breaker of this package was used wrongly: closed, or from another loop."""


class ResultEvicted(ResourceError):  # noqa: N818
    """The result asked for was already dropped to keep memory bounded."""


class ProcessDied(ResourceError):  # noqa: N818
    """A process of a ProcessPool ended in the middle of a call (killed, out of memory); the pool goes on."""


class Paused(ZtoqError):  # noqa: N818
    """Too much of what was made first came back different: nothing more is written until a person has looked."""


class ServiceError(ZtoqError):
    """A call to one of the services did not end as asked."""

    def __init__(self, message: str, *, service: str = "", method: str = "", path: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.service = service
        self.method = method
        self.path = path
        self.status = status

    def concerning(self, record: str) -> Self:
        """The same error, its message beginning with the record that the call was for."""
        self.args = (f"{record}: {self}",)
        return self


class Refused(ServiceError):  # noqa: N818
    """The service answered 400, 401, 403, 404, 409, 413 or 422: the request was not applied (protocol rule 4)."""


class TooLarge(Refused):
    """The answer of a call that changes nothing has more bytes than are read: it may be asked for in parts."""


class Unauthorised(Refused):
    """401, also after the token was refreshed."""


class Forbidden(Refused):
    """403: the token's user lacks a right."""


class NotFound(Refused):
    """404: there is no such object, or the token's user may not see it."""


class OutcomeUnknown(ServiceError):  # noqa: N818
    """A request that changes something may or may not have been applied: settle it by looking (protocol rules 5, 6)."""


class NotSent(ServiceError):  # noqa: N818
    """A request that changes something was surely not applied, and the tries are used up: it may be sent again."""


class Unreachable(ServiceError):  # noqa: N818
    """A request that changes nothing got no usable answer within its tries."""


class ListShifted(SourceError):  # noqa: N818
    """Rows that a reader of an offset list had passed are gone: others slipped past it, so it must begin again."""


class CircuitOpen(ServiceError):  # noqa: N818
    """The endpoint failed too often; `retry_after` seconds remain until one probe is let through."""

    def __init__(self, message: str, *, retry_after: float, service: str = "") -> None:
        super().__init__(message, service=service)
        self.retry_after = retry_after


class QuotaExhausted(ServiceError):  # noqa: N818
    """The month's calls are used up: stop cleanly, go on later. Exit code 3."""
