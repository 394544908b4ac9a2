"""What a client may write of a test cycle, and the row that comes of it. What PUT omits is cleared (facts.md 1.9)."""

from typing import Any

from msgspec import UNSET, UnsetType, field, to_builtins

from ztoq_async.sandbox.zephyr.answers import ApiError
from ztoq_async.sandbox.zephyr.inputs import (
    Account,
    Id,
    Moment,
    Name,
    Owner,
    Reference,
    Strict,
    Word,
    custom_fields,
    folder,
    given,
    known,
    moment,
    named,
    statuses,
)
from ztoq_async.sandbox.zephyr.state import ZephyrState, reference

_TYPE = "TEST_CYCLE"


class CycleInput(Strict):
    """Body of POST: the status by name."""

    project_key: str
    name: Name
    description: str | None = None
    planned_start_date: Moment | UnsetType = UNSET
    planned_end_date: Moment | UnsetType = UNSET
    jira_project_version: Id | UnsetType = UNSET
    status_name: Word | UnsetType = UNSET
    folder_id: Id | UnsetType = UNSET
    owner_id: Account | None = None
    custom_fields: dict[str, Any] = field(default_factory=dict)


class CycleReplacement(Strict):
    """Body of PUT: the status by id."""

    id: Id
    key: str
    name: Name
    project: Reference
    status: Reference
    jira_project_version: Reference | None = None
    folder: Reference | None = None
    description: str | None = None
    planned_start_date: Moment | None = None
    planned_end_date: Moment | None = None
    owner: Owner | None = None
    custom_fields: dict[str, Any] = field(default_factory=dict)


def new_row(state: ZephyrState, cycle: CycleInput) -> dict[str, Any]:
    """The row of a new cycle: names resolved, the default status where none is given; 404 for an unknown name."""
    version = given(cycle.jira_project_version)
    return {
        "name": cycle.name,
        "project": reference("projects", state.source.catalogue.project_id),
        "jiraProjectVersion": None if version is None else {"id": version},
        "status": reference("statuses", named("status", statuses(state, _TYPE), cycle.status_name)),
        "folder": folder(state, given(cycle.folder_id), _TYPE),
        "description": cycle.description,
        "plannedStartDate": moment("plannedStartDate", cycle.planned_start_date),
        "plannedEndDate": moment("plannedEndDate", cycle.planned_end_date),
        "owner": None if cycle.owner_id is None else {"accountId": cycle.owner_id},
        "customFields": custom_fields(state.source.history.cycle_fields, cycle.custom_fields),
    }


def replacement_row(state: ZephyrState, cycle: CycleReplacement) -> dict[str, Any]:
    """What PUT leaves of the cycle; 400 for another project, 404 for an id that no list knows."""
    if cycle.project.id != state.source.catalogue.project_id:
        raise ApiError(400, "project: a test cycle cannot be moved to another project")
    return {
        "name": cycle.name,
        "jiraProjectVersion": to_builtins(cycle.jira_project_version),
        "status": reference("statuses", known("status", statuses(state, _TYPE), cycle.status.id)),
        "folder": folder(state, cycle.folder.id if cycle.folder else None, _TYPE),
        "description": cycle.description,
        "plannedStartDate": moment("plannedStartDate", cycle.planned_start_date),
        "plannedEndDate": moment("plannedEndDate", cycle.planned_end_date),
        "owner": to_builtins(cycle.owner),
        "customFields": custom_fields(state.source.history.cycle_fields, cycle.custom_fields),
    }
