"""A source project read from a folder of JSON lines, plain or gzip: one file for each kind, one object a line."""

import gzip
import zlib
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeVar

import msgspec

from ztoq_async.sandbox.source import Catalogue, Row

T = TypeVar("T")
Id = Annotated[int, msgspec.Meta(ge=1)]
Key = Annotated[str, msgspec.Meta(pattern=r"^.+-T[0-9]+$")]


class CorpusError(Exception):
    """A corpus that cannot be served; the message names the file and, where there is one, the line."""


class _Reference(msgspec.Struct):
    id: Id


class _Project(msgspec.Struct):
    id: int
    key: str
    jira_project_id: int = msgspec.field(name="jiraProjectId")
    enabled: bool


class _Folder(msgspec.Struct):
    id: Id
    name: str
    index: int
    parent_id: int | None = msgspec.field(name="parentId")
    kind: str = msgspec.field(name="folderType")


class _Named(msgspec.Struct):
    id: Id
    name: str
    index: int
    project: _Reference


class _Status(_Named):
    kind: Literal["TEST_CASE", "TEST_CYCLE", "TEST_PLAN", "TEST_EXECUTION"] = msgspec.field(name="type")


class _Case(msgspec.Struct, rename="camel"):
    id: Id
    key: Key
    name: str
    project: _Reference
    priority: _Reference
    status: _Reference
    created_on: str = ""
    folder: _Reference | None = None
    component: _Reference | None = None
    objective: str | None = None
    precondition: str | None = None
    estimated_time: int | None = None
    labels: list[str] = []
    custom_fields: dict[str, msgspec.Raw] = {}


class _Version(_Case, kw_only=True):
    version: Id


class _Called(msgspec.Struct):
    key: Key = msgspec.field(name="testCaseKey")


class _Inline(msgspec.Struct, rename="camel"):
    description: str | None = None
    test_data: str | None = None
    expected_result: str | None = None


class _Step(msgspec.Struct):
    inline: _Inline | None = None
    called: _Called | None = msgspec.field(name="testCase", default=None)


class _Steps(msgspec.Struct):
    key: str = msgspec.field(name="testCaseKey")
    values: list[_Step]


class _StepLine(msgspec.Struct):
    values: msgspec.Raw


class _Script(msgspec.Struct):
    key: str = msgspec.field(name="testCaseKey")
    kind: Literal["plain", "bdd"] = msgspec.field(name="type")
    text: str


class _CaseLine(NamedTuple):
    id: int
    key: str
    folder: int
    line: bytes


class Corpus:
    """The project of one folder. Lines stay bytes; every line is checked once, when the corpus is opened."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise CorpusError(f"{folder} is not a folder")
        self.catalogue = _catalogue(folder)
        fields: set[str] = set()
        cases = sorted(_cases(folder, fields))
        self.custom_fields = frozenset(fields)
        self.case_ids: Sequence[int] = array("q", (case.id for case in cases))
        self._lines = [case.line for case in cases]
        self._positions = {case.key: position for position, case in enumerate(cases)}
        self._folders = array("q", (case.folder for case in cases))
        self._children: dict[int, list[int]] = defaultdict(list)
        for position, case in enumerate(cases):
            self._children[case.folder].append(position)
        self.last_number = max((int(key.rpartition("-T")[2]) for key in self._positions), default=0)
        self._steps = {row.key: line for row, line in _rows(folder, "teststeps", _Steps)}
        self._scripts = {row.key: line for row, line in _rows(folder, "testscripts", _Script)}
        self._versions: dict[str, dict[int, bytes]] = defaultdict(dict)
        for version, line in _rows(folder, "testcaseversions", _Version):
            self._versions[version.key][version.version] = _without(line, "version")

    def position(self, key: str) -> int | None:
        return self._positions.get(key)

    def case(self, position: int) -> bytes:
        return self._lines[position]

    def created(self, position: int) -> str:
        return msgspec.json.decode(self._lines[position], type=_Case).created_on

    def folder_of(self, position: int) -> int | None:
        return self._folders[position] or None

    def in_folder(self, folder: int) -> Sequence[int]:
        return self._children.get(folder, ())

    def steps(self, position: int) -> bytes:
        line = self._steps.get(self._key(position))
        return b"[]" if line is None else bytes(msgspec.json.decode(line, type=_StepLine).values)

    def script(self, position: int) -> bytes | None:
        line = self._scripts.get(self._key(position))
        return None if line is None else _without(line, "testCaseKey")

    def versions(self, position: int) -> Mapping[int, bytes]:
        return self._versions.get(self._key(position), {})

    def _key(self, position: int) -> str:
        return msgspec.json.decode(self._lines[position], type=_Case).key


def _catalogue(folder: Path) -> Catalogue:
    projects = list(_rows(folder, "projects", _Project))
    if len(projects) != 1:
        raise CorpusError(f"{folder / 'projects.jsonl'}: one project was expected, {len(projects)} found")
    project, line = projects[0]
    return Catalogue(
        project=line,
        project_id=project.id,
        project_key=project.key,
        folders=_unique(folder, "folders", (Row(r.id, r.kind, b) for r, b in _rows(folder, "folders", _Folder))),
        priorities=_named(folder, "priorities"),
        statuses=_unique(
            folder, "statuses", (Row(r.id, r.kind, _without(b, "type")) for r, b in _rows(folder, "statuses", _Status))
        ),
        environments=_named(folder, "environments"),
    )


def _named(folder: Path, name: str) -> tuple[Row, ...]:
    return _unique(folder, name, (Row(row.id, "", line) for row, line in _rows(folder, name, _Named)))


def _unique(folder: Path, name: str, rows: Iterable[Row]) -> tuple[Row, ...]:
    kept = {}
    for row in rows:
        if row.id in kept:
            raise CorpusError(f"{folder / name}.jsonl: id {row.id} occurs twice")
        kept[row.id] = row
    return tuple(kept.values())


def _cases(folder: Path, fields: set[str]) -> Iterator[_CaseLine]:
    seen: set[int | str] = set()
    for case, line in _rows(folder, "testcases", _Case):
        if case.id in seen or case.key in seen:
            raise CorpusError(f"{folder / 'testcases.jsonl'}: test case {case.key} (id {case.id}) occurs twice")
        seen.update((case.id, case.key))
        fields.update(case.custom_fields)
        yield _CaseLine(case.id, case.key, case.folder.id if case.folder else 0, line)


def _rows(folder: Path, name: str, shape: type[T]) -> Iterator[tuple[T, bytes]]:
    """Each line of a file, checked; none where the folder has no such file."""
    path = next((p for end in ("", ".gz") if (p := folder / f"{name}.jsonl{end}").exists()), None)
    if path is None:
        return
    decoder = msgspec.json.Decoder(shape)
    for number, line in enumerate(_lines(path), 1):
        if line:
            try:
                row = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise CorpusError(f"{path}, line {number}: {error}") from error
            yield row, line


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for line in file:
                yield line.strip()
    except (OSError, EOFError, zlib.error) as error:
        raise CorpusError(f"{path} cannot be read: {error}") from error


def _without(line: bytes, name: str) -> bytes:
    """The row without what the corpus writes beside the API's own attributes."""
    row = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    del row[name]
    return msgspec.json.encode(row)
