"""Answers in Zephyr's shapes: JSON with the sandbox's own addresses, errors, offset pages (facts.md 1.1, 1.3)."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

import msgspec
from aiohttp import web

T = TypeVar("T")
MAX_RESULTS = 1000
MAX_START = 1_000_000
_SELF = re.compile(rb'"self"\s*:\s*"https://(?:[a-z]+\.)?api\.zephyrscale\.smartbear\.com/v2/')


class ApiError(Exception):
    """An error answer `{"errorCode", "message"}`; `errorCode` repeats the status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def problem(status: int, message: str) -> web.Response:
    """The error shape of everything but a 401 below test cases, cycles, plans and executions."""
    body = msgspec.json.encode({"errorCode": status, "message": message})
    return web.Response(status=status, body=body, content_type="application/json")


def answer(request: web.Request, body: bytes, status: int = 200) -> web.Response:
    """A JSON answer whose `self` addresses are those of this server."""
    return web.Response(status=status, body=own_addresses(request, body), content_type="application/json")


def own_addresses(request: web.Request, body: bytes) -> bytes:
    """The same JSON, every `self` address of the vendor's cloud replaced by this server's."""
    own = f'"self":"{base_url(request)}/'.encode()
    return _SELF.sub(lambda _: own, body)


def created(request: web.Request, identity: int, path: str, key: str | None = None) -> web.Response:
    """The 201 of every create: `{id, self[, key]}`."""
    row: dict[str, Any] = {"id": identity, "self": f"{base_url(request)}/{path}"}
    return answer(request, msgspec.json.encode(row if key is None else row | {"key": key}), 201)


def base_url(request: web.Request) -> str:
    """The address the client used, up to `/v2`."""
    return f"{request.url.origin()}/v2"


def whole(request: web.Request, name: str, default: int, least: int, most: int = 2**63 - 1) -> int:
    """An integer of the query within its limits; 400 otherwise."""
    text = request.query.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"-?[0-9]{1,19}", text) or not least <= int(text) <= most:
        raise ApiError(400, f"{name}: an integer between {least} and {most} was expected")
    return int(text)


def instant(request: web.Request, name: str) -> str:
    """A date and time of the query in the form of the stored ones, which sort as text; "" where it is absent."""
    text = request.query.get(name)
    if text is None:
        return ""
    try:
        return stamp(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise ApiError(400, f"{name}: a date and time such as 2026-06-30T00:00:00Z was expected") from error


def stamp(moment: datetime) -> str:
    """Zephyr's form of an instant; without a zone it is UTC (facts.md 1.4)."""
    return f"{moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC).isoformat()[:19]}Z"


def flag(request: web.Request, name: str) -> bool:
    """A truth value of the query, in any case of letters; 400 for anything else."""
    text = request.query.get(name, "false").lower()
    if text not in ("true", "false"):
        raise ApiError(400, f"{name}: true or false was expected")
    return text == "true"


def path_id(request: web.Request, name: str) -> int:
    """An integer of the path; 400 where it is none."""
    text = request.match_info[name]
    if not re.fullmatch(r"[0-9]{1,19}", text) or not 1 <= int(text) < 2**63:
        raise ApiError(400, f"{name}: a positive integer was expected")
    return int(text)


async def read(request: web.Request, decoder: msgspec.json.Decoder[T]) -> T:
    """The request's body in the shape of the contract; 400 names what differs."""
    try:
        return decoder.decode(await request.read())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiError(400, f"request body: {error}") from error


def page(request: web.Request, total: int, cap: int, rows: Callable[[int, int], Sequence[bytes]]) -> web.Response:
    """An offset page; `rows(start, stop)` gives its values. `cap` (0: none) is the server's own largest page."""
    asked = min(whole(request, "maxResults", 10, 1), MAX_RESULTS)
    start = whole(request, "startAt", 0, 0, MAX_START)
    size = min(asked, cap) if cap else asked
    values = rows(start, min(start + size, total)) if start < total else ()
    stop = start + len(values)
    last = stop >= total
    following = b"null" if last else next_url(request, startAt=stop, maxResults=asked)
    counts = b'"startAt":%d,"maxResults":%d,"total":%d,"isLast":%s' % (
        start,
        size,
        total,
        b"true" if last else b"false",
    )
    return answer(request, b'{"next":%s,%s,"values":[%s]}' % (following, counts, b",".join(values)))


def cursor_page(
    request: web.Request, cap: int, found: Iterable[int], identity: Callable[[int], int], row: Callable[[int], bytes]
) -> web.Response:
    """A cursor page of the positions from `startAtId` on: neither total nor isLast (facts.md 1.3)."""
    asked = whole(request, "limit", 10, 1, MAX_RESULTS)
    size = min(asked, cap) if cap else asked
    positions = list(islice(found, size + 1))
    place, following = b"null", b"null"
    if len(positions) > size:
        start = identity(positions[size])
        place, following = b"%d" % start, next_url(request, startAtId=start, limit=asked)
    values = b",".join(map(row, positions[:size]))
    return answer(
        request, b'{"next":%s,"nextStartAtId":%s,"limit":%d,"values":[%s]}' % (following, place, size, values)
    )


def from_place(positions: Sequence[int], first: int) -> Iterable[int]:
    """Those of the ascending positions that are not below `first`."""
    return (positions[n] for n in range(bisect_left(positions, first), len(positions)))


def next_url(request: web.Request, **changed: int) -> bytes:
    """JSON string with the address of the following page: the same query with the place moved."""
    query = dict(request.query) | {name: str(value) for name, value in changed.items()}
    url = request.url.origin().with_path(request.path).with_query(query)
    return msgspec.json.encode(str(url))
