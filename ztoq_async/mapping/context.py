"""What every rule may know: the source's tables and values, the user's rules, the target, what the probe found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from functools import cached_property

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.mapping.rules import Rules
from ztoq_async.mapping.seen import Seen, SeenCycles, SeenExecutions
from ztoq_async.qtest.records import DataType, Field, Status, User
from ztoq_async.zephyr.records import Folder, Named, Project

CASES, SUITES, RUNS = "test-cases", "test-suites", "test-runs"
OBJECT_TYPES = (CASES, SUITES, RUNS)
"""Types of qTest objects that have fields (facts.md 3.6)."""


class Findings(msgspec.Struct, frozen=True):
    """What the probe learnt about this qTest project; each has a switch in the sandbox.

    `drafts_run` and `approved_status` are known when `runs_probed`; the latter is the value that approving writes into
    the field Status, "" if it leaves it.
    """

    called_steps: str = "id"
    empty_steps: bool = True
    tree_descriptions: bool = True
    drafts_run: bool = False
    approved_status: str = ""
    runs_probed: bool = False


class Source(msgspec.Struct, frozen=True):
    """The Zephyr project's tables, complete before anything is planned.

    `cycles` gives the key of a test cycle's id; `foreign` has the keys of test cases of other projects, `missing` of
    those that only executions know; `made_fields` for each object type the labels of fields that runs have made.
    """

    project: Project
    folders: Mapping[int, Folder] = {}
    cycle_folders: Mapping[int, Folder] = {}
    statuses: Mapping[int, Named] = {}
    priorities: Mapping[int, Named] = {}
    cycle_statuses: Mapping[int, Named] = {}
    execution_statuses: Mapping[int, Named] = {}
    environments: Mapping[int, Named] = {}
    cycles: Mapping[int, str] = {}
    foreign: Set[str] = frozenset()
    missing: Set[str] = frozenset()
    made_fields: Mapping[str, Set[str]] = {}
    seen: Seen = msgspec.field(default_factory=Seen)
    seen_cycles: SeenCycles = msgspec.field(default_factory=SeenCycles)
    seen_executions: SeenExecutions = msgspec.field(default_factory=SeenExecutions)


Fields = Mapping[str, Field]


class Target(msgspec.Struct, frozen=True, dict=True):
    """The qTest project: for each object type its fields by label; its users and test run statuses by name."""

    project_id: int
    fields: Mapping[str, Fields] = {}
    users: Mapping[str, User] = {}
    statuses: Mapping[str, Status] = {}
    findings: Findings = Findings()

    def of(self, object_type: str) -> Fields:
        """The fields of one object type by label."""
        return self.fields.get(object_type, {})

    def active_fields(self) -> set[tuple[str, str]]:
        """Object type and label of the fields that people see."""
        return {(of, label) for of, fields in self.fields.items() for label, field in fields.items() if field.is_active}

    def system(self, original_name: str, object_type: str = CASES) -> Field | None:
        """The system field of that original name, whatever label the site gave it (facts.md 3.6)."""
        return self._systems.get(object_type, {}).get(original_name.casefold())

    @cached_property
    def _systems(self) -> dict[str, dict[str, Field]]:
        found: dict[str, dict[str, Field]] = {}
        for object_type, fields in self.fields.items():
            named = found[object_type] = {}
            for field in fields.values():
                if field.system_field:
                    named.setdefault((field.original_name or field.label).casefold(), field)
        return found


class FieldPlan(msgspec.Struct, frozen=True):
    """A field that objects of a type need: `attribute` is the Zephyr attribute it carries."""

    attribute: str
    label: str
    data_type: DataType
    choices: tuple[str, ...] = ()
    object_type: str = CASES


Plans = Mapping[str, FieldPlan]


class Context(msgspec.Struct, frozen=True, dict=True):
    """The argument of every pure rule.

    `plans` says for each object type which field carries which attribute, `places` orders folders.
    """

    source: Source
    rules: Rules
    target: Target
    plans: Mapping[str, Plans] = {}
    places: Mapping[int, int] = {}

    def planned(self, object_type: str) -> Plans:
        """The fields of one object type by the attribute that each carries."""
        return self.plans.get(object_type, {})

    def own_labels(self, object_type: str) -> Set[str]:
        """The fields of one object type that are ours: also those that no record has a value for any more."""
        return self._own_labels.get(object_type, frozenset())

    @cached_property
    def _own_labels(self) -> dict[str, Set[str]]:
        made = self.source.made_fields
        return {
            object_type: {plan.label for plan in self.planned(object_type).values()}
            | made.get(object_type, frozenset())
            for object_type in {*self.plans, *made}
        }

    def field(self, label: str, object_type: str = CASES) -> Field:
        """The qTest field of that label; `SourceError` where it does not exist."""
        try:
            return self.target.of(object_type)[label]
        except KeyError:
            raise SourceError(f"the qTest field '{label}' of {object_type} does not exist") from None

    def case(self, key: str) -> str:
        """The name of the row that makes a test case, or the stub of one."""
        return f"stub-case:{key}" if key in self.source.missing else f"test-case:{key}"

    @property
    def root_module(self) -> str:
        """The name of the module that receives all test cases."""
        return self.rules.root_module or self.source.project.key

    @property
    def root_cycle(self) -> str:
        """The name of the test cycle that receives all suites."""
        return self.rules.root_cycle or self.source.project.key


def fields_by_label(fields: Iterable[Field]) -> dict[str, Field]:
    """Fields by label; of two with one label the active one, else the first."""
    found: dict[str, Field] = {}
    for field in fields:
        if field.label not in found or (field.is_active and not found[field.label].is_active):
            found[field.label] = field
    return found
