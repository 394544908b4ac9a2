"""Faults of a service, as one middleware: drawn from the seed, so that the same calls in the same order fail alike."""

import asyncio
import math
import random
import time
from collections.abc import Callable
from http import HTTPStatus

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from ztoq_async.sandbox.profile import Faults

ErrorBody = Callable[[int, str], dict[str, object]]
_PAGE = b"<html><head><title>Service unavailable</title></head><body><h1>Please try again later</h1></body></html>"


def zephyr_error(status: int, message: str) -> dict[str, object]:
    """Zephyr's shape of an error."""
    return {"errorCode": status, "message": message}


def qtest_error(status: int, message: str) -> dict[str, object]:
    """qTest's shape of an error."""
    return {"message": message}


class RateLimit:
    """A fixed window and a monthly quota; refused calls count in neither."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._window = -1
        self._used = 0
        self._month = 0

    def take(self, faults: Faults) -> str | None:
        """Count one call, or say why it is refused."""
        window = int(self._clock() // faults.rate_window_s)
        if window != self._window:
            self._window, self._used = window, 0
        if faults.month_quota and self._month >= faults.month_quota:
            return "The monthly quota of API calls is used up"
        if faults.rate_per_minute and self._used >= self._limit(faults):
            return "Too many requests"
        self._used += 1
        self._month += 1
        return None

    def headers(self, faults: Faults) -> dict[str, str]:
        """What remains, if the service tells it."""
        headers = {}
        if faults.remaining_headers and faults.rate_per_minute:
            headers["x-ratelimit-remaining-minute"] = str(max(0, self._limit(faults) - self._used))
        if faults.remaining_headers and faults.month_quota:
            headers["x-ratelimit-remaining-month"] = str(max(0, faults.month_quota - self._month))
        return headers

    def retry_after(self, faults: Faults) -> dict[str, str]:
        """The `Retry-After` header of a refusal, whole seconds."""
        seconds = faults.retry_after_s
        if seconds == "none":
            return {}
        if seconds == "window":
            seconds = (self._window + 1) * faults.rate_window_s - self._clock()
        return {"Retry-After": str(max(0, math.ceil(seconds)))}

    @staticmethod
    def _limit(faults: Faults) -> int:
        return max(1, int(faults.rate_per_minute * faults.rate_window_s / 60))


class FaultInjector:
    """The middleware of one service."""

    def __init__(self, service: str, error: ErrorBody) -> None:
        self._service = service
        self._error = error
        self._faults = Faults()
        self._draw = random.Random(service)  # noqa: S311 - repeatable, not secret
        self._limit = RateLimit()

    def use(self, seed: int, faults: Faults) -> None:
        """Take another table into force; draws begin anew, calls counted so far stay counted."""
        self._faults = faults
        self._draw = random.Random(f"{seed} {self._service}")  # noqa: S311 - repeatable, not secret

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        faults = self._faults
        refused = self._limit.take(faults)
        if faults.latency_ms or faults.jitter_ms:
            await asyncio.sleep((faults.latency_ms + faults.jitter_ms * self._draw.random()) / 1000)
        if refused:
            response: web.StreamResponse = self._failure(429, refused)
            response.headers.update(self._limit.retry_after(faults))
        else:
            response = await self._before(request, faults) or await self._handled(request, handler, faults)
        response.headers.update(self._limit.headers(faults))
        return response

    async def _before(self, request: web.Request, faults: Faults) -> web.Response | None:
        """A fault that keeps the call from being applied."""
        if self._happens(faults.drop_rate):
            return _closed(request)
        if faults.read_only and _changes(request):
            return self._failure(403, "The user may not do this any more")
        if self._happens(faults.error_rate):
            return self._failure(self._draw.choice((500, 503)), "The backend service is not reachable")
        if self._happens(faults.html_error_rate):
            return web.Response(status=self._draw.choice((200, 502, 503)), body=_PAGE, content_type="text/html")
        return None

    async def _handled(self, request: web.Request, handler: Handler, faults: Faults) -> web.StreamResponse:
        """The call applied, and a fault that keeps the client from knowing it."""
        if self._happens(faults.late_apply_rate):
            await request.read()
            gone = _closed(request)
            await asyncio.sleep(faults.late_apply_s)
            await handler(request)
            return gone
        response = await handler(request)
        if self._happens(faults.slow_rate):
            await asyncio.sleep(faults.slow_s)
        if self._happens(faults.lost_reply_rate):
            return _closed(request)
        if self._happens(faults.error_after_rate):
            return self._failure(500, "The backend service failed")
        if self._happens(faults.truncate_rate):
            return await _truncated(request, response)
        return response

    def _happens(self, rate: float) -> bool:
        return rate > 0 and self._draw.random() < rate

    def _failure(self, status: int, message: str) -> web.Response:
        body = msgspec.json.encode(self._error(status, f"{HTTPStatus(status).phrase}: {message}"))
        return web.Response(status=status, body=body, content_type="application/json")


CLOSED = 0
"""Status under which a call without an answer is counted."""


class NoAnswer(web.Response):
    """What a handler must return although the connection is closed."""


def _changes(request: web.Request) -> bool:
    return request.method != "GET" and not request.path.rstrip("/").endswith(("/search", "/oauth/token"))


def _closed(request: web.Request) -> web.Response:
    """Close the connection; the answer goes nowhere."""
    if request.transport is not None:
        request.transport.close()
    return NoAnswer()


async def _truncated(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Half of the body under the length of the whole, then the end of the connection."""
    body = response.body if isinstance(response, web.Response) else None
    if not isinstance(body, bytes) or len(body) < 2:
        return _closed(request)
    partial = web.StreamResponse(status=response.status, headers=response.headers)
    partial.content_length = len(body)
    await partial.prepare(request)
    await partial.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return partial
