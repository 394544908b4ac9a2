"""The independent reader: compares a Zephyr corpus with the objects of a qTest project, record by record.

It knows where things go from the documentation of the target form alone, and shares no code with what it judges.
"""

import operator
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from both_sides import Corpus, Objects, Row
from field_values import UNSET, Fields, same_instant, same_list, same_number, says_the_same, shown
from notes import links_differ
from plain_text import CONTROL
from reading_modules import Modules, counted
from reading_steps import Found, Scripts, text_differences


@dataclass(frozen=True)
class Reading:
    """What a comparison found: the differences in words, and what was counted on the way."""

    differences: list[str]
    cases: int
    folders: int
    steps: int
    calls: int
    flattened: int


def compare(corpus: Corpus, objects: Objects, mapping: Row) -> Reading:
    """All differences between a project and its image; `mapping` is the mapping file as data."""
    modules = Modules(corpus, objects, mapping.get("root_module") or corpus.project)
    names = {name for row in corpus.cases for name, value in row["customFields"].items() if value not in UNSET}
    fields = Fields(objects.fields, names)
    key_field = fields.own("Zephyr Key")
    keys = {row["id"]: str(shown(row, key_field)) if key_field else "" for row in objects.cases}
    scripts = Scripts(corpus, objects, keys)
    cases = _Cases(corpus, mapping, fields, modules, scripts)
    sources = {row["key"]: row for row in corpus.cases}
    found = [*modules.differences(), *counted("", Counter(keys.values()), set(sources) | corpus.stubs)]
    pairs = [(sources[keys[row["id"]]], row) for row in objects.cases if keys[row["id"]] in sources]
    for source, row in pairs:
        found += [f"{source['key']}: {where}: {words}" for where, words in cases.differences(source, row)]
    for row in objects.cases:
        if keys[row["id"]] in corpus.stubs:
            found += [f"{keys[row['id']]}: {where}: {words}" for where, words in cases.stub_differences(row)]
    return Reading(found, len(pairs), modules.folders, scripts.steps, scripts.calls, scripts.flattened)


class _Cases:
    def __init__(self, corpus: Corpus, mapping: Row, fields: Fields, modules: Modules, scripts: Scripts) -> None:
        self._corpus, self._mapping, self._fields = corpus, mapping, fields
        self._modules, self._scripts = modules, scripts

    def differences(self, source: Row, actual: Row) -> Found:
        """Where one test case differs, and how."""
        if CONTROL.sub("", source["name"]) != actual["name"]:
            yield "name", f"{actual['name']!r} instead of {source['name']!r}"
        folder = (source.get("folder") or {}).get("id")
        for words in self._modules.place_differences(source["key"], folder, actual["parent_id"]):
            yield "module", words
        yield from text_differences("description", source["objective"], actual["description"])
        yield from text_differences("precondition", source["precondition"], actual["precondition"])
        yield from self._system_values(source, actual)
        yield from self._own_values(source, actual)
        yield from self._custom_values(source, actual)
        yield from self._scripts.differences(source["key"], actual)

    def stub_differences(self, actual: Row) -> Found:
        """Where a stub differs: its name begins with its key; its place; the steps of its newest execution."""
        key = str(shown(actual, self._fields.own("Zephyr Key") or {}))
        if actual["name"].split(" ")[0] != key:
            yield "name", f"{actual['name']!r} instead of {key!r}"
        for words in self._modules.place_differences(key, None, actual["parent_id"]):
            yield "module", words
        yield from self._scripts.differences(key, actual)

    def _system_values(self, source: Row, actual: Row) -> Found:
        for name, names in (("Status", self._corpus.statuses), ("Priority", self._corpus.priorities)):
            word = names[source[name.lower()]["id"]]
            wanted = self._mapping.get(name.lower(), {}).get(word, word)
            found = shown(actual, self._fields.system(name))
            if found != {wanted}:
                yield name, f"{found} instead of {wanted!r}"
            yield from self._own(actual, f"Zephyr {name}", word)

    def _own(self, actual: Row, label: str, wanted: Any, same: Callable[[Any, Any], bool] = operator.eq) -> Found:
        """An own field's value; a field that nobody needed may be absent."""
        field = self._fields.own(label)
        found = shown(actual, field) if field else ""
        if not (not found if wanted in UNSET else field and same(wanted, found)):
            yield label, f"{found!r} instead of {wanted!r}"

    def _own_values(self, source: Row, actual: Row) -> Found:
        component = str((source["component"] or {}).get("id", ""))
        component = self._mapping.get("components", {}).get(component) or component
        links = [*source["links"]["issues"], *source["links"]["webLinks"]]
        yield from self._own(actual, "Zephyr Created On", source["createdOn"], same_instant)
        yield from self._own(actual, "Zephyr Estimated Time (ms)", source["estimatedTime"], same_number)
        yield from self._own(actual, "Zephyr Owner", (source["owner"] or {}).get("accountId"))
        yield from self._own(actual, "Zephyr Component", component)
        yield from self._own(actual, "Zephyr Labels", source["labels"], same_list)
        yield from self._own(
            actual, "Zephyr Links", links, lambda rows, text: not links_differ(rows, text.splitlines())
        )

    def _custom_values(self, source: Row, actual: Row) -> Found:
        for name, value in source["customFields"].items():
            field = self._fields.custom(name)
            if field is None:
                if value not in UNSET:
                    yield f"customFields.{name}", "there is no such field"
                continue
            found = shown(actual, field)
            if not says_the_same(value, field, found):
                yield f"customFields.{name}", f"{found!r} instead of {value!r}"
