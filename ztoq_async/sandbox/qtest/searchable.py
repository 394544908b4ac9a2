"""The object types that `POST search` finds, and how their fields are read (facts.md 3.12)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ztoq_async.sandbox.qtest import clock, keys
from ztoq_async.sandbox.qtest.execution_rows import cycle_row, release_row, run_row, shown_values, suite_row
from ztoq_async.sandbox.qtest.log_rows import log_row
from ztoq_async.sandbox.qtest.rendering import case_row
from ztoq_async.sandbox.qtest.shelf import Item
from ztoq_async.sandbox.qtest.state import QTestState

Texts = dict[str, Callable[[Any], str]]


class Store(Protocol):
    """Where the objects of a type are."""

    keys: keys.KeyIndex

    def ids(self) -> Sequence[int]: ...

    def visible(self, ids: Sequence[int], until: float, /) -> Sequence[int]: ...

    def numbered(self, number: int) -> Any: ...

    def get(self, identity: int) -> Any: ...


@dataclass(frozen=True)
class Asked:
    """The flags of the query."""

    steps: bool
    log_values: bool


@dataclass(frozen=True)
class Searchable:
    """A type. Readers are given what `view` makes of an object; `fields` names the settings whose fields count."""

    store: Callable[[QTestState], Store]
    texts: Callable[[QTestState], Texts]
    row: Callable[[QTestState, Any, Asked], dict[str, Any]]
    prefix: str = ""
    fields: str = ""
    view: Callable[[Any], Any] = lambda item: item
    values: Callable[[QTestState, Any], dict[int, str]] = lambda state, item: item.values

    def number(self, text: str) -> int | None:
        """The number in an id that people see, as `TC-12`."""
        digits = text.removeprefix(self.prefix)
        return int(digits) if text.startswith(self.prefix) and digits.isascii() and digits.isdecimal() else None


def _case_texts(state: QTestState) -> Texts:
    return {
        "Id": lambda view: f"TC-{view[0].number}",
        "Name": lambda view: view[1].name,
        "Description": lambda view: view[1].description,
        "Precondition": lambda view: view[1].precondition,
        "Created Date": lambda view: clock.stamp(view[0].created),
        "Last Modified Date": lambda view: clock.stamp(view[0].newest.modified),
    }


def _item_texts(prefix: str, *more: str) -> Callable[[QTestState], Texts]:
    texts: Texts = {
        "Id": lambda item: f"{prefix}{item.number}",
        "Name": _name,
        "Created Date": lambda item: clock.stamp(item.created),
        "Last Modified Date": lambda item: clock.stamp(item.modified),
    }
    if "Description" in more:
        texts["Description"] = lambda item: str(item.description)
    return lambda state: texts


def _name(item: Item) -> str:
    return item.name


def _log_texts(state: QTestState) -> Texts:
    return {
        "Id": lambda log: str(log.id),
        "Name": lambda log: state.execution.runs.get(log.run_id).name,
        "Note": lambda log: log.note,
        "Status": lambda log: state.statuses[log.status]["name"],
        "Created Date": lambda log: clock.stamp(log.created),
        "Execution Start Date": lambda log: clock.stamp(log.start),
        "Execution End Date": lambda log: clock.stamp(log.end),
    }


def _log_row(state: QTestState, log: Any, asked: Asked) -> dict[str, Any]:
    full = state.dialect.search_logs == "full"
    return log_row(state, log, steps=full, note=full, props=asked.log_values)


SEARCHABLE = {
    "test-cases": Searchable(
        lambda state: state.cases, _case_texts, lambda state, case, asked: case_row(state, case, steps=asked.steps),
        "TC-", "test-cases", lambda case: (case, case.newest.content), lambda state, view: view[1].values,
    ),
    "test-runs": Searchable(
        lambda state: state.execution.runs, _item_texts("TR-"), lambda state, run, asked: run_row(state, run), "TR-",
        "test-runs", values=lambda state, run: shown_values(state, run, state.execution.logs.latest(run.id)),
    ),
    "test-suites": Searchable(
        lambda state: state.execution.suites, _item_texts("TS-"), lambda state, suite, asked: suite_row(state, suite),
        "TS-", "test-suites",
    ),
    "test-cycles": Searchable(
        lambda state: state.execution.cycles, _item_texts("CL-", "Description"),
        lambda state, cycle, asked: cycle_row(state, cycle), "CL-",
    ),
    "releases": Searchable(
        lambda state: state.execution.releases, _item_texts("RL-", "Description"),
        lambda state, release, asked: release_row(state, release), "RL-", "releases",
    ),
    "test-logs": Searchable(lambda state: state.execution.logs, _log_texts, _log_row),
}  # fmt: skip
"""Modules cannot be searched."""
NEVER_ANY = frozenset({"requirements", "builds", "defects"})
"""Types that can be searched for, of which this site has none."""
