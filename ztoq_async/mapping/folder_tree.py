"""Folders of Zephyr as trees in qTest: modules for test cases, test cycles for suites (decision 1; facts.md 1.8, 3.5).

Each folder becomes one node below one of our own; nodes carry their key in the description.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.mapping.account import Note
from ztoq_async.mapping.attributes import name_of
from ztoq_async.mapping.context import Context
from ztoq_async.mapping.keys import key_in, marker
from ztoq_async.mapping.kind import Refs, made_of
from ztoq_async.mapping.text import same_line
from ztoq_async.plan import Row
from ztoq_async.zephyr.records import Folder


class Node(msgspec.Struct, frozen=True):
    """A node to make: `parent` is the key of another one, None for the root of the project; `order` counts from 1."""

    key: str
    name: str
    parent: str | None
    order: int


class Shown(msgspec.Struct, frozen=True):
    """A node as qTest shows it; `in_order` is false if it stands before a sibling that Zephyr has before it.

    `parent_id` is None where the answer does not tell it.
    """

    name: str
    pid: str | None
    parent_id: int | None
    description: str | None
    in_order: bool = True


@dataclass(frozen=True, slots=True)
class FolderTree:
    """One tree: `kind` is the name of its kind and markers, `rule` of its notes, `others` have no folder."""

    kind: str
    rule: str
    folders: Callable[[Context], Mapping[int, Folder]]
    root_name: Callable[[Context], str]
    others: Callable[[Context], Mapping[str, str]]

    def root(self, context: Context) -> str:
        """The key of the node that receives everything."""
        return context.source.project.key

    def rows(self, context: Context) -> Iterator[Row]:
        """Our own node, then the folders, siblings one after another in Zephyr's order, then the extra ones."""
        root = self.root(context)
        yield Row(self.kind, root, counted=False)
        last = ""
        for parent, children in siblings(self.folders(context), root):
            previous = ""
            for folder in children:
                yield Row(self.kind, str(folder.id), (f"{self.kind}:{parent}",), (previous,) if previous else ())
                previous = f"{self.kind}:{folder.id}"
            last = previous if parent == root else last
        yield from self._stray_rows(context)
        for key in self.others(context):
            yield Row(self.kind, key, (f"{self.kind}:{root}",), (last,) if last else (), counted=False)
            last = f"{self.kind}:{key}"

    def _stray_rows(self, context: Context) -> Iterator[Row]:
        for folder in self.folders(context).values():
            if folder.id not in context.places:
                reason = f"parentId: the folder {folder.parent_id} is not in the list, or the folders stand in a circle"
                yield Row(self.kind, str(folder.id), refusal=reason)

    def build(self, key: str, parents: tuple[str, ...], context: Context) -> tuple[Node, list[Note]]:
        """The node of a folder; raises `SourceError` for a name that qTest cannot hold."""
        folders = self.folders(context)
        if not key.isdigit():
            return self._container(key, context), []
        folder = folders.get(int(key))
        if folder is None:
            raise SourceError(f"the folder {key} is not in Zephyr any more")
        notes: list[Note] = []
        name = name_of(folder.name, notes)
        notes += [Note("index", "sibling-order"), Note("folderType", self.rule)]
        if folder.parent_id is not None:
            notes.append(Note("parentId", self.rule))
        return Node(key, name, parents[0].partition(":")[2], context.places[folder.id]), notes

    def _container(self, key: str, context: Context) -> Node:
        if key == self.root(context):
            return Node(key, self.root_name(context), None, 1)
        others = self.others(context)
        if key not in others:
            raise SourceError(f"{key} is not needed any more")
        return Node(key, others[key], self.root(context), len(self.folders(context)) + 1 + list(others).index(key))

    def body(self, node: Node) -> dict[str, Any]:
        """The body of the call that makes a node."""
        return {"name": node.name, "description": marker(self.kind, node.key), "order": node.order}

    def parent_id(self, node: Node, refs: Refs) -> int | None:
        """The id of the node above, None for the root of the project."""
        return None if node.parent is None else made_of(refs, f"{self.kind}:{node.parent}").id

    def shown(self, rows: list[Shown], context: Context) -> Iterator[tuple[int, str, Shown]]:
        """Those of some siblings that carry a key: place in the list, key, node; in qTest's order."""
        highest = 0
        for place, row in enumerate(rows):
            key = key_in(row.description, self.kind)
            if key is not None:
                order = context.places.get(int(key), 0) if key.isdigit() else 0
                yield place, key, msgspec.structs.replace(row, in_order=order == 0 or order > highest)
                highest = max(highest, order)

    def differences(self, node: Node, actual: Shown, refs: Refs) -> list[str]:
        """What differs; tolerances: `outer-blanks`, and `pid-prefix` (`MD-2 Homepage` for `Homepage`)."""
        parent_id = self.parent_id(node, refs)
        found = [] if actual.in_order else ["order"]
        if not same_line(node.name, actual.name) and not same_line(f"{actual.pid} {node.name}", actual.name):
            found.append("name")
        if parent_id is not None and actual.parent_id not in (None, parent_id):
            found.append("parent_id")
        if actual.description is not None and key_in(actual.description, self.kind) != node.key:
            found.append("description")
        return found

    def canonical(self, actual: Shown) -> Any:
        """What people may change of a node."""
        return [actual.name, actual.parent_id, actual.description, actual.in_order]

    def is_ours(self, key: str, context: Context) -> bool:
        """True for the key of a node of this move."""
        if key.isdigit():
            return int(key) in self.folders(context)
        return key == self.root(context) or key.startswith(f"{self.root(context)}/")


def siblings(folders: Mapping[int, Folder], root: str) -> Iterator[tuple[str, list[Folder]]]:
    """The key of each parent and the folders below it in Zephyr's order, parents before children.

    Folders whose parent is not in the list, or that stand in a circle, are not reached.
    """
    below: dict[int | None, list[Folder]] = defaultdict(list)
    for folder in folders.values():
        below[folder.parent_id].append(folder)
    level: list[tuple[int | None, str]] = [(None, root)]
    while level:
        following: list[tuple[int | None, str]] = []
        for identifier, key in level:
            children = sorted(below.get(identifier, ()), key=lambda folder: (folder.index, folder.id))
            if children:
                yield key, children
            following += [(child.id, str(child.id)) for child in children]
        level = following
