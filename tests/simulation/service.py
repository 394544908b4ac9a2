"""A model of qTest: objects of three kinds below each other, lists by page, and what goes wrong on the way.

It keeps the assumptions of docs/exactly-once.md (a request takes effect, and shows in its parent's list, within
`settle_s` of its sending or never) unless `honest` is false. What a caller sees of an outcome is judged by the
program's own rules for answers (`resources.outcomes`), as the gateway does it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import aiohttp
import msgspec
from virtual_loop import PROCESS

from ztoq_async.errors import NotSent, QuotaExhausted, Refused
from ztoq_async.qtest.client import QTestClient
from ztoq_async.resources import outcomes
from ztoq_async.resources.calls import Answer

DEADLINE_S = 120.0
REFUSALS = (400, 404, 409, 413, 422)
ENDING = (401, 403, 429)
NOT_APPLIED = (Refused, NotSent)
SHARE = 0.95  # of the settling time: what a late request may take in an honest service


@dataclass
class Weather:
    """How often (0 to 1) each thing happens to a request that makes something, and to others; and how slow all is."""

    refused: float = 0.0
    ends: float = 0.0
    unreachable: float = 0.0
    quota: float = 0.0
    lost_reply: float = 0.0
    error_before: float = 0.0
    error_after: float = 0.0
    useless: float = 0.0
    late: float = 0.0
    never: float = 0.0
    hangs: float = 0.0
    list_fails: float = 0.0
    list_lag: float = 0.0
    slow_s: float = 0.0


@dataclass
class Object:
    """Something in qTest; `shown_at` is when its parent's list shows it, `indexed_at` the search."""

    id: int
    kind: str
    key: str
    parent: int
    made_at: float
    shown_at: float
    indexed_at: float


@dataclass
class Service:
    """The site. `poison` are names that it always refuses; `watch` is told what arrives and what is made."""

    chance: object
    settle_s: float
    honest: bool
    watch: object
    poison: frozenset = frozenset()
    weather: Weather = field(default_factory=Weather)
    page: int = 3
    objects: list = field(default_factory=list)
    last_at: float = 0.0

    def with_key(self, kind, key):
        """All objects of that name: there should be one at most."""
        return [found for found in self.objects if (found.kind, found.key) == (kind, key)]

    def hit(self, rate):
        """Whether something happens now."""
        return rate > 0 and self.chance.random() < rate

    def delay(self):
        """Seconds that one way takes."""
        return self.chance.random() * self.weather.slow_s if self.weather.slow_s else 0.01

    async def answer(self, call):
        """What the wire brings: an answer, or one of its errors. Whatever the caller does, the request goes on."""
        loop = asyncio.get_running_loop()
        reply = loop.create_future()
        respond = self._list if call.method == "GET" else self._create
        respond(loop, call, reply)
        async with asyncio.timeout(DEADLINE_S):
            answer = await reply
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _create(self, loop, call, reply):
        body = msgspec.json.decode(call.body)
        kind, key, parent = body["kind"], body["key"], body["parent"]
        there, back, weather = self._in_time(self.delay()), self.delay(), self.weather
        name = f"{kind}:{key}"
        if self.hit(weather.ends):
            return self._reply(loop, reply, there, self.chance.choice(ENDING))
        if name in self.poison or self.hit(weather.refused):
            status = self.chance.choice(REFUSALS)
            self.watch.refuses(name)
            return self._reply(loop, reply, there, status)
        if self.hit(weather.error_before):
            return self._reply(loop, reply, there, self.chance.choice((500, 502, 503, 504, 408)))
        if self.hit(weather.never):
            return self._lose(loop, reply, there)
        at = there
        if self.hit(weather.late):
            at = max(there, self._in_time(self.chance.random() * 4 * self.settle_s))
        lag = self._lag(at)
        self.last_at = max(self.last_at, loop.time() + at)
        made = loop.create_future()
        loop.outside(at, self._make, loop, kind, key, parent, lag, made)
        return made.add_done_callback(lambda done: self._say(loop, done.result(), reply, at - there, back))

    def _in_time(self, seconds):
        """That long, in an honest service no longer than the settling time allows."""
        return min(seconds, self.settle_s * SHARE * self.chance.random()) if self.honest else seconds

    def _lag(self, at):
        if not self.hit(self.weather.list_lag):
            return 0.0
        return max(0.0, self._in_time(self.chance.random() * 4 * self.settle_s) - (at if self.honest else 0.0))

    def _make(self, loop, kind, key, parent, lag, made):
        now = loop.time()
        index = lag + (self.chance.random() * 100 if self.weather.list_lag else 0.0)
        found = Object(1000 + len(self.objects), kind, key, parent, now, now + lag, now + index)
        self.watch.makes(found)
        self.objects.append(found)
        made.set_result(found.id)

    def _say(self, loop, identifier, reply, late, back):
        """The reply to what took effect: what was late is answered by nobody any more."""
        weather = self.weather
        if late > 0 or self.hit(weather.lost_reply):
            self._lose(loop, reply, back)
        elif self.hit(weather.hangs):
            pass
        elif self.hit(weather.error_after):
            self._reply(loop, reply, back, self.chance.choice((500, 502, 503, 504, 408)))
        elif self.hit(weather.useless):
            self._reply(loop, reply, back, 200, self.chance.choice((b"{}", b"", b'{"id": 1', b"<html>")))
        else:
            self._reply(loop, reply, back, 201, msgspec.json.encode({"id": identifier}))

    def _list(self, loop, call, reply):
        query = dict(call.query)
        number, began = int(query["page"]), loop.time()
        if self.hit(self.weather.list_fails):
            return self._lose(loop, reply, self.delay())
        process = PROCESS.get()

        def read():
            rows = self._rows(call.path, loop.time())
            page = rows[(number - 1) * self.page : number * self.page]
            self.watch.lists(process, call.path, number, began, last=number * self.page >= len(rows))
            body = msgspec.json.encode({"items": page, "total": len(rows)})
            self._reply(loop, reply, self.delay(), 200, body)

        return loop.outside(self.delay(), read)

    def _rows(self, path, now):
        _, scope, kind, *below = path.split("/")
        parent = int(below[0]) if below else None
        shown = [
            found
            for found in self.objects
            if found.kind == kind
            and (parent is None or found.parent == parent)
            and (found.indexed_at if scope == "search" else found.shown_at) <= now
        ]
        return [{"id": found.id, "key": found.key} for found in shown]

    def _reply(self, loop, reply, seconds, status, body=b""):
        answer = Answer(status, body, {}, loop.time() + seconds)
        loop.outside(seconds, lambda: reply.done() or reply.set_result(answer))

    def _lose(self, loop, reply, seconds):
        error = aiohttp.ServerDisconnectedError()
        loop.outside(seconds, lambda: reply.done() or reply.set_result(error))


class SimulatedClient(QTestClient):
    """Reads lists as the program does; each request goes to the model instead of a wire."""

    def __init__(self, service, fence, watch):
        self._service = service
        self._fence = fence
        self._watch = watch

    async def send(self, call):
        """One request: what becomes of it is said in the words of `Gateway.send`."""
        service, weather = self._service, self._service.weather
        await asyncio.sleep(service.delay() * service.chance.random())  # its turn, its pace, its connection
        if service.hit(weather.quota):
            raise QuotaExhausted("qtest: the month's calls are used up")
        if not call.safe and service.hit(weather.unreachable):
            raise outcomes.failure("qtest", call, aiohttp.ConnectionTimeoutError())
        self._fence()
        if not call.safe:
            self._watch.sends(call)
        try:
            answer = outcomes.judge("qtest", call, await service.answer(call), "")
        except outcomes.WIRE_ERRORS as error:
            raise outcomes.failure("qtest", call, error) from error
        except NOT_APPLIED:
            self._watch.proves(call)
            raise
        if not call.safe:
            self._watch.answers(call, answer)
        return answer
