"""Modules: `/api/v3/projects/{projectId}/modules`."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from ztoq_async.sandbox.qtest.answers import Refusal, body_of, deep, flag, number, part, reply
from ztoq_async.sandbox.qtest.case_input import Name, Place, checked_name
from ztoq_async.sandbox.qtest.echo import echo
from ztoq_async.sandbox.qtest.module_tree import Module
from ztoq_async.sandbox.qtest.state import STATE, QTestState

PATH = "/api/v3/projects/{projectId}/modules"
routes = web.RouteTableDef()


class ModuleInput(msgspec.Struct, forbid_unknown_fields=True):
    """ModuleResource; what a site derives is taken and ignored."""

    name: Name | None = None
    description: str | None = None
    order: Place | None = None
    parent_id: Any = None
    id: Any = None
    links: Any = None
    pid: Any = None
    created_date: Any = None
    last_modified_date: Any = None
    shared: Any = None
    projects_shared_to: Any = None
    children: Any = None
    recursive: Any = None
    tosca_guid: Any = None
    tosca_node_path: Any = None
    tosca_state: Any = None


_input = msgspec.json.Decoder(ModuleInput)


@routes.post(PATH)
async def create(request: web.Request) -> web.Response:
    state, given = request.app[STATE], await body_of(request, _input)
    parent = number(request, "parentId", 0)
    if parent:
        state.modules.get(parent)
    name, sent = checked_name(state, given.name), given.description or ""
    module = state.modules.add(parent, name, sent, given.order, state.now())
    module.description = echo(state.dialect.echo, sent)
    return reply(module.row(), 201)


@routes.get(PATH)
async def listing(request: web.Request) -> web.Response:
    state, parent = request.app[STATE], number(request, "parentId", 0)
    if parent:
        state.modules.get(parent)
    wanted = request.query.get("search", "").lower()
    found = list(state.modules) if wanted and not parent else state.modules.children(parent)
    expanded = deep(request)
    rows = [_tree(state, module, expanded) for module in state.shown(found) if wanted in module.name.lower()]
    return reply(rows)


@routes.get(PATH + "/{moduleId}")
async def single(request: web.Request) -> web.Response:
    state = request.app[STATE]
    return reply(_tree(state, state.modules.get(part(request, "moduleId")), deep(request)))


@routes.put(PATH + "/{moduleId}")
async def change(request: web.Request) -> web.Response:
    """With `parentId` the module moves and the body is ignored (facts.md 3.5)."""
    state = request.app[STATE]
    module, now = state.modules.get(part(request, "moduleId")), state.now()
    if "parentId" in request.query:
        parent = number(request, "parentId", 0)
        if parent:
            state.modules.get(parent)
        state.modules.move(module, parent, now)
        return reply(module.row())
    given = await body_of(request, _input)
    module.name = checked_name(state, given.name) if given.name is not None else module.name
    module.order = given.order if given.order is not None else module.order
    if given.description is not None:
        state.modules.describe(module, given.description, echo(state.dialect.echo, given.description))
    module.modified = now
    return reply(module.row())


@routes.delete(PATH + "/{moduleId}")
async def delete(request: web.Request) -> web.Response:
    """Only an empty module goes without `force=true`."""
    state, force = request.app[STATE], flag(request, "force")
    module = state.modules.get(part(request, "moduleId"))
    below = state.modules.below(module.id)
    if not force and (len(below) > 1 or state.cases.ids(module.id)):
        raise Refusal(400, f"Module {module.id} is not empty; use force=true to delete it with all that is in it.")
    for identity in reversed(below):
        for case in list(state.cases.ids(identity)):
            state.cases.remove(state.cases.get(case))
        state.modules.remove(identity)
    return reply({"message": f"Module {module.id} was deleted."})


def _tree(state: QTestState, module: Module, expanded: bool, nested: bool = False) -> dict[str, Any]:
    row = module.row()
    if nested and not state.dialect.tree_descriptions:
        del row["description"]
    if expanded:
        below = state.shown(state.modules.children(module.id))
        row["children"] = [_tree(state, child, expanded, nested=True) for child in below]
    return row
