"""A simulated qTest over real HTTP; every answer is held against the vendor's OpenAPI file where that is present."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web
from openapi_schema_validator import OAS30ReadValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from ztoq_async.sandbox.dialects import Dialect
from ztoq_async.sandbox.qtest import QTestState, build_app

SHARED = Path(os.environ.get("ZTOQ_SHARED") or Path(__file__).parents[3] / "shared")
CONTRACT = SHARED / "contracts" / "qtest-manager-v3.openapi.yaml"


@cache
def contract() -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(CONTRACT.read_text(), Loader=loader) if CONTRACT.exists() else {}


@cache
def templates() -> list[tuple[re.Pattern[str], str]]:
    """Paths of the contract, those without variables first."""
    paths = sorted(contract().get("paths", {}), key=lambda path: (path.count("{"), path))
    return [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)) + "$"), path) for path in paths]


@cache
def validator(pointer: str) -> OAS30ReadValidator:
    registry = Registry().with_resource("urn:qtest", Resource.from_contents(contract(), DRAFT4))
    return OAS30ReadValidator({"$ref": f"urn:qtest#{pointer}"}, registry=registry)


def pointer_of(method: str, path: str, status: int) -> str | None:
    """Where the contract describes this answer's body; None if it has none."""
    template = next((name for pattern, name in templates() if pattern.match(path)), None)
    operation = contract()["paths"].get(template, {}).get(method.lower())
    if operation is None:
        assert status in (401, 404), f"{method} {path} is not in the contract, yet answered {status}"
        return "/components/schemas/Error"
    assert status >= 400 or str(status) in operation["responses"], f"{method} {template} answered {status}"
    if status >= 400:
        return "/components/schemas/Error"
    content = operation["responses"][str(status)].get("content", {})
    if not content.get("application/json", {}).get("schema"):
        return None
    escaped = template.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
    return f"/paths/{escaped}/{method.lower()}/responses/{status}/content/application~1json/schema"


Place = tuple[str, int]
ROOT: Place = ("root", 0)


def under(place: Place) -> dict[str, Any]:
    """The query that names a parent."""
    return {"parentType": place[0], "parentId": place[1]}


class Site:
    """A client of one site; `calls` answers (status, body) after holding the body against the contract."""

    def __init__(self, state: QTestState, base: str, session: aiohttp.ClientSession) -> None:
        self.state, self.base, self.session = state, base, session
        self.project = f"/api/v3/projects/{state.project_id}"
        self.headers = {"Authorization": f"bearer {state.token}"}

    async def call(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        if not path.startswith(("/api", "/oauth", "//")):
            path = self.project + path
        headers = self.headers | more.pop("headers", {})
        async with self.session.request(method, self.base + path, headers=headers, **more) as answer:
            body = await answer.json() if await answer.read() else None
            if CONTRACT.exists() and (pointer := pointer_of(method, path.partition("?")[0], answer.status)):
                validator(pointer).validate(body)
            return answer.status, body

    async def ok(self, method: str, path: str, **more: Any) -> Any:
        status, body = await self.call(method, path, **more)
        assert status in (200, 201), (status, body)
        return body

    async def refused(self, method: str, path: str, status: int = 400, **more: Any) -> str:
        got, body = await self.call(method, path, **more)
        assert got == status, (got, body)
        return body.get("message") or body["error"]

    async def module(self, name: str = "M", parent: int | None = None, **more: Any) -> dict[str, Any]:
        query = {"params": {"parentId": parent}} if parent else {}
        return await self.ok("POST", "/modules", json={"name": name, **more}, **query)

    async def case(self, name: str = "C", **more: Any) -> dict[str, Any]:
        return await self.ok("POST", "/test-cases", json={"name": name, "properties": [], **more})

    async def approved(self, name: str = "C", **more: Any) -> dict[str, Any]:
        """A test case of version 1.0."""
        case = await self.case(name, **more)
        return await self.ok("PUT", f"/test-cases/{case['id']}/approve")

    async def cycle(self, name: str = "Cycle", place: Place = ROOT, **more: Any) -> dict[str, Any]:
        return await self.ok("POST", "/test-cycles", json={"name": name, **more}, params=under(place))

    async def suite(self, name: str = "Suite", place: Place = ROOT, **more: Any) -> dict[str, Any]:
        return await self.ok("POST", "/test-suites", json={"name": name, **more}, params=under(place))

    async def run(self, case: dict[str, Any], place: Place = ROOT, **more: Any) -> dict[str, Any]:
        body = {"test_case": {"id": case["id"]}, "test_case_version_id": case["test_case_version_id"], **more}
        return await self.ok("POST", "/test-runs", json=body, params=under(place))

    async def log(self, run: dict[str, Any], status: str = "Passed", **more: Any) -> dict[str, Any]:
        body = await self.log_body(status, **more)
        return await self.ok("POST", f"/test-runs/{run['id']}/test-logs", json=body)

    async def log_body(self, status: str = "Passed", **more: Any) -> dict[str, Any]:
        """A test log as a caller sends it, run for five minutes."""
        dates = {"exe_start_date": "2024-05-01T10:00:00Z", "exe_end_date": "2024-05-01T10:05:00Z"}
        return dates | {"status": {"id": await self.status(status)}} | more

    async def status(self, name: str) -> int:
        """The site's id of an execution status."""
        rows = await self.ok("GET", "/test-runs/execution-statuses")
        return next(row["id"] for row in rows if row["name"] == name)

    async def field(
        self, label: str, data_type: int = 1, *, kind: str = "test-cases", active: bool = True, **more: Any
    ) -> dict[str, Any]:
        body = {"label": label, "data_type": data_type, **more}
        made = await self.ok("POST", f"/settings/{kind}/fields", json=body)
        if active:
            await self.ok("POST", f"/settings/{kind}/custom-fields/active", json=[{**made, "is_active": True}])
        return made

    async def system(self, label: str, kind: str = "test-cases") -> dict[str, Any]:
        fields = await self.ok("GET", f"/settings/{kind}/fields")
        return next(field for field in fields if field["label"] == label)


@asynccontextmanager
async def site(*, seed: int = 1, project: int = 7, **switches: Any) -> AsyncIterator[Site]:
    """A new site whose dialect has the switches given."""
    state = QTestState(seed, project, Dialect(**switches))
    runner = web.AppRunner(build_app(state), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession() as session:
            yield Site(state, f"http://127.0.0.1:{runner.addresses[0][1]}", session)
    finally:
        await runner.cleanup()


def steps(*texts: str) -> list[dict[str, Any]]:
    """Steps as a caller sends them."""
    return [{"description": text, "expected": "seen", "order": order} for order, text in enumerate(texts, 1)]


def prop(row: dict[str, Any], label: str) -> dict[str, Any]:
    return next(item for item in row["properties"] if item["field_name"] == label)


def value(field: dict[str, Any], text: str) -> dict[str, Any]:
    """A property as a caller sends it."""
    return {"field_id": field["id"], "field_value": text}
