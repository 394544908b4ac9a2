"""The kind `module`: our own module and one for each folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.mapping import account
from ztoq_async.mapping import module as modules
from ztoq_async.mapping.account import Note
from ztoq_async.mapping.context import Context
from ztoq_async.mapping.kind import Found, Item, Kind, Made, Refs, Target, made_of
from ztoq_async.plan import AtOnce, Planner, Row
from ztoq_async.qtest import paths
from ztoq_async.qtest.paths import Listing
from ztoq_async.qtest.records import Module
from ztoq_async.resources.calls import Call


def plan_modules(context: Context) -> Planner:
    """Our own module, then the folders, siblings one after another in Zephyr's order."""
    return AtOnce(_module_rows(context))


def _module_rows(context: Context) -> Iterator[Row]:
    root = modules.root_key(context)
    yield Row("module", root, counted=False)
    last = ""
    for parent, children in modules.siblings(context):
        previous = ""
        for folder in children:
            yield Row("module", str(folder.id), (f"module:{parent}",), (previous,) if previous else ())
            previous = f"module:{folder.id}"
        last = previous if parent == root else last
    yield from _stray_rows(context)
    if context.source.seen.unfiled:
        yield Row("module", modules.unfiled_key(context), (f"module:{root}",), (last,) if last else (), counted=False)


def _stray_rows(context: Context) -> Iterator[Row]:
    for folder in context.source.folders.values():
        if folder.id not in context.places:
            reason = f"parentId: the folder {folder.parent_id} is not in the list, or the folders stand in a circle"
            yield Row("module", str(folder.id), refusal=reason)


def _build_module(item: Item, context: Context) -> tuple[modules.ModuleTarget, list[Note]]:
    if not item.key.isdigit():
        return modules.container(context, item.key), []
    folder = context.source.folders.get(int(item.key))
    if folder is None:
        raise SourceError(f"the folder {item.key} is not in Zephyr any more")
    parent = item.parents[0].partition(":")[2]
    return modules.build(folder, parent, context.places[folder.id])


def _parent_id(target: modules.ModuleTarget, refs: Refs) -> int | None:
    return None if target.parent is None else made_of(refs, f"module:{target.parent}").id


def _create_module(target: modules.ModuleTarget, context: Context, refs: Refs) -> Call | Made:
    body = {"name": target.name, "description": target.description, "order": target.order}
    return paths.create_module(context.target.project_id, _parent_id(target, refs), body)


def _recognise_modules(items: list[bytes], context: Context) -> Iterator[Found]:
    levels = [[msgspec.json.decode(item, type=Module) for item in items]]
    while levels:
        siblings = levels.pop()
        levels += [row.children for row in siblings if row.children]
        for key, row in modules.shown(siblings, context):
            yield key, Made(row.module.id), row


def _module_attributes(item: Item) -> Iterator[str]:
    return account.leaves(msgspec.json.decode(item.record)) if item.record else iter(())


def _read_back(context: Context) -> Listing:
    tree = context.target.findings.tree_descriptions
    return (paths.module_tree if tree else paths.module_walk)(context.target.project_id)


def _is_ours(key: str, context: Context) -> bool:
    containers = (modules.root_key(context), modules.unfiled_key(context))
    return key in containers or (key.isdigit() and int(key) in context.source.folders)


def _made_module(answer: bytes, target: Target, context: Context) -> tuple[Made, Any]:
    made = msgspec.json.decode(answer, type=Module)
    return Made(made.id), modules.Shown(made)


MODULE = Kind(
    name="module",
    parents=(),
    plan=plan_modules,
    build=_build_module,
    create=_create_module,
    made=_made_module,
    recognise=_recognise_modules,
    find=lambda target, context, refs: paths.modules(context.target.project_id, _parent_id(target, refs)),
    read_back=_read_back,
    differences=lambda target, actual, context, refs: modules.differences(target, actual, _parent_id(target, refs)),
    one=lambda identifier, context: paths.module(context.target.project_id, identifier),
    delete=lambda identifier, context: paths.delete_module(context.target.project_id, identifier),
    reported="module",
    source="folder",
    keyed=lambda context: True,
    is_ours=_is_ours,
    attributes=_module_attributes,
)
