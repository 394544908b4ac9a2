"""The outermost middleware of a service: counts calls, answers `/sandbox/…` free of tokens, faults and rates."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from ztoq_async.sandbox.faults import CLOSED, NoAnswer
from ztoq_async.sandbox.profile import Profile, ProfileError, ProfileHolder

KINDS = (
    "field",
    "module",
    "test-case",
    "test-cycle",
    "test-suite",
    "test-run",
    "test-log",
    "attachment",
    "link",
    "release",
)


class Holdings(Protocol):
    """What a service can say of its own objects, by the kinds of `KINDS`."""

    def objects(self) -> dict[str, int]: ...

    def lines(self, kind: str) -> Iterator[bytes]: ...

    def duplicates(self) -> list[dict[str, Any]]: ...


class House:
    """The desk of one service. A call that got no answer is counted under the status 0.

    `prefix` is what the contract leaves out of its paths; `render` makes of a stored object what its GET answers.
    """

    def __init__(
        self,
        holdings: Holdings,
        profile: ProfileHolder,
        prefix: str = "",
        render: Callable[[web.Request, bytes], bytes] = lambda _, line: line,
    ) -> None:
        self._holdings = holdings
        self._render = render
        self._profile = profile
        self._prefix = prefix
        self._calls: Counter[tuple[str, str, int]] = Counter()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/sandbox/"):
            return await self._answer(request)
        status = CLOSED
        try:
            response = await handler(request)
            status = CLOSED if isinstance(response, NoAnswer) else response.status
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            self._calls[request.method, self._template(request), status] += 1
        return response

    def stats(self) -> dict[str, Any]:
        """The answer of `GET /sandbox/stats`."""
        calls = [
            {"method": method, "path": path, "status": status, "n": n}
            for (method, path, status), n in sorted(self._calls.items())
        ]
        objects = dict.fromkeys(KINDS, 0) | self._holdings.objects()
        return {"objects": objects, "calls": calls, "duplicates": self._holdings.duplicates()}

    def _template(self, request: web.Request) -> str:
        """The path as the OpenAPI file writes it; `*` for a path that is not implemented."""
        resource = request.match_info.route.resource
        if resource is None:
            return "*"
        return resource.canonical.removeprefix(self._prefix).rstrip("/")

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        match request.method, request.path.rstrip("/"):
            case "GET", "/sandbox/stats":
                return _json(self.stats())
            case "GET", "/sandbox/objects":
                return await self._objects(request)
            case "PUT", "/sandbox/profile":
                return await self._put_profile(request)
        return _json({"message": f"{request.method} {request.path} is not implemented"}, 404)

    async def _objects(self, request: web.Request) -> web.StreamResponse:
        kind = request.query.get("kind", "")
        if kind not in KINDS:
            return _json({"message": f"kind: one of {', '.join(KINDS)} was expected"}, 400)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        for line in self._holdings.lines(kind):
            await response.write(self._render(request, line) + b"\n")
        await response.write_eof()
        return response

    async def _put_profile(self, request: web.Request) -> web.Response:
        try:
            self._profile.replace(Profile.parse(await request.read()))
        except ProfileError as error:
            return _json({"message": str(error)}, 400)
        return _json(self._profile.current.tables())


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")
