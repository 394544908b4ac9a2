"""What a sandbox's qTest holds, with Zephyr keys for everything that differs from one run to the next.

It reads the sandbox's desk and knows nothing of the engine. Ids of objects become keys, ids of fields their labels, ids
of steps and versions their case and place; pids, links and dates of creation are left out, and the place among siblings
where docs/what-goes-where.md promises none. What has no key keeps its id, and so is never equal to another run's:
nothing is passed over.
"""

import json
import re
from collections import defaultdict
from typing import Any

import aiohttp

KINDS = ("field", "module", "test-case", "test-cycle", "test-suite", "test-run", "test-log", "release")
MARKER = re.compile(r"\[zephyr:[a-z-]+:[^\]]+\]")
LEFT_OUT = {"pid", "links", "web_url", "created_date", "last_modified_date", "last_modified_date_utc"}
UNORDERED = {"field", "test-case", "test-suite", "test-run"}
NAMED_BY = {
    "parent_id": "module",
    "testCaseId": "test-case",
    "called_test_case_id": "test-case",
    "test_case_version_id": "version",
    "test_run_id": "test-run",
    "field_id": "field",
    "parent_test_step_id": "step",
    "test_step_id": "step",
}
NESTED = {
    "test_case": "test-case",
    "latest_test_log": "test-log",
    "test_steps": "step",
    "test_step_logs": "step log",
    "allowed_values": "value",
}
OWN = {("value", "value"), ("step log", "test_step_log_id")}  # numbers to which nothing else refers
Row = dict[str, Any]
Objects = dict[str, list[Row]]
Content = dict[str, list[Any]]


async def read_objects(base_url: str) -> Objects:
    """Every object of every kind, in the order of ids."""
    found: Objects = {}
    async with aiohttp.ClientSession() as session:
        for kind in KINDS:
            async with session.get(f"{base_url}/sandbox/objects?kind={kind}") as answer:
                assert answer.status == 200
                found[kind] = [json.loads(line) for line in (await answer.read()).splitlines()]
    return found


def content(objects: Objects) -> Content:
    """By kind and key the objects that have it, and by run the keys of its logs in their order."""
    names = _names(objects)
    found: Content = defaultdict(list)
    for kind, rows in objects.items():
        for row in rows:
            found[f"{kind} {names[kind][row['id']]}"].append(_plain(row, kind, names))
    for row in objects["test-log"]:
        found[f"logs of {names['test-run'].get(row['test_run_id'])}"].append(names["test-log"][row["id"]])
    return dict(found)


def differences(expected: Content, actual: Content) -> list[str]:
    """Each key under which the two differ, with both sides."""
    return [
        f"{key}:\n  expected {_shown(expected.get(key))}\n  found    {_shown(actual.get(key))}"
        for key in sorted(expected.keys() | actual.keys())
        if expected.get(key) != actual.get(key)
    ]


def _shown(rows: object) -> str:
    return json.dumps(rows, ensure_ascii=False, sort_keys=True)[:1500]


def _names(objects: Objects) -> dict[str, dict[int, str]]:
    """For each kind, and for versions and steps, the names of ids."""
    names: dict[str, dict[int, str]] = {kind: {row["id"]: _key(row) for row in rows} for kind, rows in objects.items()}
    seen: dict[str, int] = defaultdict(int)
    for row in objects["field"]:  # cases, suites and runs have fields of one label, made in this order
        seen[row["label"]] += 1
        names["field"][row["id"]] = f"{row['label']} {seen[row['label']]}"
    names["version"], names["step"] = {}, {}
    for row in objects["test-case"]:
        key = names["test-case"][row["id"]]
        names["version"][row["test_case_version_id"]] = f"{key} {row['version']}"
        names["step"] |= {step["id"]: f"{key} step {n}" for n, step in enumerate(row["test_steps"], 1)}
    return names


def _key(row: Row) -> str:
    for value in row.get("properties", ()):
        if value["field_name"] == "Zephyr Key" and value["field_value"]:
            return str(value["field_value"])
    marks = [*MARKER.findall(row.get("note") or ""), *MARKER.findall(row.get("description") or "")]
    return marks[-1] if marks else f"without a key: {row.get('name') or row.get('label')}"


def _plain(row: Row, kind: str, names: dict[str, dict[int, str]]) -> Row:
    found: Row = {}
    for word, value in row.items():
        if word in LEFT_OUT or (kind, word) in OWN or (word == "order" and kind in UNORDERED):
            continue
        if word == "id":
            found[word] = names.get(kind, {}).get(value, value)
        elif word == "parentId":
            found[word] = names.get(row["parentType"], {}).get(value, value)
        elif word in NAMED_BY:
            found[word] = names[NAMED_BY[word]].get(value, value)
        elif word == "properties":
            found[word] = sorted(map(_property, value))  # in the order of fields, which have none
        else:
            found[word] = _nested(value, NESTED.get(word, f"{kind} {word}"), names)
    return found


def _nested(value: Any, kind: str, names: dict[str, dict[int, str]]) -> Any:
    if isinstance(value, dict):
        return _plain(value, kind, names)
    if isinstance(value, list):
        return [_nested(item, kind, names) for item in value]
    return value


def _property(item: Row) -> tuple[str, Any]:
    """Ids of values differ; their names do not."""
    return item["field_name"], item.get("field_value_name", item["field_value"])
