"""The short lists of a generated project: folders, statuses, priorities, environments, owners, custom fields."""

import random
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from ztoq_async.sandbox.source import CLOUD, Catalogue, Row

PROJECT_KEY = "SBX"
DEEPEST = 6
OWNERS = tuple(f"5b10a2844c20165700ede2{n:02d}" for n in range(5))
DELETED_OWNERS = ("557058:00000000-gone-0000-0000-000000000001", "557058:00000000-gone-0000-0000-000000000002")
TEAMS = ("Payments", "Search & Find", "Infrastructure", "Zürich", "R&D <alpha>")
BROWSERS = ("Firefox", "Chrome", "Safari", "Edge, legacy", 'Opera "One"')
CUSTOM_FIELDS = frozenset(
    (
        "Reference",
        "Notes",
        "Sprint count",
        "Risk factor",
        "Regulated",
        "Reviewed on",
        "Team",
        "Browsers",
        "Tester",
        "Never used",
    )
)
RENAMED_STATUS = "Nicht ausgeführt"
"""Another name for what has not been executed, beside the default one."""
_FIRST_STATUS, _FIRST_PRIORITY, _FIRST_ENVIRONMENT, _FIRST_FOLDER = 400_100, 400_200, 400_300, 900_000
_PRIORITIES = ("High", "Normal", "Low", "Smoke test 🚬")
_STATUSES = {
    "TEST_CASE": ("Work in progress", "Released", "Do not use any more"),
    "TEST_CYCLE": ("Not Executed", "In Progress", "Done", "Abgeschlossen 🎉", "Frozen"),
    "TEST_PLAN": ("Draft", "Approved", "Deprecated"),
    "TEST_EXECUTION": (
        "Not Executed",
        "In Progress",
        "Pass",
        "Fail",
        "Blocked",
        "Passed with remarks",
        RENAMED_STATUS,
        "Skipped (old)",
    ),
}
_ARCHIVED = ("Do not use any more", "Frozen", "Skipped (old)")
PRIORITY_IDS = tuple(range(_FIRST_PRIORITY, _FIRST_PRIORITY + len(_PRIORITIES)))
STATUS_IDS = tuple(range(_FIRST_STATUS, _FIRST_STATUS + 3))
ARCHIVED_STATUS = STATUS_IDS[2]
UNKNOWN_STATUS = _FIRST_STATUS - 1


def project_id(seed: int) -> int:
    """The project's id, another one for another seed."""
    return 10_000 + seed % 80_000


def catalogue(seed: int, folders: int) -> Catalogue:
    """Every short list; `folders` counts those for test cases, two for cycles and plans come on top."""
    identity = project_id(seed)
    project = {"id": identity, "self": f"{CLOUD}/projects/{identity}"}
    row = {"id": identity, "jiraProjectId": 10_000 + seed % 997, "key": PROJECT_KEY, "enabled": True}
    return Catalogue(
        project=msgspec.json.encode(row),
        project_id=identity,
        project_key=PROJECT_KEY,
        folders=_folders(random.Random(f"{seed} folders"), folders, project),  # noqa: S311 - repeatable, not secret
        priorities=tuple(_priority(n, project) for n in range(len(_PRIORITIES))),
        statuses=statuses(project, _FIRST_STATUS, _STATUSES),
        environments=tuple(_environment(n, project) for n in range(12)),
    )


def folder_id(number: int) -> int:
    """Id of a folder by its number, so that no parent's id need be lower than its child's."""
    return _FIRST_FOLDER + (number ^ 5) * 3


def _folders(rng: random.Random, count: int, project: dict[str, Any]) -> tuple[Row, ...]:
    """The forest of test case folders among those of other types, in no order at all."""
    others = [
        _folder(800_000 + n, None, "Elsewhere", 0, project, kind) for n, kind in enumerate(("TEST_CYCLE", "TEST_PLAN"))
    ]
    mixed = forest(rng, count, project, "TEST_CASE", folder_id) + others
    rng.shuffle(mixed)
    return tuple(mixed)


def forest(
    rng: random.Random, count: int, project: dict[str, Any], kind: str, identify: Callable[[int], int]
) -> list[Row]:
    """Folders up to six deep, siblings in shuffled `index` order, some of one name; `identify` gives a folder's id."""
    parents, names = _forest(rng, count)
    siblings: dict[int | None, list[int]] = {}
    for number, parent in enumerate(parents):
        siblings.setdefault(parent, []).append(number)
    index: dict[int, int] = {}
    for numbers in siblings.values():
        index |= zip(numbers, rng.sample(range(len(numbers)), len(numbers)), strict=True)
    return [
        _folder(identify(n), None if parent is None else identify(parent), names[n], index[n], project, kind)
        for n, parent in enumerate(parents)
    ]


def _forest(rng: random.Random, count: int) -> tuple[list[int | None], list[str]]:
    parents: list[int | None] = []
    depths: list[int] = []
    names: list[str] = []
    for number in range(count):
        parent = _parent(rng, number, depths)
        if number % 10 == 7:
            parent = parents[-1]
        names.append(names[-1] if number % 10 == 7 else _folder_name(number))
        parents.append(parent)
        depths.append(1 if parent is None else depths[parent] + 1)
    return parents, names


def _parent(rng: random.Random, number: int, depths: list[int]) -> int | None:
    """The first six folders stand one inside the other; each later one anywhere that is not too deep."""
    if number < DEEPEST:
        return number - 1 if number else None
    parent = rng.randrange(-number // 4, number)
    return parent if parent >= 0 and depths[parent] < DEEPEST else None


def _folder_name(number: int) -> str:
    match number % 10:
        case 3:
            return f"  Area {number} with blanks around "
        case 4:
            return f"R&D <area {number}> / \"quoted\" 'n' [~more]"
        case 5:
            return f"Bereich {number} 🧪 Überprüfung 検査"
        case 8:
            return f"{f'Area {number} with a very long name ':x<252}end"
    return f"Area {number}"


def _folder(identity: int, parent: int | None, name: str, index: int, project: dict[str, Any], kind: str) -> Row:
    row = {"id": identity, "parentId": parent, "name": name, "index": index, "folderType": kind, "project": project}
    return Row(identity, kind, msgspec.json.encode(row))


def _priority(n: int, project: dict[str, Any]) -> Row:
    row = {"id": PRIORITY_IDS[n], "project": project, "name": _PRIORITIES[n], "description": None, "index": n}
    return Row(PRIORITY_IDS[n], "", msgspec.json.encode(row | {"default": n == 1}))


def statuses(project: dict[str, Any], first: int, kinds: Iterable[str]) -> tuple[Row, ...]:
    """Statuses of these types, ids from `first` on; the first of each type is its default."""
    rows: list[Row] = []
    for kind in kinds:
        for n, name in enumerate(_STATUSES[kind]):
            identity = first + len(rows)
            row = {"id": identity, "project": project, "name": name, "description": None, "index": n}
            row |= {"color": "#3abb4b", "archived": name in _ARCHIVED, "default": n == 0}
            rows.append(Row(identity, kind, msgspec.json.encode(row)))
    return tuple(rows)


def _environment(n: int, project: dict[str, Any]) -> Row:
    identity = _FIRST_ENVIRONMENT + n
    row = {"id": identity, "project": project, "name": f"Environment {n}", "description": f"Rack <b>{n}</b>"}
    return Row(identity, "", msgspec.json.encode(row | {"index": n, "archived": n == 11}))
