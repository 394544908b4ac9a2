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


class Source(Protocol):
    """One read-only project. A test case is named by its position in the ascending order of ids, from 0."""

    catalogue: Catalogue
    case_ids: Sequence[int]
    last_number: int
    """The highest number in a test case key: 7 for ABC-T7, 0 for a project without cases."""
    custom_fields: frozenset[str]

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
