"""The kind `test-cycle`: our own test cycle and one for each folder of test cycles; it has no properties, no dates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ztoq_async.mapping.context import Context
from ztoq_async.mapping.folder_tree import FolderTree, Node, Shown
from ztoq_async.mapping.kind import Found, Kind, Made, Refs, Target
from ztoq_async.mapping.module_kind import folder_attributes
from ztoq_async.plan import AtOnce, Planner
from ztoq_async.qtest import changes, paths
from ztoq_async.qtest.listing import Listing
from ztoq_async.qtest.records import TestCycle
from ztoq_async.resources.calls import Call

CYCLES = FolderTree(
    kind="test-cycle",
    rule="folder-to-cycle",
    folders=lambda context: context.source.cycle_folders,
    root_name=lambda context: context.root_cycle,
    others=lambda context: {},
)


def _plan(context: Context) -> Planner:
    source = context.source
    needed = source.cycle_folders or source.seen_cycles.number or source.seen_executions.outside
    return AtOnce(CYCLES.rows(context) if needed else ())


def _create(target: Target, context: Context, refs: Refs) -> Call | Made:
    return paths.create_test_cycle(context.target.project_id, CYCLES.parent_id(target, refs), CYCLES.body(target))


def _shown(row: TestCycle, parent_id: int | None) -> Shown:
    return Shown(row.name, row.pid, parent_id, row.description)


def _recognise(items: list[bytes], context: Context) -> Iterator[Found]:
    """A row does not name its parent: it is known where rows are nested."""
    levels: list[tuple[int | None, list[TestCycle]]]
    levels = [(None, [msgspec.json.decode(item, type=TestCycle) for item in items])]
    while levels:
        parent_id, siblings = levels.pop()
        levels += [(row.id, row.cycles) for row in siblings if row.cycles]
        for place, key, node in CYCLES.shown([_shown(row, parent_id) for row in siblings], context):
            yield key, Made(siblings[place].id), node


def _made(answer: bytes, target: Target, context: Context) -> tuple[Made, Any]:
    made = msgspec.json.decode(answer, type=TestCycle)
    return Made(made.id), _shown(made, None)


def _amend(target: Node, identifier: int, actual: Any, names: list[str], context: Context, refs: Refs) -> list[Call]:
    project = context.target.project_id
    moved = (
        [changes.move_test_cycle(project, identifier, CYCLES.parent_id(target, refs))] if "parent_id" in names else []
    )
    changed = set(names) - {"parent_id"}
    return moved + ([changes.change_test_cycle(project, identifier, CYCLES.body(target))] if changed else [])


def _read_back(context: Context) -> Listing:
    tree = context.target.findings.tree_descriptions
    return (paths.test_cycle_tree if tree else paths.test_cycle_walk)(context.target.project_id)


TEST_CYCLE = Kind(
    name="test-cycle",
    parents=(),
    plan=_plan,
    build=lambda item, context: CYCLES.build(item.key, item.parents, context),
    create=_create,
    made=_made,
    recognise=_recognise,
    find=lambda target, context, refs: paths.test_cycles(context.target.project_id, CYCLES.parent_id(target, refs)),
    read_back=_read_back,
    differences=lambda target, actual, context, refs: CYCLES.differences(target, actual, refs),
    one=lambda identifier, context, refs: paths.test_cycle(context.target.project_id, identifier),
    delete=lambda identifier, context: paths.delete_test_cycle(context.target.project_id, identifier),
    amend=_amend,
    partly=True,
    canonical=lambda actual, context: CYCLES.canonical(actual),
    holds=lambda identifier, context: (
        ("test-cycle", paths.test_cycles(context.target.project_id, identifier)),
        ("test-suite", paths.test_suites(context.target.project_id, identifier)),
        ("test-run", paths.test_runs_in_cycle(context.target.project_id, identifier)),
    ),
    reported="test-cycle",
    source="cycle-folder",
    keyed=lambda context: True,
    is_ours=CYCLES.is_ours,
    attributes=folder_attributes,
)
