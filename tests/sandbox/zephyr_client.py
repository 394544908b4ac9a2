"""A plain HTTP client of the Zephyr side that holds every answer to the published contract, where that is present."""

import functools
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from aiohttp import ClientSession, ClientTimeout
from openapi_schema_validator import OAS30Validator

SHARED = Path(os.environ.get("ZTOQ_SHARED") or Path(__file__).resolve().parents[3] / "shared")
CONTRACT = SHARED / "contracts" / "zephyr-scale-cloud-v2.openapi.yaml"
MATTERMOST = SHARED / "corpus" / "mattermost"


@functools.cache
def _contract() -> dict[str, Any]:
    return yaml.load(CONTRACT.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _inlined(node: Any) -> Any:
    if isinstance(node, dict):
        if "$ref" in node:
            return _inlined(_contract()["components"]["schemas"][node["$ref"].rpartition("/")[2]])
        return {key: _inlined(value) for key, value in node.items()}
    return [_inlined(item) for item in node] if isinstance(node, list) else node


@functools.cache
def templates() -> dict[str, re.Pattern[str]]:
    """Path templates of the contract, those without parameters first."""
    paths = sorted(_contract()["paths"], key=lambda path: path.count("{"))
    return {path: re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for path in paths}


@functools.cache
def _validator(method: str, template: str, status: int) -> OAS30Validator | None:
    responses = _contract()["paths"][template][method.lower()]["responses"]
    content = responses.get(str(status), responses["default"]).get("content")
    return OAS30Validator(_inlined(content["application/json"]["schema"])) if content else None


def hold_to_contract(method: str, path: str, status: int, body: bytes) -> None:
    """Fail where the contract gives the answer of this status another shape."""
    if not CONTRACT.exists():
        return
    template = next(name for name, pattern in templates().items() if pattern.fullmatch(path.rstrip("/")))
    if method.lower() not in _contract()["paths"][template]:
        return
    validator = _validator(method, template, status)
    if validator is not None:
        errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(json.loads(body))]
        assert not errors, errors[:3]


@dataclass
class ZephyrClient:
    session: ClientSession
    base_url: str

    async def call(self, method: str, path: str, status: int = 200, **kwargs: Any) -> Any:
        """The decoded answer of a call that must end with `status`."""
        async with self.session.request(method, self.base_url + path, **kwargs) as response:
            body = await response.read()
            assert response.status == status, (method, path, response.status, body[:300])
            hold_to_contract(method, path.partition("?")[0], status, body)
            return json.loads(body) if body else None

    async def get(self, path: str, status: int = 200) -> Any:
        return await self.call("GET", path, status)

    async def pages(self, path: str, size: int = 1000) -> list[Any]:
        """Every row of an offset list, followed by its `next`."""
        rows: list[Any] = []
        url = f"{path}{'&' if '?' in path else '?'}maxResults={size}"
        while True:
            page = await self.get(url)
            rows += page["values"]
            if page["next"] is None:
                assert page["isLast"] is True and page["total"] == len(rows)
                return rows
            assert page["values"], "an empty page before the end"
            url = page["next"].removeprefix(self.base_url)


def open_session(token: str) -> ClientSession:
    return ClientSession(headers={"Authorization": f"Bearer {token}"}, timeout=ClientTimeout(total=20))
