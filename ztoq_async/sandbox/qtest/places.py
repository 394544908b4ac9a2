"""The parent that a call names in its query: `parentId` and `parentType` (facts.md 3.9)."""

from __future__ import annotations

from aiohttp import web

from ztoq_async.sandbox.qtest.answers import Refusal, number
from ztoq_async.sandbox.qtest.shelf import ROOT, Place
from ztoq_async.sandbox.qtest.state import STATE

CYCLE_PARENTS = SUITE_PARENTS = frozenset({"root", "release", "test-cycle"})
RUN_PARENTS = SUITE_PARENTS | {"test-suite"}


def is_move(request: web.Request) -> bool:
    """Whether a PUT moves, which makes it ignore its body."""
    return "parentId" in request.query or "parentType" in request.query


def place_of(request: web.Request, allowed: frozenset[str]) -> Place:
    """The place named, the root by default; 400 for a type that cannot hold this kind, 404 for an unknown parent."""
    identity, kind = number(request, "parentId", 0), request.query.get("parentType", "")
    if not kind and not identity:
        return ROOT
    if kind not in allowed:
        raise Refusal(400, f"Parameter parentType must be one of {', '.join(sorted(allowed))}.")
    if kind == "root":
        if identity:
            raise Refusal(400, "Parameter parentId of the root is 0.")
        return ROOT
    request.app[STATE].execution.container((kind, identity))
    return kind, identity
