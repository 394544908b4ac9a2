"""The tables that every rule may use, from the archive; and the check that every value has a rule (decision 2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from ztoq_async.errors import NotFound, SettingsError, SourceError, Unauthorised
from ztoq_async.kinds import KINDS
from ztoq_async.mapping.context import Context, Source
from ztoq_async.mapping.gathering import Gathering
from ztoq_async.mapping.test_case import mapped_value
from ztoq_async.store.archive import Archive
from ztoq_async.store.overview import Overview
from ztoq_async.zephyr.client import ZephyrClient
from ztoq_async.zephyr.records import Named, Project
from ztoq_async.zephyr.sources import SOURCES


async def read_project(client: ZephyrClient, key: str) -> Project:
    """The Zephyr project; `SettingsError` where it cannot be used with these settings."""
    try:
        project = await client.get_project(key)
    except NotFound:
        raise SettingsError(f"[zephyr] project = '{key}': the site has no such project, or no Zephyr in it") from None
    except Unauthorised as error:
        raise SettingsError(f"[zephyr] token: {error}") from None
    if not project.enabled:
        raise SettingsError(f"[zephyr] project = '{key}': Zephyr Scale is not switched on in this project")
    return project


async def gather(archive: Archive, project: Project) -> Source:
    """The project's tables and the values seen, from the archive."""
    gathering = Gathering(project)
    for source in SOURCES:
        async for record in archive.records(source.name):
            if not record.fault or source.pages is None:
                gathering.add(source.name, record.record)
    return gathering.source()


async def with_made(overview: Overview, found: Source) -> Source:
    """The tables with what runs have made.

    A test case stays what it was made as, itself or a stub, when Zephyr hides or shows it later: its runs hang on it.
    """
    missing = found.missing
    for source in SOURCES:
        for own, stub in ((own, stub) for own in _kinds_of(source.name) for stub in _kinds_of(source.absent)):
            shown = await overview.done(own, list(missing)) - await overview.done(stub, list(missing))
            missing = (missing - shown) | await overview.all_done(stub)
    makers = {kind.changes: kind.name for kind in KINDS if kind.changes and kind.reported}
    made_fields = {object_type: await overview.all_done(name) for object_type, name in makers.items()}
    return msgspec.structs.replace(found, missing=missing, made_fields=made_fields)


def _kinds_of(source: str) -> list[str]:
    return [kind.name for kind in KINDS if source and kind.source == source]


def unmapped(context: Context) -> list[str]:
    """One line for each status or priority in use that no rule maps to a value that qTest has."""
    found = []
    for attribute, used, names, rules in used_values(context):
        field = context.target.system(attribute)
        for identifier in sorted(used):
            named = names.get(identifier)
            if field is None or named is None:
                continue  # a test case with an id that no list knows is refused by itself
            try:
                mapped_value(named.name, rules, field)
            except SourceError as error:
                values = ", ".join(field.value_ids)
                found.append(f'[{attribute}] "{named.name}" = …  ({error}; it has: {values})')
    return found + list(_unmapped_results(context))


def _unmapped_results(context: Context) -> Iterator[str]:
    """Steps may have any status of executions: all that are not archived need a rule, if there are executions."""
    source, statuses = context.source, context.target.statuses
    if not source.seen_executions.number:
        return
    for identifier, named in sorted(source.execution_statuses.items()):
        needed = identifier in source.seen_executions.statuses or not named.archived
        wanted = context.rules.execution_status.get(named.name, named.name)
        if needed and wanted not in statuses:
            yield f'[execution_status] "{named.name}" = …  (qTest has: {", ".join(statuses)})'


def used_values(context: Context) -> list[tuple[str, set[int], Mapping[int, Named], dict[str, str]]]:
    """Attribute, ids in use, names by id, and rules of what is mapped by name."""
    source, rules = context.source, context.rules
    return [
        ("status", source.seen.statuses, source.statuses, rules.status),
        ("priority", source.seen.priorities, source.priorities, rules.priority),
    ]


def check_mapped(context: Context) -> None:
    """Raises `SettingsError` listing every value without a rule, before anything is written."""
    missing = unmapped(context)
    if missing:
        raise SettingsError(
            "the mapping lacks rules for values that are in use:\n  "
            + "\n  ".join(missing)
            + "\nwrite a complete mapping file with  run --propose-mapping mapping.toml, read it, "
            'and name it:  [mapping] file = "mapping.toml"'
        )
