"""What the engine must know of the qTest project before it writes: fields, users, rights, keys of an earlier move."""

from __future__ import annotations

from typing import Any

import msgspec

from ztoq_async.errors import AlreadyMoved, Forbidden, NotFound, SettingsError, SourceError, Unauthorised
from ztoq_async.kinds import KINDS, RIGHTS
from ztoq_async.lanes.run import Run, plural
from ztoq_async.mapping.context import Context, Findings, Target, fields_by_label
from ztoq_async.mapping.kind import Kind, Made
from ztoq_async.mapping.test_case import required_values
from ztoq_async.mapping.values import to_property
from ztoq_async.qtest import paths
from ztoq_async.qtest.client import QTestClient
from ztoq_async.qtest.records import Field

FILLED = ("name", "description", "precondition", "status", "priority")


async def read_target(client: QTestClient, project: int, findings: Findings) -> Target:
    """The project's fields and users; `SettingsError` where the project cannot be used with these settings."""
    try:
        fields = [field async for field in client.get_fields(project)]
        users = {user.username or "": user async for user in client.get_users(project)}
    except NotFound:
        raise SettingsError(
            f"[qtest] project = {project}: the site has no such project, or hides it from you"
        ) from None
    except Unauthorised as error:
        raise SettingsError(f"[qtest] token: {error}") from None
    except Forbidden as error:
        raise SettingsError(f"[qtest] project = {project}: the user may not read its settings: {error}") from None
    return Target(project, fields_by_label(fields), users, findings)


async def check_rights(client: QTestClient, project: int) -> None:
    """Raises `SettingsError` naming the first right that the move needs and the user lacks."""
    profile: dict[str, Any] = await client.get(paths.profile(project), dict[str, Any])
    for area, right in RIGHTS:
        if (profile.get(area) or {}).get(right) is False:
            raise SettingsError(
                f"the qTest user lacks the right '{right}' on {area.replace('_', ' ')}s in project {project}: "
                "ask a project admin for it, or use another token"
            )


def check_required(context: Context) -> None:
    """Raises `SettingsError` naming a field that qTest requires and that nothing fills, or a rule that cannot fill."""
    planned = {plan.label for plan in context.plans.values()}
    try:
        for label, value in required_values(context).items():
            if label not in planned:
                to_property(value, context.field(label))
    except SourceError as error:
        raise SettingsError(f"the mapping file's table [required]: {error}") from None
    ours = planned | set(context.rules.required)
    filled = [context.target.system(name) for name in FILLED]
    for field in context.target.fields.values():
        if field.required and field.is_active and not (field in filled or field.label in ours or _has_default(field)):
            raise SettingsError(
                f"qTest requires the field '{field.label}' on every test case and no rule fills it; "
                f'for example in the mapping file:  [required] "{field.label}" = "some value"'
            )


def _has_default(field: Field) -> bool:
    chosen = any(value.is_default for value in field.allowed_values or ())
    return bool(field.default_value) or chosen


async def find_keys(run: Run) -> list[tuple[Kind, list[tuple[str, Made]]]]:
    """What the project holds with keys of this move."""
    found = []
    for kind in KINDS:
        if kind.keyed(run.context):
            held: list[tuple[str, Made]] = []
            async for page in run.qtest.pages(kind.read_back(run.context)):
                rows = kind.recognise(page, run.context)
                held += [(key, made) for key, made, _ in rows if kind.is_ours(key, run.context)]
            found.append((kind, held))
    return found


def refuse_held_keys(held: list[tuple[Kind, list[tuple[str, Made]]]]) -> None:
    """Rule 12: a fresh journal stops before a project that holds our keys."""
    words = [f"{len(rows)} {plural(kind.name)}" for kind, rows in held if rows]
    if words:
        raise AlreadyMoved(
            f"the qTest project already holds {' and '.join(words)} of this move, unknown to this store: "
            "use the store that made them ([store] path), or adopt them with  run --adopt"
        )


def refuse_hidden_keys(context: Context) -> None:
    """A field that is switched off shows no values: what it would find again must not be taken for absent."""
    field = context.target.fields.get(context.plans["key"].label)
    if field is not None and not field.is_active:
        raise SettingsError(
            f"the qTest field '{field.label}' is switched off, which hides the keys of what is there: "
            "switch it on in the project's settings"
        )


def with_findings(context: Context, findings: Findings) -> Context:
    """The context with what the probe found."""
    return msgspec.structs.replace(context, target=msgspec.structs.replace(context.target, findings=findings))
