"""Times as the simulated qTest writes and reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=4096)
def _seconds(when: int) -> str:
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="seconds")


def stamp(when: float) -> str:
    """`2024-05-01T10:00:00+00:00` of seconds since 1970."""
    return _seconds(int(when))


def parse(text: str) -> float | None:
    """Seconds since 1970 of an ISO 8601 text with a date; a naive one is read as UTC; None if it is not one."""
    try:
        when = datetime.fromisoformat(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        return None
