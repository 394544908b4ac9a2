"""Where an execution belongs: the keys in its addresses, its group, its place among the others (pure).

Executions carry no keys of test case and cycle, only addresses that end in them (facts.md 1.7).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from ztoq_async.zephyr.records import Reached, TestExecution

_CASE = re.compile(r"/testcases/([^/?]+-T[0-9]+)(?:/versions/([0-9]+))?/?$")
_CYCLE = re.compile(r"/testcycles/([^/?]+-R[0-9]+)/?$")


def case_key(execution: TestExecution) -> str:
    """The key of the test case, "" where the address has none."""
    found = _CASE.search(execution.test_case.self)
    return found[1] if found else ""


def case_version(execution: TestExecution) -> str:
    """The number of the version that was executed, "" where the address names none."""
    found = _CASE.search(execution.test_case.self)
    return found[2] or "" if found else ""


def cycle_key(cycle: Reached | None) -> str:
    """The key of a test cycle, "" where there is none."""
    found = _CYCLE.search(cycle.self) if cycle else None
    return found[1] if found else ""


def environment_id(execution: TestExecution) -> str:
    """The id of the environment, "-" where there is none."""
    return str(execution.environment.id) if execution.environment else "-"


def instant(text: str | None) -> datetime | None:
    """A date and time in UTC, down to the whole second; None for what is none."""
    try:
        moment = datetime.fromisoformat(text or "")
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return moment.replace(microsecond=0)


def place(execution: TestExecution) -> str:
    """Sorts executions of one test cycle, case and environment together, oldest end first, undated before all."""
    cycle = execution.test_cycle
    group = (str(cycle.id or cycle.self) if cycle else "", case_key(execution), environment_id(execution))
    return "\x1f".join((*group, age(execution)))


def age(execution: TestExecution) -> str:
    """Sorts executions by their end, undated ones before all."""
    end = instant(execution.actual_end_date)
    return f"{end.isoformat() if end else ''}\x1f{execution.id:020d}"
