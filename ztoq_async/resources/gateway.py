"""The one way to a service: token, circuit, pace, deadline, fence, wire; and the one place that sends again."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from yarl import URL

from ztoq_async.errors import (
    CircuitOpen,
    FenceError,
    NotSent,
    QuotaExhausted,
    ResourceError,
    ServiceError,
    SettingsError,
    Unauthorised,
    Unreachable,
)
from ztoq_async.resources import outcomes
from ztoq_async.resources.breaker import CircuitBreaker, CircuitEvent, Circuits, State
from ztoq_async.resources.calls import Answer, Attempt, Call
from ztoq_async.resources.connector import ConnectionPool, environment_proxy
from ztoq_async.resources.limiter import AdaptiveRate
from ztoq_async.resources.ownership import check_loop
from ztoq_async.resources.tries import Tries

_log = logging.getLogger(__name__)

MOST_RENEWALS = 2
FRESH_S = 1.0
"""Seconds after which a new token that was never heard to work may have expired: a pause can outlast it."""


@dataclass(frozen=True, slots=True)
class GatewayStatistics:
    """Requests that went over the wire: by endpoint and status (0: no answer), refused with 429, sent again."""

    calls: dict[tuple[str, int], int]
    sent: int
    refused: int
    retried: int
    month_remaining: int | None


class Gateway:
    """Sends calls to one service and says what became of each (protocol.md, rule 4).

    `attempt_timeout` (seconds) holds for each request that changes nothing, `unsafe_timeout` for each that changes
    something; `tries` bounds how often one call is sent or finds its circuit open. `authorise(refresh)` gives the whole
    Authorization header and is asked again, with True, when the service answers 401. `fence` is called when connected,
    just before writing, and raises where this engine may not send any more. `month_calls` is what this gateway may
    send in all (0: no bound). Changes of its circuits are logged, and told to `on_change`. It belongs to the event loop
    of its first call.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        *,
        name: str,
        base_url: str,
        in_flight: int,
        rate: AdaptiveRate,
        authorise: Callable[[bool], Awaitable[str]],
        attempt_timeout: float = 60.0,
        unsafe_timeout: float = 120.0,
        tries: int = 8,
        circuits: Circuits | None = None,
        fence: Callable[[], None] | None = None,
        month_calls: int = 0,
        on_attempt: Callable[[Attempt], None] | None = None,
        on_change: Callable[[CircuitEvent], None] | None = None,
    ) -> None:
        self.name = name
        self.rate = rate
        self.circuits = circuits or Circuits()
        self.circuits.on_change = self._circuit_changed
        self._pool = pool
        self._base = _checked(name, base_url)
        self._proxy = environment_proxy(URL(self._base))
        self._tokens = asyncio.Semaphore(in_flight)
        self._authorise = authorise
        self._header = ""
        self._header_worked = True
        self._renewed_at = -math.inf
        self._renewing = asyncio.Lock()
        self._timeout = attempt_timeout
        self._unsafe_timeout = unsafe_timeout
        self._tries = tries
        self._fence = fence
        self._month_calls = month_calls
        self._month_remaining: int | None = None
        self._refusing_since = math.inf
        self._on_attempt = on_attempt
        self._on_change = on_change
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._calls: Counter[tuple[str, int]] = Counter()
        self._sent = self._retried = 0

    async def send(self, call: Call) -> Answer:
        """Sends the call until it is answered, or surely cannot be.

        Raises Refused and its kinds (not applied), NotSent (not applied, may be sent again), OutcomeUnknown (look
        before sending again), Unreachable (a call that changes nothing had no usable answer), QuotaExhausted.
        """
        self._check_closed()
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        else:
            check_loop(self._loop, "Gateway")
        tries, renewals, endpoint = Tries(self._tries), 0, call.endpoint
        while True:
            circuit = self.circuits.of(endpoint)
            header = call.authorisation or self._header or await self._first_header()
            try:
                return await self._attempt(call, circuit, header)
            except CircuitOpen as error:
                probed = circuit.state is State.HALF_OPEN
                if not probed and tries.used_up():
                    raise self._gave_up(call, error) from error
                # the probe, too, waits for the pace
                await circuit.wait((self._unsafe_timeout if probed else error.retry_after) + self.rate.paused)
                continue
            except Unauthorised:
                renewals += 1
                if call.authorisation or renewals > MOST_RENEWALS or not await self._renew(header):
                    raise
            except (Unreachable, NotSent) as error:
                await tries.after(error, self._refusing_since)
            self._retried += 1

    def statistics(self) -> GatewayStatistics:
        """Counts of what really went over the wire: nothing below the gateway sends again."""
        refused = sum(count for (_, status), count in self._calls.items() if status == 429)
        return GatewayStatistics(dict(self._calls), self._sent, refused, self._retried, self._month_remaining)

    def close(self) -> None:
        """Sends no more, and drops its circuits; may be called again. The pool is its owner's to close."""
        self._closed = True
        self.circuits.clear()

    async def _attempt(self, call: Call, circuit: CircuitBreaker, header: str) -> Answer:
        await self._tokens.acquire()
        try:
            admitted = circuit.admit()
            healthy: bool | None = None
            try:
                sent = await self.rate.acquire()
                self._check_closed()
                self._check_quota()
                try:
                    answer = await self._exchange(call, header)
                except outcomes.WIRE_ERRORS as error:
                    healthy = outcomes.health(error)
                    raise outcomes.failure(self.name, call, error) from error
                healthy = outcomes.health(answer)
                self._heed(answer, sent)
                return outcomes.judge(self.name, call, answer, header)
            finally:
                circuit.record(admitted, healthy)
        finally:
            self._tokens.release()

    async def _exchange(self, call: Call, header: str) -> Answer:
        """One request, with its row in the statistics unless the fence kept it from the wire."""
        url = URL(self._base + call.path)
        if call.query:
            url = url.extend_query(call.query)
        headers = {"Authorization": header, "Accept": "*/*" if call.raw else "application/json"}
        if call.body is not None:
            headers["Content-Type"] = call.content_type
        timeout = self._timeout if call.safe else self._unsafe_timeout
        self._sent += 1
        start = time.monotonic()
        try:
            answer = await self._pool.request(
                call.method, url, headers=headers, body=call.body, proxy=self._proxy, fence=self._fence, timeout=timeout
            )
        except FenceError:
            self._sent -= 1
            raise
        except BaseException as error:
            self._note(call, 0, type(error).__name__, start)
            raise
        self._note(call, answer.status, "", start)
        return answer

    def _note(self, call: Call, status: int, failure: str, start: float) -> None:
        self._calls[call.endpoint, status] += 1
        if self._on_attempt is not None:
            self._on_attempt(Attempt(call, status, failure, time.monotonic() - start))

    def _heed(self, answer: Answer, sent: float) -> None:
        """What an answer says about this host's pace, its month and our token."""
        remaining = answer.headers.get("x-ratelimit-remaining-month", "")
        if remaining.isdecimal():
            self._month_remaining = int(remaining)
        if answer.status == 429:
            self._check_quota()  # first: nobody is to wait for a pace that no call will keep
            self._refusing_since = min(self._refusing_since, time.monotonic())
            self.rate.refused(sent, outcomes.retry_after(answer.headers))
            return
        self._refusing_since = math.inf
        self.rate.accepted()
        self._header_worked = self._header_worked or answer.status != 401
        if answer.status == 503:
            self.rate.pause(outcomes.retry_after(answer.headers) or 0.0)

    def _check_closed(self) -> None:
        if self._closed:
            raise ResourceError(f"the gateway to {self.name} is closed")

    def _circuit_changed(self, event: CircuitEvent) -> None:
        level = logging.WARNING if event.before is State.CLOSED else logging.INFO
        _log.log(level, "%s: the circuit of %s was %s and is %s", self.name, event.name, event.before, event.after)
        if self._on_change is not None:
            self._on_change(event)

    def _check_quota(self) -> None:
        if self._month_remaining == 0 or (self._month_calls and self._sent >= self._month_calls):
            raise QuotaExhausted(f"{self.name}: the month's calls are used up", service=self.name)

    async def _first_header(self) -> str:
        async with self._renewing:
            if not self._header:
                self._header = await self._authorise(False)
            return self._header

    async def _renew(self, refused: str) -> bool:
        """Whether there is now a header other than the refused one: asked for once, however many calls were refused."""
        async with self._renewing:
            if self._header != refused:
                return True
            if not self._header_worked and time.monotonic() < self._renewed_at + FRESH_S:
                return False
            self._header = await self._authorise(True)
            self._header_worked = False
            self._renewed_at = time.monotonic()
            return self._header != refused

    def _gave_up(self, call: Call, error: CircuitOpen) -> ServiceError:
        kind = Unreachable if call.safe else NotSent
        return kind(f"{self.name} fails or is down ({error})", service=self.name, method=call.method, path=call.path)


def _checked(name: str, base_url: str) -> str:
    try:
        url = URL(base_url)
    except ValueError:
        url = URL()
    if url.scheme not in {"http", "https"} or not url.host or url.user or url.query_string:
        raise SettingsError(f"{name}.base_url must look like https://host/path, without user or query")
    return base_url.rstrip("/")
