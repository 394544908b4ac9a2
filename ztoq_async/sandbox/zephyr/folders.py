"""Folders: a flat list with null parents, created but neither changed nor deleted (facts.md 1.8)."""

from typing import Annotated, Literal

import msgspec
from aiohttp import web

from ztoq_async.sandbox.zephyr.answers import ApiError, created, read
from ztoq_async.sandbox.zephyr.catalogue import choice, list_rows, one_row, require_project
from ztoq_async.sandbox.zephyr.state import STATE

TYPES = ("TEST_CASE", "TEST_PLAN", "TEST_CYCLE")


class _FolderInput(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    name: Annotated[str, msgspec.Meta(max_length=255, pattern=r"^(?!\s*$).+")]
    project_key: str
    folder_type: Literal["TEST_CASE", "TEST_PLAN", "TEST_CYCLE"]
    parent_id: Annotated[int, msgspec.Meta(ge=1)] | None = None


_INPUT = msgspec.json.Decoder(_FolderInput)


async def list_folders(request: web.Request) -> web.Response:
    kind = choice(request, "folderType", TYPES)
    folders = request.app[STATE].folders.values()
    return list_rows(request, [row for row in folders if kind is None or row.kind == kind])


async def get_folder(request: web.Request) -> web.Response:
    return one_row(request, "folderId", tuple(request.app[STATE].folders.values()))


async def create_folder(request: web.Request) -> web.Response:
    folder = await read(request, _INPUT)
    require_project(request, folder.project_key)
    state = request.app[STATE]
    if folder.parent_id is not None:
        parent = state.folders.get(folder.parent_id)
        if parent is None:
            raise ApiError(404, f"Folder {folder.parent_id} not found")
        if parent.kind != folder.folder_type:
            raise ApiError(400, "parentId: the parent folder is of another type")
    identity = state.add_folder(folder.name, folder.folder_type, folder.parent_id)
    return created(request, identity, f"folders/{identity}")


ROUTES = (
    ("GET", "/folders", list_folders),
    ("POST", "/folders", create_folder),
    ("GET", "/folders/{folderId}", get_folder),
)
