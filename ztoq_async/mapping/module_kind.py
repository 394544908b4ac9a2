"""The kind `module`: our own module and one for each folder of test cases (facts.md 3.5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from ztoq_async.mapping import account
from ztoq_async.mapping.context import Context
from ztoq_async.mapping.folder_tree import FolderTree, Node, Shown
from ztoq_async.mapping.kind import Found, Item, Kind, Made, Refs, Target
from ztoq_async.plan import AtOnce
from ztoq_async.qtest import changes, paths
from ztoq_async.qtest.listing import Listing
from ztoq_async.qtest.records import Module
from ztoq_async.resources.calls import Call


def unfiled(context: Context) -> str:
    """The key of the module for test cases outside any folder."""
    return f"{context.source.project.key}/unfiled"


def unlisted(context: Context) -> str:
    """The key of the module for test cases that only executions know."""
    return f"{context.source.project.key}/unlisted"


def _others(context: Context) -> Mapping[str, str]:
    found = {unfiled(context): "Outside folders"} if context.source.seen.unfiled else {}
    strays = context.source.missing or context.source.foreign
    return {**found, unlisted(context): "Not in the Zephyr list"} if strays else found


MODULES = FolderTree(
    kind="module",
    rule="folder-to-module",
    folders=lambda context: context.source.folders,
    root_name=lambda context: context.root_module,
    others=_others,
)


def _create(target: Target, context: Context, refs: Refs) -> Call | Made:
    return paths.create_module(context.target.project_id, MODULES.parent_id(target, refs), MODULES.body(target))


def _shown(row: Module) -> Shown:
    return Shown(row.name, row.pid, row.parent_id, row.description)


def _recognise(items: list[bytes], context: Context) -> Iterator[Found]:
    levels = [[msgspec.json.decode(item, type=Module) for item in items]]
    while levels:
        siblings = levels.pop()
        levels += [row.children for row in siblings if row.children]
        for place, key, node in MODULES.shown([_shown(row) for row in siblings], context):
            yield key, Made(siblings[place].id), node


def _made(answer: bytes, target: Target, context: Context) -> tuple[Made, Any]:
    made = msgspec.json.decode(answer, type=Module)
    return Made(made.id), _shown(made)


def _amend(target: Node, identifier: int, actual: Any, names: list[str], context: Context, refs: Refs) -> list[Call]:
    project = context.target.project_id
    moved = [changes.move_module(project, identifier, MODULES.parent_id(target, refs))] if "parent_id" in names else []
    changed = set(names) - {"parent_id"}
    return moved + ([changes.change_module(project, identifier, MODULES.body(target))] if changed else [])


def _read_back(context: Context) -> Listing:
    tree = context.target.findings.tree_descriptions
    return (paths.module_tree if tree else paths.module_walk)(context.target.project_id)


def folder_attributes(item: Item) -> Iterable[str]:
    """The attributes of an archived folder."""
    return account.leaves(msgspec.json.decode(item.record)) if item.record else ()


MODULE = Kind(
    name="module",
    parents=(),
    plan=lambda context: AtOnce(MODULES.rows(context)),
    build=lambda item, context: MODULES.build(item.key, item.parents, context),
    create=_create,
    made=_made,
    recognise=_recognise,
    find=lambda target, context, refs: paths.modules(context.target.project_id, MODULES.parent_id(target, refs)),
    read_back=_read_back,
    differences=lambda target, actual, context, refs: MODULES.differences(target, actual, refs),
    one=lambda identifier, context, refs: paths.module(context.target.project_id, identifier),
    delete=lambda identifier, context: paths.delete_module(context.target.project_id, identifier),
    amend=_amend,
    partly=True,
    canonical=lambda actual, context: MODULES.canonical(actual),
    holds=lambda identifier, context: (
        ("module", paths.modules(context.target.project_id, identifier)),
        ("test-case", paths.test_cases(context.target.project_id, identifier)),
    ),
    reported="module",
    source="folder",
    keyed=lambda context: True,
    is_ours=MODULES.is_ours,
    attributes=folder_attributes,
)
