"""The tree of modules of the simulated project."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import msgspec

from ztoq_async.sandbox.qtest import clock, keys
from ztoq_async.sandbox.qtest.answers import Refusal, not_found

DEEPEST = 99


class Module(msgspec.Struct):
    """One module; `parent_id` 0 is the root. Times are seconds since 1970."""

    id: int
    number: int
    parent_id: int
    name: str
    description: str
    order: int
    created: float
    modified: float
    key: str = ""

    def row(self) -> dict[str, Any]:
        return {
            "links": [],
            "id": self.id,
            "name": self.name,
            "order": self.order,
            "pid": f"MD-{self.number}",
            "created_date": clock.stamp(self.created),
            "last_modified_date": clock.stamp(self.modified),
            "parent_id": self.parent_id or None,
            "description": self.description,
            "shared": False,
            "projects_shared_to": [],
            "recursive": False,
        }


class ModuleTree:
    """Modules by id and by parent; siblings may share a name (facts.md 3.5)."""

    def __init__(self, first_id: int) -> None:
        self._numbers = count(1)
        self._first_id = first_id
        self._modules: dict[int, Module] = {}
        self._children: dict[int, list[int]] = {}
        self.keys = keys.KeyIndex()

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(sorted(self._modules.values(), key=lambda module: module.id))

    def __contains__(self, identity: int) -> bool:
        return identity in self._modules

    def get(self, identity: int) -> Module:
        module = self._modules.get(identity)
        if module is None:
            raise not_found("Module", identity)
        return module

    def children(self, identity: int) -> list[Module]:
        """Direct children by `order`, then id; of the root for 0."""
        found = [self._modules[child] for child in self._children.get(identity, ())]
        return sorted(found, key=lambda module: (module.order, module.id))

    def named(self, parent_id: int, name: str) -> Module | None:
        return next((module for module in self.children(parent_id) if module.name == name), None)

    def depth(self, identity: int) -> int:
        """Levels from the root to this module, itself included; 0 for the root."""
        levels = 0
        while identity:
            identity, levels = self.get(identity).parent_id, levels + 1
        return levels

    def height(self, identity: int) -> int:
        """Levels of the module and what is below it."""
        levels, level = 0, [identity]
        while level:
            levels, level = levels + 1, [child for parent in level for child in self._children.get(parent, ())]
        return levels

    def add(self, parent_id: int, name: str, description: str, order: int | None, now: float) -> Module:
        self._room(parent_id, 1)
        number = next(self._numbers)
        siblings = self._children.setdefault(parent_id, [])
        place = order if order is not None else max((self._modules[other].order for other in siblings), default=0) + 1
        module = Module(self._first_id + number, number, parent_id, name, "", place, now, now)
        self._modules[module.id] = module
        siblings.append(module.id)
        self.describe(module, description, description)
        return module

    def describe(self, module: Module, sent: str, kept: str) -> None:
        """Set the description as kept; the key is read from what was sent."""
        key = keys.marker(sent)
        self.keys.move(module.id, module.key, key)
        module.key, module.description = key, kept

    def move(self, module: Module, parent_id: int, now: float) -> None:
        place = parent_id
        while place:
            if place == module.id:
                raise Refusal(400, "A module cannot be moved below itself.")
            place = self.get(place).parent_id
        self._room(parent_id, self.height(module.id))
        self._children[module.parent_id].remove(module.id)
        self._children.setdefault(parent_id, []).append(module.id)
        module.parent_id, module.modified = parent_id, now

    def _room(self, parent_id: int, levels: int) -> None:
        if parent_id and self.depth(parent_id) + levels > DEEPEST:
            raise Refusal(400, f"Modules cannot be nested deeper than {DEEPEST} levels.")

    def below(self, identity: int) -> list[int]:
        """The module and all below it, parents first."""
        found = [identity]
        for parent in found:
            found.extend(self._children.get(parent, ()))
        return found

    def remove(self, identity: int) -> None:
        module = self.get(identity)
        self.keys.move(identity, module.key, "")
        self._children[module.parent_id].remove(identity)
        self._children.pop(identity, None)
        del self._modules[identity]
