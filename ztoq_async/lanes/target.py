"""What the engine must know of the qTest project before it writes: fields, users, rights, keys of an earlier move."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import msgspec

from ztoq_async.errors import AlreadyMoved, Forbidden, NotFound, SettingsError, SourceError, Unauthorised
from ztoq_async.kinds import KINDS, rights
from ztoq_async.lanes.run import Run, plural
from ztoq_async.mapping.attributes import required_values
from ztoq_async.mapping.context import OBJECT_TYPES, Context, Findings, Target, fields_by_label
from ztoq_async.mapping.kind import Kind, Made
from ztoq_async.mapping.values import to_property
from ztoq_async.qtest import paths
from ztoq_async.qtest.client import QTestClient
from ztoq_async.qtest.listing import Listing
from ztoq_async.qtest.records import Field

Held = list[tuple[Kind, list[tuple[str, Made]]]]
FILLED = ("name", "description", "precondition", "status", "priority")


async def read_target(client: QTestClient, project: int, findings: Findings) -> Target:
    """The project's fields, users and statuses; `SettingsError` where it cannot be used with these settings."""
    try:
        fields = {object_type: await read_fields(client, project, object_type) for object_type in OBJECT_TYPES}
        statuses = {status.name: status async for status in client.get_execution_statuses(project)}
        users = {user.username or "": user async for user in client.get_users(project)}
    except NotFound:
        raise SettingsError(
            f"[qtest] project = {project}: the site has no such project, or hides it from you"
        ) from None
    except Unauthorised as error:
        raise SettingsError(f"[qtest] token: {error}") from None
    except Forbidden as error:
        raise SettingsError(f"[qtest] project = {project}: the user may not read its settings: {error}") from None
    open_statuses = {name: status for name, status in statuses.items() if status.active is not False}
    return Target(project, fields, users, open_statuses, findings)


async def read_fields(client: QTestClient, project: int, object_type: str) -> dict[str, Field]:
    """The fields of one object type by label."""
    return fields_by_label([field async for field in client.get_fields(project, object_type)])


async def check_rights(client: QTestClient, context: Context) -> None:
    """Raises `SettingsError` naming the first right that the move needs and the user lacks."""
    project = context.target.project_id
    profile: dict[str, Any] = await client.get(paths.profile(project), dict[str, Any])
    for area, right in rights(context):
        if (profile.get(area) or {}).get(right) is False:
            raise SettingsError(
                f"the qTest user lacks the right '{right}' on {area.replace('_', ' ')}s in project {project}: "
                "ask a project admin for it, or use another token"
            )


def check_required(context: Context) -> None:
    """Raises `SettingsError` naming a field that qTest requires and that nothing fills, or a rule that cannot fill."""
    for object_type, table in zip(OBJECT_TYPES, ("required", "required_suites", "required_runs"), strict=True):
        plans = context.planned(object_type)
        if plans:
            _check_required(context, object_type, {plan.label for plan in plans.values()}, table)


def _check_required(context: Context, object_type: str, planned: set[str], table: str) -> None:
    try:
        for label, value in required_values(context, object_type).items():
            if label not in planned:
                to_property(value, context.field(label, object_type))
    except SourceError as error:
        raise SettingsError(f"the mapping file's table [{table}]: {error}") from None
    ours = planned | set(context.rules.required_of(object_type))
    filled = [context.target.system(name, object_type) for name in FILLED]
    for field in context.target.of(object_type).values():
        if field.required and field.is_active and not (field in filled or field.label in ours or _has_default(field)):
            raise SettingsError(
                f"qTest requires the field '{field.label}' of all {object_type} and no rule fills it; "
                f'for example in the mapping file:  [{table}] "{field.label}" = "some value"'
            )


def _has_default(field: Field) -> bool:
    chosen = any(value.is_default for value in field.allowed_values or ())
    return bool(field.default_value) or chosen


async def find_keys(run: Run, *, adopt: bool) -> Held:
    """What the project holds with keys of this move; to adopt them also of kinds whose keys do not tell whose they are.

    Kinds that one list shows are looked for together.
    """
    found: dict[str, dict[tuple[str, int], Made]] = {}
    groups: dict[Listing, list[Kind]] = defaultdict(list)
    for kind in KINDS:
        if kind.read_back and kind.keyed(run.context) and (adopt or (kind.reported and not kind.index)):
            groups[kind.read_back(run.context)].append(kind)
            found[kind.name] = {}
    for listing, kinds in groups.items():
        async for page in run.qtest.whole(listing) if adopt else run.qtest.pages(listing):
            for kind in kinds:
                rows = kind.recognise(page, run.context)
                ours = [(key, made) for key, made, _ in rows if adopt or kind.is_ours(key, run.context)]
                found[kind.name].update({(key, made.id): made for key, made in ours})
    rows_of = {name: [(key, made) for (key, _), made in rows.items()] for name, rows in found.items()}
    return [(kind, rows_of[kind.name]) for kind in KINDS if kind.name in rows_of]


async def find_below(run: Run, kind: Kind) -> list[tuple[str, Made]]:
    """What the parents of pending rows hold with keys: an index may lag, and never decides absence (rule 16)."""
    assert kind.within is not None
    found: list[tuple[str, Made]] = []
    listed: set[Listing] = set()
    async for rows in run.overview.rows(kind.name, kind.source):
        for row in rows:
            refs = await run.journal.refs(row.parents)
            if row.state == "pending" and len(refs) == len(row.parents):
                listing = kind.within(run.context, refs)
                if listing not in listed:
                    listed.add(listing)
                    async for page in run.qtest.whole(listing):
                        found += [(key, made) for key, made, _ in kind.recognise(page, run.context)]
    return found


def refuse_held_keys(held: Held) -> None:
    """Rule 12: a fresh journal stops before a project that holds our keys."""
    words = [f"{len(rows)} {plural(kind.name)}" for kind, rows in held if rows]
    if words:
        raise AlreadyMoved(
            f"the qTest project already holds {' and '.join(words)} of this move, unknown to this store: "
            "use the store that made them ([store] path), or adopt them with  run --adopt"
        )


def refuse_hidden_keys(context: Context) -> None:
    """A field that is switched off shows no values: what it would find again must not be taken for absent."""
    for object_type in OBJECT_TYPES:
        plan = context.planned(object_type).get("key")
        field = context.target.of(object_type).get(plan.label) if plan else None
        if field is not None and not field.is_active:
            raise SettingsError(
                f"the qTest field '{field.label}' of {object_type} is switched off, which hides the keys of what is "
                "there: switch it on in the project's settings"
            )


def with_findings(context: Context, findings: Findings) -> Context:
    """The context with what the probe found."""
    return msgspec.structs.replace(context, target=msgspec.structs.replace(context.target, findings=findings))
