"""What a source project offers the Zephyr side: rows in the JSON of the Cloud API v2, found by id, key and position."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

CLOUD = "https://api.zephyrscale.smartbear.com/v2"
"""Host of every `self` address in stored rows; answers carry the sandbox's own address instead."""


class Row(NamedTuple):
    """One row of a short list; `kind` is a folder's folderType or a status's type, else empty."""

    id: int
    kind: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The project and its short lists, each in the order in which the API lists it."""

    project: bytes
    project_id: int
    project_key: str
    folders: tuple[Row, ...]
    priorities: tuple[Row, ...]
    statuses: tuple[Row, ...]
    environments: tuple[Row, ...]


class UnreadableError(Exception):
    """A record that the service answers with an error for ever."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class CaseSource(Protocol):
    """The test cases of one project. A case is named by its position in the ascending order of ids, from 0."""

    catalogue: Catalogue
    case_ids: Sequence[int]
    last_number: int
    """The highest number in a test case key, those of archived cases included; 0 for a project without cases."""
    custom_fields: frozenset[str]

    def key(self, position: int) -> str:
        """Key of the case."""

    def position(self, key: str) -> int | None:
        """Position of the case with this key."""

    def case(self, position: int) -> bytes:
        """The newest version as `GET /testcases/{key}` gives it."""

    def created(self, position: int) -> str:
        """The case's createdOn, `2026-06-30T00:00:00Z`."""

    def folder_of(self, position: int) -> int | None:
        """Id of the case's folder."""

    def in_folder(self, folder: int) -> Sequence[int]:
        """Ascending positions of the cases directly in a folder."""

    def steps(self, position: int) -> bytes:
        """JSON array of the steps; `[]` for a case that has a script. Raises `UnreadableError`."""

    def script(self, position: int) -> bytes | None:
        """The API's TestScript; None for a step-by-step case. Raises `UnreadableError`."""

    def versions(self, position: int) -> Mapping[int, bytes]:
        """Older versions by their number, empty for a case that has only one version."""

    def older_ids(self, position: int) -> Mapping[int, int]:
        """Ids of the older versions by their number."""


class Facts(NamedTuple):
    """What lists of executions filter by; 0 and "" stand for nothing."""

    case_key: str
    case_id: int
    cycle: int
    environment: int
    version: int
    """Id of the Jira version."""
    ended: str
    """actualEndDate"""
    updated: str


class Executions(Protocol):
    """Test executions, each named by its position in the ascending order of ids, from 0."""

    ids: Sequence[int]
    last_number: int
    """The highest number in a key: 7 for ABC-E7."""
    custom_fields: frozenset[str]

    def position(self, key: str) -> int | None:
        """Position of the execution with this key."""

    def row(self, position: int, *, step_links: bool = False) -> bytes:
        """The execution as `GET /testexecutions/{key}` gives it, the links of its steps among its own if asked."""

    def facts(self, position: int) -> Facts:
        """What lists filter by, found faster than the row."""

    def steps(self, position: int) -> bytes:
        """JSON array of the frozen steps with their results. Raises `UnreadableError`."""


@dataclass(frozen=True, slots=True)
class History:
    """The test cycles of a project and what was executed in them."""

    executions: Executions
    cycles: Sequence[bytes] = ()
    """Each as `GET /testcycles/{key}` gives it."""
    cycle_fields: frozenset[str] = frozenset()
    """Names of the cycles' custom fields."""
    neighbour: "Source | None" = None
    """Another project, some of whose cases are executed in this one and may be read by their keys."""


class Source(CaseSource, Protocol):
    """One read-only project."""

    history: History
