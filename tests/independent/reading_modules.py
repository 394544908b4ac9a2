"""Modules against folders: each there once, in its place and order, under its name."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from both_sides import Corpus, Objects, Row
from plain_text import CONTROL

UNFILED = "Outside folders"
UNLISTED = "Not in the Zephyr list"


def counted(kind: str, found: Counter[str], wanted: set[str]) -> Iterator[str]:
    """None missing, none extra, none twice."""
    for key in wanted - found.keys():
        yield f"{kind}{key} is missing"
    for key, number in found.items():
        if key not in wanted:
            yield f"{kind}{key or 'without a key'} is extra"
        elif number > 1:
            yield f"{kind}{key} is there {number} times"


class Modules:
    """The modules of a qTest project by the folders that their last line names."""

    def __init__(self, corpus: Corpus, objects: Objects, root_name: str) -> None:
        self._corpus = corpus
        self._root = root_name
        self._folders = {row["id"]: row for row in corpus.folders}
        self._modules = {row["id"]: row for row in objects.modules}
        self._marks = {row["id"]: _mark(row) for row in objects.modules}
        named = [self._marks[row["id"]] for row in objects.modules if row["name"] == UNLISTED]
        self._unlisted = next((mark for mark in named if mark.startswith(f"{corpus.project}/")), UNLISTED)
        self.folders = sum(mark.isdigit() for mark in self._marks.values())

    def differences(self) -> Iterator[str]:
        """What differs between the two trees."""
        root, unfiled = self._corpus.project, self._key(None)
        wanted = {str(identifier) for identifier in self._folders} | {root}
        if any(not row.get("folder") for row in self._corpus.cases if row["key"] not in self._corpus.unlisted):
            wanted.add(unfiled)
        if self._corpus.unlisted or self._corpus.stubs:
            wanted.add(self._unlisted)
        yield from counted("module ", Counter(self._marks.values()), wanted)
        found, expected = self._below(), self._siblings(unfiled if unfiled in wanted else "")
        for parent in found.keys() | expected.keys():
            found[parent] = [mark for mark in found[parent] if mark != self._unlisted or parent != root]
            if found[parent] != expected[parent]:
                yield f"module {parent or '/'}: below it: {found[parent]} instead of {expected[parent]}"
        for row in self._modules.values():
            yield from self._path_differences(row)

    def place_differences(self, key: str, folder: int | None, module: int) -> Iterator[str]:
        """What differs between the place that the test case with this Zephyr key should have and its module."""
        strange = key in self._corpus.unlisted | self._corpus.stubs
        wanted = self._unlisted if strange else self._key(folder)
        if self._marks.get(module) != wanted:
            yield f"{self._found_path(module)} instead of {self._wanted_path(wanted)}"

    def _key(self, folder: int | None) -> str:
        return f"{self._corpus.project}/unfiled" if folder is None else str(folder)

    def _below(self) -> dict[str, list[str]]:
        below: dict[str, list[str]] = defaultdict(list)
        for row in sorted(self._modules.values(), key=lambda row: (row["order"], row["id"])):
            below[self._marks.get(row["parent_id"], "")].append(self._marks[row["id"]])
        return below

    def _siblings(self, unfiled: str) -> dict[str, list[str]]:
        expected = defaultdict(list, {"": [self._corpus.project]})
        for row in sorted(self._corpus.folders, key=lambda row: (row["index"], row["id"])):
            expected[str(row["parentId"] or self._corpus.project)].append(str(row["id"]))
        if unfiled:
            expected[self._corpus.project].append(unfiled)
        return expected

    def _path_differences(self, row: Row) -> Iterator[str]:
        mark = self._marks[row["id"]]
        wanted, found = self._wanted_path(mark), self._found_path(row["id"])
        if found != wanted:
            yield f"module {mark}: path: {found} instead of {wanted}"

    def _wanted_path(self, mark: str) -> list[str]:
        names = [UNFILED] if mark == self._key(None) else [UNLISTED] if mark == self._unlisted else []
        identifier = int(mark) if mark.isdigit() else None
        while identifier in self._folders:
            names.append(CONTROL.sub("", self._folders[identifier]["name"]))
            identifier = self._folders[identifier]["parentId"]
        return [self._root, *reversed(names)]

    def _found_path(self, identifier: int | None) -> list[str]:
        names: list[str] = []
        while identifier in self._modules:
            names.append(self._modules[identifier]["name"])
            identifier = self._modules[identifier]["parent_id"]
        return names[::-1]


def _mark(module: Row) -> str:
    found = re.fullmatch(r"\[zephyr:module:([^\]]+)\]", module["description"] or "")
    return found[1] if found else ""
