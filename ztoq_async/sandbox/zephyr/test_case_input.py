"""What a client may write of a test case, and the row that comes of it. What it omits is cleared (facts.md 1.5)."""

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ztoq_async.sandbox.source import Row
from ztoq_async.sandbox.zephyr.answers import ApiError
from ztoq_async.sandbox.zephyr.state import ZephyrState, now, reference

V = TypeVar("V")
Id = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^(?!\s*$).+")]
Word = Annotated[str, Meta(min_length=1, max_length=255)]
Account = Annotated[str, Meta(pattern=r"^[-:a-zA-Z0-9]{1,128}$")]
Milliseconds = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Labels = Annotated[list[str], Meta(max_length=50)]


class _Strict(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, rename="camel", kw_only=True):
    pass


class CaseInput(_Strict):
    """Body of POST: status and priority by name."""

    project_key: str
    name: Name
    objective: str | None = None
    precondition: str | None = None
    estimated_time: Milliseconds | UnsetType = UNSET
    component_id: Id | UnsetType = UNSET
    priority_name: Word | UnsetType = UNSET
    status_name: Word | UnsetType = UNSET
    folder_id: Id | UnsetType = UNSET
    owner_id: Account | None = None
    labels: Labels = []
    custom_fields: dict[str, Any] = {}


class _Reference(_Strict):
    id: Id
    self: str = ""


class _Owner(_Strict):
    account_id: Account | None
    self: str = ""


class CaseReplacement(_Strict):
    """Body of PUT: status and priority by id."""

    id: Id
    key: str
    name: Name
    project: _Reference
    priority: _Reference
    status: _Reference
    objective: str | None = None
    precondition: str | None = None
    estimated_time: Milliseconds | None = None
    labels: Labels = []
    component: _Reference | None = None
    folder: _Reference | None = None
    owner: _Owner | None = None
    custom_fields: dict[str, Any] = {}


def new_row(state: ZephyrState, case: CaseInput) -> dict[str, Any]:
    """The row of a new case: names resolved, the project's defaults where none is given; 404 for an unknown name."""
    catalogue = state.source.catalogue
    component = _given(case.component_id)
    return {
        "name": case.name,
        "project": reference("projects", catalogue.project_id),
        "createdOn": now(),
        "objective": case.objective,
        "precondition": case.precondition,
        "estimatedTime": _given(case.estimated_time),
        "labels": _labels(case.labels),
        "component": None if component is None else {"id": component},
        "priority": reference("priorities", _named("priority", catalogue.priorities, case.priority_name)),
        "status": reference("statuses", _named("status", _of_cases(state), case.status_name)),
        "folder": _folder(state, _given(case.folder_id)),
        "owner": None if case.owner_id is None else {"accountId": case.owner_id},
        "customFields": _custom_fields(state, case.custom_fields),
    }


def replacement_row(state: ZephyrState, case: CaseReplacement) -> dict[str, Any]:
    """What PUT leaves of the case; 400 for another project, 404 for an id that no list knows."""
    catalogue = state.source.catalogue
    if case.project.id != catalogue.project_id:
        raise ApiError(400, "project: a test case cannot be moved to another project")
    return {
        "name": case.name,
        "objective": case.objective,
        "precondition": case.precondition,
        "estimatedTime": case.estimated_time,
        "labels": _labels(case.labels),
        "component": msgspec.to_builtins(case.component),
        "priority": reference("priorities", _known("priority", catalogue.priorities, case.priority.id)),
        "status": reference("statuses", _known("status", _of_cases(state), case.status.id)),
        "folder": _folder(state, case.folder.id if case.folder else None),
        "owner": msgspec.to_builtins(case.owner),
        "customFields": _custom_fields(state, case.custom_fields),
    }


def _given(value: V | UnsetType) -> V | None:
    return None if isinstance(value, UnsetType) else value


def _of_cases(state: ZephyrState) -> list[Row]:
    return [row for row in state.source.catalogue.statuses if row.kind == "TEST_CASE"]


class _Listed(msgspec.Struct):
    name: str
    default: bool = False


def _named(what: str, rows: Sequence[Row], name: str | UnsetType) -> int:
    """Id of the row with this name (case sensitive), or of the default row."""
    for row in rows:
        listed = msgspec.json.decode(row.body, type=_Listed)
        if listed.default if name is UNSET else listed.name == name:
            return row.id
    raise ApiError(404, f"{what}: the project has no default" if name is UNSET else f"{what} {name!r} not found")


def _known(what: str, rows: Sequence[Row], identity: int) -> int:
    if all(row.id != identity for row in rows):
        raise ApiError(404, f"{what} {identity} not found")
    return identity


def _folder(state: ZephyrState, identity: int | None) -> dict[str, Any] | None:
    if identity is None:
        return None
    folder = state.folders.get(identity)
    if folder is None:
        raise ApiError(404, f"Folder {identity} not found")
    if folder.kind != "TEST_CASE":
        raise ApiError(400, f"Folder {identity} is not a folder of test cases")
    return reference("folders", identity)


def _labels(labels: list[str]) -> list[str]:
    if any(not label or " " in label for label in labels):
        raise ApiError(400, "labels: a label is not empty and has no blanks")
    return labels


def _custom_fields(state: ZephyrState, given: dict[str, Any]) -> dict[str, Any]:
    """Every custom field of the project, null where the client gave none; 400 for one the project lacks."""
    names = state.source.custom_fields
    unknown = sorted(given.keys() - names)
    if unknown:
        raise ApiError(400, f"customFields: the project has no field {unknown[0]!r}")
    return {name: given.get(name) for name in sorted(names)}
