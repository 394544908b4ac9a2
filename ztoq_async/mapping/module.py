"""Modules: one for each Zephyr folder of type TEST_CASE, below one of our own (decision 1; facts.md 1.8 and 3.5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.mapping.account import AS_IS, Note
from ztoq_async.mapping.context import Context
from ztoq_async.mapping.keys import key_in, marker
from ztoq_async.mapping.text import same_line, without_control
from ztoq_async.qtest.records import Module
from ztoq_async.zephyr.records import Folder

KIND = "module"


class ModuleTarget(msgspec.Struct, frozen=True):
    """A module to make: `parent` is the key of another one, None for the root of the project; `order` counts from 1."""

    key: str
    name: str
    parent: str | None
    order: int

    @property
    def description(self) -> str:
        """Only the line that finds the module again."""
        return marker(KIND, self.key)


def root_key(context: Context) -> str:
    """The key of the module that receives everything."""
    return context.source.project.key


def unfiled_key(context: Context) -> str:
    """The key of the module for test cases outside any folder."""
    return f"{context.source.project.key}/unfiled"


def siblings(context: Context) -> Iterator[tuple[str, list[Folder]]]:
    """The key of each parent and the folders below it in Zephyr's order, parents before children.

    Folders whose parent is not in the list, or that stand in a circle, are not reached.
    """
    below: dict[int | None, list[Folder]] = defaultdict(list)
    for folder in context.source.folders.values():
        below[folder.parent_id].append(folder)
    level: list[tuple[int | None, str]] = [(None, root_key(context))]
    while level:
        following: list[tuple[int | None, str]] = []
        for identifier, key in level:
            children = sorted(below.get(identifier, ()), key=lambda folder: (folder.index, folder.id))
            if children:
                yield key, children
            following += [(child.id, str(child.id)) for child in children]
        level = following


def container(context: Context, key: str) -> ModuleTarget:
    """The module of ours with that key: the root of everything, or the one for what no folder holds."""
    if key == root_key(context):
        return ModuleTarget(key, context.root_module, None, 1)
    return ModuleTarget(key, "Outside folders", root_key(context), len(context.source.folders) + 1)


def build(folder: Folder, parent: str, order: int) -> tuple[ModuleTarget, list[Note]]:
    """The module of a folder; raises `SourceError` for a name that qTest cannot hold."""
    name = without_control(folder.name)
    if not name.strip():
        raise SourceError("name: it is blank")
    lost = name != folder.name
    notes = [
        Note("name", "control-characters" if lost else AS_IS, "control characters were dropped" if lost else ""),
        Note("index", "sibling-order"),
        Note("folderType", "folder-to-module"),
    ]
    if folder.parent_id is not None:
        notes.append(Note("parentId", "folder-to-module"))
    return ModuleTarget(str(folder.id), name, parent, order), notes


class Shown(msgspec.Struct, frozen=True):
    """A module as qTest shows it; `in_order` is false if it stands before a sibling that Zephyr has before it."""

    module: Module
    in_order: bool = True


def shown(siblings: list[Module], context: Context) -> Iterator[tuple[str, Shown]]:
    """Those of some siblings that carry a key, in the order in which qTest lists them."""
    highest = 0
    for row in siblings:
        key = key_of(row)
        if key is not None:
            place = context.places.get(int(key), 0) if key.isdigit() else 0
            yield key, Shown(row, place == 0 or place > highest)
            highest = max(highest, place)


def key_of(module: Module) -> str | None:
    """Our key in a module that qTest shows."""
    return key_in(module.description, KIND)


def differences(target: ModuleTarget, actual: Shown, parent_id: int | None) -> list[str]:
    """The names of what differs; tolerances: `outer-blanks`, and `pid-prefix` (`MD-2 Homepage` for `Homepage`)."""
    row = actual.module
    found = [] if actual.in_order else ["order"]
    if not same_line(target.name, row.name) and not same_line(f"{row.pid} {target.name}", row.name):
        found.append("name")
    if parent_id is not None and row.parent_id not in (None, parent_id):
        found.append("parent_id")
    if row.description is not None and key_of(row) != target.key:
        found.append("description")
    return found
