"""What every rule may know: the source's tables and values, the user's rules, the target, what the probe found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.mapping.rules import Rules
from ztoq_async.mapping.seen import Seen
from ztoq_async.qtest.records import DataType, Field, User
from ztoq_async.zephyr.records import Folder, Named, Project


class Findings(msgspec.Struct, frozen=True):
    """What the probe learnt about this qTest project; each has a switch in the sandbox."""

    called_steps: str = "id"
    empty_steps: bool = True
    tree_descriptions: bool = True


class Source(msgspec.Struct, frozen=True):
    """The Zephyr project's tables, complete before anything is planned."""

    project: Project
    folders: Mapping[int, Folder] = {}
    statuses: Mapping[int, Named] = {}
    priorities: Mapping[int, Named] = {}
    seen: Seen = msgspec.field(default_factory=Seen)


class Target(msgspec.Struct, frozen=True):
    """The qTest project: its fields by label, its users by name, what it can do."""

    project_id: int
    fields: Mapping[str, Field] = {}
    users: Mapping[str, User] = {}
    findings: Findings = Findings()

    def active_fields(self) -> set[str]:
        """The labels of the fields that people see."""
        return {label for label, field in self.fields.items() if field.is_active}

    def system(self, original_name: str) -> Field | None:
        """The system field of that original name, whatever label the site gave it (facts.md 3.6)."""
        for field in self.fields.values():
            if field.system_field and (field.original_name or field.label).casefold() == original_name.casefold():
                return field
        return None


class FieldPlan(msgspec.Struct, frozen=True):
    """A field that test cases need: `attribute` is the Zephyr attribute it carries."""

    attribute: str
    label: str
    data_type: DataType
    choices: tuple[str, ...] = ()


class Context(msgspec.Struct, frozen=True):
    """The argument of every pure rule; `plans` says which field carries which attribute, `places` orders folders."""

    source: Source
    rules: Rules
    target: Target
    plans: Mapping[str, FieldPlan] = {}
    places: Mapping[int, int] = {}

    def field(self, label: str) -> Field:
        """The qTest field of that label; `SourceError` where it does not exist."""
        try:
            return self.target.fields[label]
        except KeyError:
            raise SourceError(f"the qTest field '{label}' does not exist") from None

    @property
    def root_module(self) -> str:
        """The name of the module that receives everything."""
        return self.rules.root_module or self.source.project.key


def fields_by_label(fields: Iterable[Field]) -> dict[str, Field]:
    """Fields by label; of two with one label the active one, else the first."""
    found: dict[str, Field] = {}
    for field in fields:
        if field.label not in found or (field.is_active and not found[field.label].is_active):
            found[field.label] = field
    return found
