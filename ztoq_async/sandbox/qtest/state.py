"""What the simulated site knows: one project, its people, fields, modules and test cases."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

import msgspec
from aiohttp import web

from ztoq_async.sandbox.dialects import Dialect
from ztoq_async.sandbox.qtest import field_store, seeds
from ztoq_async.sandbox.qtest.case_store import CaseStore
from ztoq_async.sandbox.qtest.execution_rows import cycle_row, release_row, run_row, suite_row
from ztoq_async.sandbox.qtest.execution_tree import ExecutionTree
from ztoq_async.sandbox.qtest.field_store import FieldStore
from ztoq_async.sandbox.qtest.keys import KEY_LABEL
from ztoq_async.sandbox.qtest.log_rows import log_row
from ztoq_async.sandbox.qtest.module_tree import ModuleTree
from ztoq_async.sandbox.qtest.rendering import case_row
from ztoq_async.sandbox.qtest.tokens import Tokens

KINDS = (
    "field", "module", "test-case", "test-cycle", "test-suite", "test-run", "test-log", "attachment", "link", "release",
)  # fmt: skip


Made = TypeVar("Made", bound="_Made")


class _Made(Protocol):
    created: float


class _Store(Protocol):
    def visible(self, ids: Sequence[int], until: float, /) -> Sequence[int]: ...


class QTestState:
    """The site's whole state, made from a seed. `dialect` may be replaced at any time."""

    def __init__(self, seed: int = 0, project_id: int = 1, dialect: Dialect | None = None) -> None:
        rng = random.Random(f"qtest {seed}")  # noqa: S311 - ids that differ from site to site, not secrets
        self.project_id = project_id
        self.users = seeds.seed_users(rng)
        self.caller: int = self.users[0]["id"]
        self.username: str = self.users[0]["username"]
        self.password = f"pass-{rng.randrange(10**9)}"
        self.tokens = Tokens(rng, self.caller)
        self.token = self.tokens.permanent
        self.fields = FieldStore(rng.randrange(1_000, 9_000_000), rng.randrange(1_000, 9_000_000))
        seeds.seed_fields(self.fields)
        self.description_field, self.precondition_field = (
            field.id for field in self.fields.all("test-cases") if field.label in ("Description", "Precondition")
        )
        self.modules = ModuleTree(rng.randrange(10_000, 9_000_000))
        ids = [rng.randrange(10_000, 90_000_000) for _ in range(3)]
        self.cases = CaseStore(*ids)
        self.execution = ExecutionTree(*(rng.randrange(10_000, 90_000_000) for _ in range(6)))
        self.statuses = seeds.seed_statuses(rng)
        self.unexecuted = next(status["id"] for status in self.statuses.values() if status["is_default"])
        self._parameters: dict[str, str] = {}
        self._first_parameter = rng.randrange(100, 9_000)
        self.names: Mapping[int, str] = {user["id"]: f"{user['first_name']} {user['last_name']}" for user in self.users}
        self.members = {user["id"]: self.names[user["id"]] for user in self.users if user["status"] == 1}
        self.dialect = dialect or Dialect()

    @property
    def dialect(self) -> Dialect:
        return self._dialect

    @dialect.setter
    def dialect(self, dialect: Dialect) -> None:
        self._dialect = dialect
        for kind, label in (
            ("test-cases", dialect.required_field),
            ("test-suites", dialect.required_suite_field),
            ("test-runs", dialect.required_run_field),
        ):
            if label and not self.fields.labelled(kind, label):
                self.fields.add(kind, label, field_store.TEXT, required=True, is_active=True, seeded=True)

    def now(self) -> float:
        return time.time()

    def visible(self, store: _Store, ids: Sequence[int], lag: float) -> Sequence[int]:
        """Those of the store's ids, which rise, that a list or an index late by `lag` seconds has."""
        return store.visible(ids, self.now() - lag) if lag else ids

    def shown(self, made: list[Made]) -> list[Made]:
        """Those of the objects that lists have (switch `list_lag_s`)."""
        if not self.dialect.list_lag_s:
            return made
        until = self.now() - self.dialect.list_lag_s
        return [item for item in made if item.created <= until]

    def parameter(self, name: str) -> str:
        """The id of a parameter of the project, made when its name is first written (facts.md 3.8)."""
        return self._parameters.setdefault(name, str(self._first_parameter + len(self._parameters)))

    def parameter_name(self, text: str) -> str:
        """The name of the parameter that a caller wrote as id or as name."""
        return next((name for name, identity in self._parameters.items() if identity == text), text)

    def key_field(self, kind: str = "test-cases") -> int:
        """The id of the field in which a migration keeps the source's keys; 0 if there is none."""
        field = self.fields.labelled(kind, KEY_LABEL)
        return field.id if field else 0

    def objects(self) -> dict[str, int]:
        """How many objects of each kind callers made."""
        tree = self.execution
        made = {
            "field": sum(1 for _ in self.fields.custom()),
            "module": len(self.modules),
            "test-case": len(self.cases),
            "test-cycle": len(tree.cycles),
            "test-suite": len(tree.suites),
            "test-run": len(tree.runs),
            "test-log": len(tree.logs),
            "release": len(tree.releases),
        }
        return {kind: made.get(kind, 0) for kind in KINDS}

    def lines(self, kind: str) -> Iterator[bytes]:
        """Each object of the kind as its own single GET answers it, in the order of ids."""
        return map(msgspec.json.encode, self._rows(kind))

    def _rows(self, kind: str) -> Iterator[Any]:
        tree = self.execution
        match kind:
            case "field":
                return (field.row() for _, field in self.fields.custom())
            case "module":
                return (module.row() for module in self.modules)
            case "test-case":
                return (case_row(self, case) for case in self.cases)
            case "release":
                return (release_row(self, release) for release in tree.releases)
            case "test-cycle":
                return (cycle_row(self, cycle) for cycle in tree.cycles)
            case "test-suite":
                return (suite_row(self, suite) for suite in tree.suites)
            case "test-run":
                return (run_row(self, run) for run in tree.runs)
            case "test-log":
                return (log_row(self, log) for log in tree.logs)
        return iter(())

    def duplicates(self) -> list[dict[str, Any]]:
        """Keys that more than one object holds: `{"kind", "key", "ids"}`."""
        tree = self.execution
        held = {
            "module": self.modules.keys, "test-case": self.cases.keys, "test-cycle": tree.cycles.keys,
            "test-suite": tree.suites.keys, "test-run": tree.runs.keys, "test-log": tree.logs.keys,
            "release": tree.releases.keys,
        }  # fmt: skip
        return [row for kind, keys in held.items() for row in keys.duplicates(kind)]


STATE: Final = web.AppKey("qtest_state", QTestState)
