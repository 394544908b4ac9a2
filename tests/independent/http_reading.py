"""Both services read over HTTP by the standard library alone: kept connections, a few at once, pages to their end."""

import http.client
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

Row = dict[str, Any]
T = TypeVar("T")
DEADLINE_S, THREADS = 60, 6
LARGEST = 999


class Service:
    """GETs of one service, below `base_url`; to be closed. An answer other than 200 or `allowed` raises `OSError`."""

    def __init__(self, base_url: str, token: str) -> None:
        address = urlsplit(base_url)
        self._host, self._port, self._root = address.hostname or "", address.port, address.path
        self._headers = {"Authorization": f"Bearer {token}"}
        self._mine = threading.local()
        self._connections: list[http.client.HTTPConnection] = []
        self._pool = ThreadPoolExecutor(THREADS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
        for connection in self._connections:
            connection.close()

    def get(self, path: str, *allowed: int) -> Any:
        """The answer as data; None for an allowed status."""
        connection = self._connection()
        connection.request("GET", self._root + path, headers=self._headers)
        with connection.getresponse() as answer:
            body = answer.read()
        if answer.status in allowed:
            return None
        if answer.status != 200:
            raise OSError(f"GET {path}: {answer.status} {body[:300]!r}")
        return json.loads(body)

    def each(self, ask: Callable[[T], Any], items: Iterable[T]) -> dict[T, Any]:
        """What `ask` gives for every item, several at once."""
        known = list(items)
        return dict(zip(known, self._pool.map(ask, known), strict=True))

    def zephyr_list(self, path: str) -> list[Row]:
        """All rows of an offset list; pages are stepped by what they hold (facts.md 1.3)."""
        rows: list[Row] = []
        while True:
            page = self.get(f"{path}{'&' if '?' in path else '?'}startAt={len(rows)}&maxResults=1000")
            rows += page["values"]
            if not page["values"] or page["next"] is None:
                return rows

    def qtest_pages(self, path: str) -> Iterator[Row]:
        """All items of a paged object, to the page that holds nothing new (facts.md 3.4)."""
        seen: set[int] = set()
        page = 0
        while True:
            page += 1
            items = self.get(f"{path}{'&' if '?' in path else '?'}page={page}&pageSize={LARGEST}")["items"]
            fresh = [row for row in items if row["id"] not in seen]
            if not fresh:
                return
            seen |= {row["id"] for row in fresh}
            yield from fresh

    def qtest_cases(self, path: str) -> Iterator[Row]:
        """All rows of the list of test cases, which is a bare array with `page` and `size`."""
        seen: set[int] = set()
        page = 0
        while True:
            page += 1
            rows = self.get(f"{path}&page={page}&size=1000")
            fresh = [row for row in rows if row["id"] not in seen]
            if not fresh:
                return
            seen |= {row["id"] for row in fresh}
            yield from fresh

    def _connection(self) -> http.client.HTTPConnection:
        found: http.client.HTTPConnection | None = getattr(self._mine, "connection", None)
        if found is None:
            found = http.client.HTTPConnection(self._host, self._port, timeout=DEADLINE_S)
            self._mine.connection = found
            self._connections.append(found)
        return found
