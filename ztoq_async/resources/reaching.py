"""Reaching the database: tried again while its server is away, and every failure named without the URL's password."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import asyncpg
import stamina

from ztoq_async.errors import StoreError, StoreLost

T = TypeVar("T")
RETRY_S = 15.0  # how long a server may be away, starting again
GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,  # asyncpg's state after a server that was killed
)
REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
)


async def reach(
    dsn: str, attempt: Callable[[], Awaitable[T]], on_lost: Callable[[], Awaitable[None]] | None = None
) -> T:
    """The attempt's result; while the server is away it is made again, after `on_lost`, for RETRY_S at most."""
    try:
        try:
            return await attempt()
        except (*GONE, asyncpg.InterfaceError, OSError) as error:
            if not _away(error):
                raise
        return await _again(attempt, on_lost)
    except (asyncpg.ClientConfigurationError, ValueError) as error:  # their texts may quote the URL and its password
        raise StoreError(f"store.url is not one that asyncpg can use ({type(error).__name__}): correct it") from None
    except (*GONE, *REFUSED, OSError) as error:
        raise StoreError(f"{place(dsn)} cannot be used ({_brief(error)}): see store.url") from error


async def _again(attempt: Callable[[], Awaitable[T]], on_lost: Callable[[], Awaitable[None]] | None) -> T:
    async for trial in stamina.retry_context(on=_away, attempts=None, timeout=RETRY_S, wait_max=1.0):
        with trial:
            if on_lost is not None:
                await on_lost()
            return await attempt()
    raise AssertionError("stamina tries at least once")


def raise_named(dsn: str, error: BaseException) -> None:
    """Raises StoreLost if the error is the server's going away, StoreError if it is its full disk or the like."""
    if isinstance(error, asyncpg.InsufficientResourcesError):
        raise StoreError(f"{place(dsn)} has no room left ({_brief(error)}): make some, see store.url") from error
    if isinstance(error, GONE) or (isinstance(error, asyncpg.InterfaceError) and _away(error)):
        raise StoreLost(
            f"{place(dsn)} failed in the middle of a session ({_brief(error)});"
            " unless it was committing, nothing of the session was kept"
        ) from error


@contextlib.contextmanager
def named_errors(dsn: str) -> Iterator[None]:
    """The same of every error in the block."""
    try:
        yield
    except Exception as error:
        raise_named(dsn, error)
        raise


def place(dsn: str) -> str:
    """The server that a URL means, without user and password."""
    try:
        parts = urlsplit(dsn)
        host = parts.hostname or parse_qs(parts.query).get("host", ["the default host"])[0]
    except ValueError:
        return "the server of store.url"
    return f"PostgreSQL at {host}"


def _away(error: Exception) -> bool:
    """Whether the server may be starting again, so that another try is worth while."""
    if isinstance(error, asyncpg.InterfaceError):
        return "connection is closed" in str(error) or "released back to the pool" in str(error)
    return isinstance(error, (*GONE, OSError)) and not isinstance(error, PermissionError)


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
