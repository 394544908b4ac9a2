"""Answers, refusals and the reading of requests, shared by the resources of the simulated qTest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from multidict import CIMultiDict

T = TypeVar("T")
encode = msgspec.json.Encoder().encode
_JSON = "application/json;charset=UTF-8"


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of the program
    """An answer other than success, in the service's own shape (facts.md 3.1)."""

    def __init__(self, status: int, message: str, error: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.error = error

    def response(self) -> web.Response:
        if self.error:
            return reply({"error": self.error, "error_description": str(self)}, self.status)
        return reply({"message": str(self)}, self.status)


def not_found(what: str, identity: object) -> Refusal:
    return Refusal(404, f"{what} {identity} does not exist or you do not have permission to view it.")


def raw(body: bytes, status: int = 200) -> web.Response:
    """An answer from encoded JSON."""
    return web.Response(body=body, status=status, headers=CIMultiDict({"Content-Type": _JSON}))


def reply(value: Any, status: int = 200) -> web.Response:
    return raw(encode(value), status)


async def body_of(request: web.Request, decoder: msgspec.json.Decoder[T]) -> T:
    """The request's body, checked against its contract; else 400 naming the place."""
    try:
        return decoder.decode(await request.read())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(400, f"Invalid request body: {error}") from None


def flag(request: web.Request, name: str, default: bool = False) -> bool:
    """A Boolean of the query; Python clients write `True`."""
    text = request.query.get(name, "").lower()
    if text not in ("", "true", "false"):
        raise Refusal(400, f"Parameter {name} must be true or false.")
    return text == "true" if text else default


def deep(request: web.Request) -> bool:
    """Whether `expand=descendants` is asked for, the only value that there is."""
    expand = request.query.get("expand", "")
    if expand not in ("", "descendants"):
        raise Refusal(400, "Parameter expand must be descendants.")
    return expand == "descendants"


def number(request: web.Request, name: str, default: int) -> int:
    """An integer of the query."""
    text = request.query.get(name, "")
    try:
        return int(text) if text else default
    except ValueError:
        raise Refusal(400, f"Parameter {name} must be a number.") from None


def part(request: web.Request, name: str) -> int:
    """A numeric part of the path."""
    return id_of(name, request.match_info[name])


def id_of(what: str, text: str) -> int:
    """A numeric id written as text; anything else names nothing that exists."""
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise not_found(what, text)
    return int(text)


def page_of(request: web.Request, size_name: str, default: int, *caps: int) -> tuple[int, int]:
    """(page, size): 1-based page and the size after the caps that are not 0."""
    page, size = number(request, "page", 1), number(request, size_name, default)
    if page < 1 or size < 1:
        raise Refusal(400, f"Parameters page and {size_name} must be positive.")
    return page, min([size, *(cap for cap in caps if cap)])


def paged(items: Sequence[Any], page: int, size: int) -> dict[str, Any]:
    """The paged object of facts.md 3.4 over a whole list, with a rel `next` while more follows."""
    start = (page - 1) * size
    links = [{"rel": "next", "href": f"?page={page + 1}&pageSize={size}"}] if start + size < len(items) else []
    return {"links": links, "page": page, "page_size": size, "total": len(items), "items": items[start : start + size]}
