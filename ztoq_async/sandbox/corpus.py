"""A source project read from a folder of JSON lines, plain or gzip: one file for each kind, one object a line."""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec

from ztoq_async.sandbox.corpus_history import read_history
from ztoq_async.sandbox.corpus_lines import CorpusError, read_rows, without
from ztoq_async.sandbox.generated_cycles import completed
from ztoq_async.sandbox.generated_executions import ARCHIVED, history
from ztoq_async.sandbox.source import Catalogue, Row

Id = Annotated[int, msgspec.Meta(ge=1)]
Key = Annotated[str, msgspec.Meta(pattern=r"^.+-T[0-9]+$")]


class _Reference(msgspec.Struct):
    id: Id


class _Keyed(msgspec.Struct):
    key: Key


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

    def __init__(self, folder: Path, *, executions: int = 0, seed: int = 0) -> None:
        """Where the folder has no executions, `executions` of them are generated over its cases."""
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
        self._steps = {row.key: line for row, line in read_rows(folder, "teststeps", _Steps)}
        self._scripts = {row.key: line for row, line in read_rows(folder, "testscripts", _Script)}
        self._versions: dict[str, dict[int, bytes]] = defaultdict(dict)
        for version, line in read_rows(folder, "testcaseversions", _Version):
            self._versions[version.key][version.version] = without(line, "version")
        self.history = read_history(folder)
        if executions and self.case_ids and not self.history.executions.ids:
            self.catalogue = completed(self.catalogue, seed, executions)
            self.last_number += ARCHIVED
            self.history = history(self, len(self.case_ids), executions, seed, own=self.history)

    def key(self, position: int) -> str:
        return msgspec.json.decode(self._lines[position], type=_Keyed).key

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
        line = self._steps.get(self.key(position))
        return b"[]" if line is None else bytes(msgspec.json.decode(line, type=_StepLine).values)

    def script(self, position: int) -> bytes | None:
        line = self._scripts.get(self.key(position))
        return None if line is None else without(line, "testCaseKey")

    def versions(self, position: int) -> Mapping[int, bytes]:
        return self._versions.get(self.key(position), {})

    def older_ids(self, position: int) -> Mapping[int, int]:
        rows = self.versions(position)
        return {number: msgspec.json.decode(row, type=_Reference).id for number, row in rows.items()}


def _catalogue(folder: Path) -> Catalogue:
    projects = list(read_rows(folder, "projects", _Project))
    if len(projects) != 1:
        raise CorpusError(f"{folder / 'projects.jsonl'}: one project was expected, {len(projects)} found")
    project, line = projects[0]
    return Catalogue(
        project=line,
        project_id=project.id,
        project_key=project.key,
        folders=_unique(folder, "folders", (Row(r.id, r.kind, b) for r, b in read_rows(folder, "folders", _Folder))),
        priorities=_named(folder, "priorities"),
        statuses=_unique(
            folder,
            "statuses",
            (Row(r.id, r.kind, without(b, "type")) for r, b in read_rows(folder, "statuses", _Status)),
        ),
        environments=_named(folder, "environments"),
    )


def _named(folder: Path, name: str) -> tuple[Row, ...]:
    return _unique(folder, name, (Row(row.id, "", line) for row, line in read_rows(folder, name, _Named)))


def _unique(folder: Path, name: str, rows: Iterable[Row]) -> tuple[Row, ...]:
    kept = {}
    for row in rows:
        if row.id in kept:
            raise CorpusError(f"{folder / name}.jsonl: id {row.id} occurs twice")
        kept[row.id] = row
    return tuple(kept.values())


def _cases(folder: Path, fields: set[str]) -> Iterator[_CaseLine]:
    seen: set[int | str] = set()
    for case, line in read_rows(folder, "testcases", _Case):
        if case.id in seen or case.key in seen:
            raise CorpusError(f"{folder / 'testcases.jsonl'}: test case {case.key} (id {case.id}) occurs twice")
        seen.update((case.id, case.key))
        fields.update(case.custom_fields)
        yield _CaseLine(case.id, case.key, case.folder.id if case.folder else 0, line)
