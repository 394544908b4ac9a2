"""Projects and the caller's rights in them."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ztoq_async.sandbox.qtest.answers import page_of, reply
from ztoq_async.sandbox.qtest.state import STATE, QTestState

PATH = "/api/v3/projects"
PAGE, PAGE_CAP = 100, 999
routes = web.RouteTableDef()

_EDIT = ("create", "edit", "delete", "view")
_RIGHTS: dict[str, tuple[str, ...]] = {
    "release": _EDIT,
    "build": _EDIT,
    "test_configuration": (*_EDIT, "link_unlink"),
    "test_configuration_variables": _EDIT,
    "module": _EDIT,
    "requirement": (*_EDIT, "edit_assignment", "export", "import"),
    "test_case": (*_EDIT, "edit_assignment", "export", "import", "approve"),
    "test_cycle": _EDIT,
    "test_suite": _EDIT,
    "test_run": (
        *_EDIT, "execute", "export", "edit_assignment", "modify_test_logs_by_self", "modify_test_logs_by_others",
    ),
    "defect": (*_EDIT, "export"),
    "session": _EDIT,
    "schedule": _EDIT,
}  # fmt: skip


def _project(state: QTestState) -> dict[str, Any]:
    return {
        "links": [],
        "id": state.project_id,
        "name": f"Sandbox {state.project_id}",
        "description": "",
        "status_id": 1,
        "start_date": "2024-01-01T00:00:00+00:00",
        "end_date": None,
        "sample": False,
        "date_format": "MM/dd/yyyy",
        "automation": False,
    }


def rights(state: QTestState) -> dict[str, Any]:
    """UserProfile: every right but those that the dialect takes away."""
    manages = state.dialect.may_manage_fields
    granted: dict[str, Any] = {area: dict.fromkeys(names, True) for area, names in _RIGHTS.items()}
    granted |= {"project_setting": {"manage": manages}, "project": {"admin": manages}}
    return {"user_id": state.caller, "project_id": state.project_id, **granted}


@routes.get(PATH)
async def listing(request: web.Request) -> web.Response:
    page, size = page_of(request, "pageSize", PAGE, PAGE_CAP)
    rows = [_project(request.app[STATE])]
    return reply(rows[(page - 1) * size : page * size])


@routes.get(PATH + "/{projectId}")
async def single(request: web.Request) -> web.Response:
    return reply(_project(request.app[STATE]))


@routes.get(PATH + "/{projectId}/user-profiles/current")
async def current(request: web.Request) -> web.Response:
    return reply(rights(request.app[STATE]))


@routes.get("/api/v3/user-profiles/current")
async def everywhere(request: web.Request) -> web.Response:
    return reply([rights(request.app[STATE])])
