"""qTest's test cycles against Zephyr's folders of test cycles; its test suites against Zephyr's test cycles."""

import operator
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from both_sides import Row
from field_values import DATES, UNSET, Fields, same_instant, says_the_same, shown
from history_sides import History, Runs
from notes import links_differ
from plain_text import CONTROL, plain
from reading_modules import counted
from reading_steps import Found

OUTSIDE = "Executions outside cycles"
DATE = DATES[0]


class CycleTree:
    """The test cycles of a qTest project by the folders that their last line names."""

    def __init__(self, history: History, runs: Runs, root_name: str) -> None:
        self._history, self._root = history, root_name
        self._folders = {row["id"]: row for row in history.folders}
        self._cycles = {row["id"]: row for row in runs.cycles}
        self._marks = {row["id"]: _mark(row) for row in runs.cycles}

    def differences(self) -> Iterator[str]:
        """What differs between the two trees: what is there, below what, in which order, under which name."""
        wanted = {str(identity) for identity in self._folders} | {self._history.project}
        yield from counted("test cycle ", Counter(self._marks.values()), wanted)
        found, expected = self._below(), self._siblings()
        for parent in found.keys() | expected.keys():
            if found[parent] != expected[parent]:
                yield f"test cycle {parent or '/'}: below it: {found[parent]} instead of {expected[parent]}"
        for row in self._cycles.values():
            name = self._name(self._marks[row["id"]])
            if name is not None and row["name"] != name:
                yield f"test cycle {self._marks[row['id']]}: name: {row['name']!r} instead of {name!r}"
            if row["parentType"] not in ("root", "test-cycle"):
                yield f"test cycle {self._marks[row['id']]}: it is below a {row['parentType']}"

    def place_differences(self, folder: int | None, suite: Row) -> Iterator[str]:
        """What differs between a Zephyr test cycle's folder and the place of its test suite."""
        wanted = self._history.project if folder is None else str(folder)
        found = self._marks.get(suite["parentId"], "/") if suite["parentType"] == "test-cycle" else "/"
        if found != wanted:
            yield f"in test cycle {found} instead of {wanted}"

    def _name(self, mark: str) -> str | None:
        if mark == self._history.project:
            return self._root
        folder = self._folders.get(int(mark)) if mark.isdigit() else None
        return CONTROL.sub("", folder["name"]) if folder else None

    def _below(self) -> dict[str, list[str]]:
        below: dict[str, list[str]] = defaultdict(list)
        for row in sorted(self._cycles.values(), key=lambda row: (row["order"], row["id"])):
            below[self._marks.get(row["parentId"], "")].append(self._marks[row["id"]])
        return below

    def _siblings(self) -> dict[str, list[str]]:
        expected = defaultdict(list, {"": [self._history.project]})
        for row in sorted(self._history.folders, key=lambda row: (row["index"], row["id"])):
            expected[str(row["parentId"] or self._history.project)].append(str(row["id"]))
        return expected


class Suites:
    """Test suites by their Zephyr key, and what they should say."""

    def __init__(self, history: History, runs: Runs, mapping: Row, tree: CycleTree) -> None:
        self._history, self._mapping, self._tree = history, mapping, tree
        names = {name for row in history.cycles for name, value in customs(row) if value not in UNSET}
        self._fields = Fields(runs.suite_fields, names)
        key = self._fields.own("Zephyr Key")
        self.keys = {row["id"]: str(shown(row, key)) if key else "" for row in runs.suites}
        self._suites = {self.keys[row["id"]]: row for row in runs.suites}
        self._outside = f"{history.project}/outside-cycles"

    def differences(self) -> Iterator[str]:
        """What differs: none missing, none extra, none twice, each in its place with every attribute."""
        wanted = {row["key"] for row in self._history.cycles}
        if any(not row.get("testCycle") for row in self._history.executions):
            wanted.add(self._outside)
        yield from counted("test suite ", Counter(self.keys.values()), wanted)
        for source in self._history.cycles:
            if source["key"] in self._suites:
                for where, words in self._suite(source, self._suites[source["key"]]):
                    yield f"{source['key']}: {where}: {words}"
        if self._outside in wanted & self._suites.keys():
            suite = self._suites[self._outside]
            if suite["name"] != OUTSIDE:
                yield f"{self._outside}: name: {suite['name']!r}"
            for words in self._tree.place_differences(None, suite):
                yield f"{self._outside}: place: {words}"

    def _suite(self, source: Row, actual: Row) -> Found:
        if CONTROL.sub("", source["name"]) != actual["name"]:
            yield "name", f"{actual['name']!r} instead of {source['name']!r}"
        for words in self._tree.place_differences((source.get("folder") or {}).get("id"), actual):
            yield "place", words
        yield from self._value(actual, "Description", source.get("description"), same_words)
        for name, label in (("plannedStartDate", "Planned Start Date"), ("plannedEndDate", "Planned End Date")):
            yield from self._value(actual, label, source.get(name))
        yield from self._own(actual, "Zephyr Status", self._history.cycle_statuses[source["status"]["id"]])
        yield from self._own(actual, "Zephyr Owner", (source.get("owner") or {}).get("accountId"))
        yield from self._own(actual, "Zephyr Version", version_words(source, self._mapping))
        links = source.get("links") or {}
        told = [*(links.get("issues") or ()), *(links.get("webLinks") or ()), *(links.get("testPlans") or ())]
        yield from self._own(actual, "Zephyr Links", told, lambda rows, text: not links_differ(rows, text.splitlines()))
        for name, value in customs(source):
            field = self._fields.custom(name)
            if field is None and value not in UNSET:
                yield f"customFields.{name}", "there is no such field"
            elif field is not None and not says_the_same(value, field, shown(actual, field)):
                yield f"customFields.{name}", f"{shown(actual, field)!r} instead of {value!r}"

    def _value(self, actual: Row, label: str, wanted: Any, same: Callable[[Any, Any], bool] | None = None) -> Found:
        """A value in the system field of that label where suites have one, else in an own one."""
        field = self._fields.system_if_any(label) or self._fields.own(f"Zephyr {label}")
        found = shown(actual, field) if field else ""
        fits = same or (same_day if field and field["data_type"] == DATE else same_instant)
        if not (not found if wanted in UNSET else field and fits(wanted, found)):
            yield label, f"{found!r} instead of {wanted!r}"

    def _own(self, actual: Row, label: str, wanted: Any, same: Callable[[Any, Any], bool] = operator.eq) -> Found:
        field = self._fields.own(label)
        found = shown(actual, field) if field else ""
        if not (not found if wanted in UNSET else field and same(wanted, found)):
            yield label, f"{found!r} instead of {wanted!r}"


def customs(row: Row) -> list[tuple[str, Any]]:
    """The custom fields of a record, in Zephyr's order."""
    return list((row.get("customFields") or {}).items())


def version_words(row: Row, mapping: Row) -> str:
    """The version of the Jira project: its name by the mapping file, else its id."""
    identity = str((row.get("jiraProjectVersion") or {}).get("id", ""))
    return str(mapping.get("versions", {}).get(identity) or identity)


def same_words(wanted: str, found: str) -> bool:
    """True if two pieces of HTML read the same."""
    return plain(wanted) == plain(found)


def same_day(wanted: str, found: str) -> bool:
    """True if a date field has the day of an instant, in UTC."""
    return wanted[:10] == found[:10]


def _mark(cycle: Row) -> str:
    found = re.search(r"\[zephyr:test-cycle:([^\]]+)\]\s*(?:</p>)?\s*\Z", cycle["description"] or "")
    return found[1] if found else ""
