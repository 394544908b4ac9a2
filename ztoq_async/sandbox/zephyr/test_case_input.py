"""What a client may write of a test case, and the row that comes of it. What it omits is cleared (facts.md 1.5)."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from ztoq_async.sandbox.zephyr.answers import ApiError
from ztoq_async.sandbox.zephyr.inputs import (
    Account,
    Id,
    Milliseconds,
    Name,
    Owner,
    Reference,
    Strict,
    Word,
    custom_fields,
    folder,
    given,
    known,
    named,
    statuses,
)
from ztoq_async.sandbox.zephyr.state import ZephyrState, now, reference

Labels = Annotated[list[str], Meta(max_length=50)]


class CaseInput(Strict):
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
    labels: Labels = field(default_factory=list)
    custom_fields: dict[str, Any] = field(default_factory=dict)


class CaseReplacement(Strict):
    """Body of PUT: status and priority by id."""

    id: Id
    key: str
    name: Name
    project: Reference
    priority: Reference
    status: Reference
    objective: str | None = None
    precondition: str | None = None
    estimated_time: Milliseconds | None = None
    labels: Labels = field(default_factory=list)
    component: Reference | None = None
    folder: Reference | None = None
    owner: Owner | None = None
    custom_fields: dict[str, Any] = field(default_factory=dict)


def new_row(state: ZephyrState, case: CaseInput) -> dict[str, Any]:
    """The row of a new case: names resolved, the project's defaults where none is given; 404 for an unknown name."""
    catalogue = state.source.catalogue
    component = given(case.component_id)
    return {
        "name": case.name,
        "project": reference("projects", catalogue.project_id),
        "createdOn": now(),
        "objective": case.objective,
        "precondition": case.precondition,
        "estimatedTime": given(case.estimated_time),
        "labels": _labels(case.labels),
        "component": None if component is None else {"id": component},
        "priority": reference("priorities", named("priority", catalogue.priorities, case.priority_name)),
        "status": reference("statuses", named("status", statuses(state, "TEST_CASE"), case.status_name)),
        "folder": folder(state, given(case.folder_id), "TEST_CASE"),
        "owner": None if case.owner_id is None else {"accountId": case.owner_id},
        "customFields": custom_fields(state.source.custom_fields, case.custom_fields),
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
        "priority": reference("priorities", known("priority", catalogue.priorities, case.priority.id)),
        "status": reference("statuses", known("status", statuses(state, "TEST_CASE"), case.status.id)),
        "folder": folder(state, case.folder.id if case.folder else None, "TEST_CASE"),
        "owner": msgspec.to_builtins(case.owner),
        "customFields": custom_fields(state.source.custom_fields, case.custom_fields),
    }


def _labels(labels: list[str]) -> list[str]:
    if any(not label or " " in label for label in labels):
        raise ApiError(400, "labels: a label is not empty and has no blanks")
    return labels
