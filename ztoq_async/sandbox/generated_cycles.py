"""Generated test cycles, their folders and the statuses that a project lacks: about half the root of the executions."""

import random
from dataclasses import replace
from datetime import timedelta
from html import escape
from math import isqrt
from typing import Any

import msgspec

from ztoq_async.sandbox import generated_lists as lists
from ztoq_async.sandbox import generated_texts as texts
from ztoq_async.sandbox.generated_layout import began, stamp
from ztoq_async.sandbox.source import CLOUD, Catalogue

CYCLE_FIELDS = frozenset(
    ("Scope", "Plan notes", "Builds tested", "Load", "Signed off", "Signed off on", "Squad", "Platforms", "Test lead")
)
_FIRST_CYCLE, _ID_STEP = 300_000, 11
_JIRA = "https://example.atlassian.net/rest/api/2"


def version(number: int) -> dict[str, Any]:
    """A Jira version, all of which were released long ago: only its id is told."""
    identity = 10_100 + number % 3
    return {"id": identity, "self": f"{_JIRA}/version/{identity}"}


def issue_link(number: int, rng: random.Random) -> dict[str, Any]:
    """A link to a Jira issue; its id depends on `number` alone."""
    issue = 10_000 + rng.randrange(20_000)
    kind = rng.choice(("COVERAGE", "BLOCKS", "RELATED"))
    link = {"id": number, "self": f"{CLOUD}/links/{number}", "issueId": issue}
    return link | {"target": f"{_JIRA}/issue/{issue}", "type": kind}


def count(executions: int) -> int:
    """Cycles of a project with so many executions."""
    return max(6, isqrt(executions) // 2)


def completed(catalogue: Catalogue, seed: int, executions: int) -> Catalogue:
    """The catalogue with folders for generated cycles and with statuses of the types that it lacks."""
    project = {"id": catalogue.project_id, "self": f"{CLOUD}/projects/{catalogue.project_id}"}
    first = max((row.id for row in catalogue.folders), default=800_000) + 1
    rng = random.Random(f"{seed} cycle folders")  # noqa: S311 - repeatable, not secret
    folders = lists.forest(rng, max(8, isqrt(executions) // 4), project, "TEST_CYCLE", lambda n: first + (n ^ 5) * 3)
    held = {row.kind for row in catalogue.statuses}
    lacking = [kind for kind in ("TEST_CYCLE", "TEST_EXECUTION") if kind not in held]
    next_status = max((row.id for row in catalogue.statuses), default=400_000) + 1
    return replace(
        catalogue,
        folders=(*catalogue.folders, *rng.sample(folders, len(folders))),
        statuses=(*catalogue.statuses, *lists.statuses(project, next_status, lacking)),
    )


def cycles(catalogue: Catalogue, seed: int, executions: int) -> tuple[bytes, ...]:
    """Every cycle, by ascending id."""
    return tuple(msgspec.json.encode(_cycle(catalogue, seed, number)) for number in range(count(executions)))


def _cycle(catalogue: Catalogue, seed: int, number: int) -> dict[str, Any]:
    """Each attribute is absent in some of every six cycles; the second of every six is full."""
    rng = random.Random(f"{seed} cycle {number}")  # noqa: S311 - repeatable, not secret
    full = number % 6 == 1
    folders = [row.id for row in catalogue.folders if row.kind == "TEST_CYCLE"]
    statuses = [row.id for row in catalogue.statuses if row.kind == "TEST_CYCLE"]
    start = began(number)
    planned = full or number % 6 in {0, 3, 4}
    return {
        "id": _FIRST_CYCLE + number * _ID_STEP,
        "key": (key := f"{catalogue.project_key}-R{number + 1}"),
        "name": _name(number, rng),
        "project": _reference("projects", catalogue.project_id),
        "jiraProjectVersion": version(number) if full or number % 6 == 4 else None,
        "status": _reference("statuses", statuses[number % len(statuses)]),
        "folder": None if number % 6 == 2 else _reference("folders", rng.choice(folders)),
        "description": (None, _text(rng), "", "Plain & simple")[0 if number % 6 == 5 else 1 if full else number % 4],
        "plannedStartDate": stamp(start) if planned else None,
        "plannedEndDate": stamp(start + timedelta(days=28)) if planned and number % 6 != 4 else None,
        "owner": _owner(number, full, rng),
        "customFields": _fields(number, full, rng),
        "links": _links(number, key, full, rng),
    }


def _name(number: int, rng: random.Random) -> str:
    match number % 6:
        case 2:
            return f"  Release {number // 6} with blanks around "
        case 3 | 4:
            return f"Regression, the same name twice ({number // 6})"
        case 5:
            return f"{f'Cycle {number} «Ünïcode» 🚀 <b>& more ':x<252}end"
    return f"Cycle {number}: {texts.phrase(rng)}"


def _text(rng: random.Random) -> str:
    return f"{texts.markup(rng)}<p>&copy; {escape(texts.phrase(rng))} &euro; 🧪</p>"


def _owner(number: int, full: bool, rng: random.Random) -> dict[str, str] | None:
    account = rng.choice(lists.OWNERS) if full else (None, *lists.DELETED_OWNERS)[number % 3]
    return None if account is None else {"accountId": account, "self": f"{_JIRA}/user?accountId={account}"}


def _fields(number: int, full: bool, rng: random.Random) -> dict[str, Any]:
    """One value of every type of custom field, or null (facts.md 1.10)."""
    values = {
        "Scope": f"Scope {number} & <more>",
        "Plan notes": texts.markup(rng),
        "Builds tested": rng.randrange(50),
        "Load": round(rng.random() * 10, 2),
        "Signed off": rng.random() < 0.5,
        "Signed off on": f"2024-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}T00:00:00Z",
        "Squad": rng.choice(lists.TEAMS),
        "Platforms": rng.sample(lists.BROWSERS, rng.randrange(1, 4)),
        "Test lead": rng.choice(lists.OWNERS + lists.DELETED_OWNERS),
    }
    return {name: value if full or rng.random() < 0.5 else None for name, value in values.items()}


def _links(number: int, key: str, full: bool, rng: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {"self": f"{CLOUD}/testcycles/{key}/links", "issues": [], "webLinks": [], "testPlans": []}
    if full or number % 6 == 3:
        first = 500_000_000 + number * 4
        web, plan = first + 2, first + 3
        found["issues"] = [issue_link(first, rng), issue_link(first + 1, rng)]
        page = {"url": f"https://example.org/run?id={number}&x=<y>", "description": texts.phrase(rng)}
        found["webLinks"] = [{"id": web, "self": f"{CLOUD}/links/{web}", "type": "RELATED"} | page]
        target = {"testPlanId": 600_000 + number, "target": f"{CLOUD}/testplans/{600_000 + number}"}
        found["testPlans"] = [{"id": plan, "self": f"{CLOUD}/links/{plan}", "type": "RELATED"} | target]
    return found


def _reference(path: str, identity: int) -> dict[str, Any]:
    return {"id": identity, "self": f"{CLOUD}/{path}/{identity}"}
