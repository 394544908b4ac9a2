"""The two sides of a migration as plain data: a corpus folder, and what the sandbox's qTest holds."""

import gzip
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Row = dict[str, Any]
DEADLINE_S = 60


@dataclass
class Corpus:
    """A Zephyr project: folders of test cases, names of statuses and priorities by id, test cases and their scripts.

    `unlisted` are keys of those test cases that no list shows; `stubs` keys of those that Zephyr does not give at all.
    """

    project: str
    folders: list[Row] = field(default_factory=list)
    statuses: dict[int, str] = field(default_factory=dict)
    priorities: dict[int, str] = field(default_factory=dict)
    cases: list[Row] = field(default_factory=list)
    steps: dict[str, list[Row]] = field(default_factory=dict)
    scripts: dict[str, Row] = field(default_factory=dict)
    unlisted: set[str] = field(default_factory=set)
    stubs: set[str] = field(default_factory=set)


@dataclass
class Objects:
    """A qTest project: fields of test cases with their allowed values, modules, test cases."""

    fields: list[Row]
    modules: list[Row]
    cases: list[Row]


def read_corpus(folder: Path) -> Corpus:
    """The project of a folder of `.jsonl` or `.jsonl.gz` files."""
    return Corpus(
        project=next(_rows(folder, "projects"))["key"],
        folders=[row for row in _rows(folder, "folders") if row["folderType"] == "TEST_CASE"],
        statuses={row["id"]: row["name"] for row in _rows(folder, "statuses") if row["type"] == "TEST_CASE"},
        priorities={row["id"]: row["name"] for row in _rows(folder, "priorities")},
        cases=list(_rows(folder, "testcases")),
        steps={row["testCaseKey"]: row["values"] for row in _rows(folder, "teststeps")},
        scripts={row["testCaseKey"]: row for row in _rows(folder, "testscripts")},
    )


def _rows(folder: Path, name: str) -> Iterator[Row]:
    path = folder / f"{name}.jsonl"
    if path.exists():
        yield from _json_lines(path.read_bytes())
    elif (packed := folder / f"{name}.jsonl.gz").exists():
        yield from _json_lines(gzip.decompress(packed.read_bytes()))


def _json_lines(text: bytes) -> Iterator[Row]:
    return (json.loads(line) for line in text.split(b"\n") if line.strip())


def fetch(url: str, token: str = "") -> bytes:
    """The body of a GET; an answer above 399 raises `urllib.error.HTTPError`."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
        return bytes(answer.read())


def read_objects(base_url: str, token: str, project: int) -> Objects:
    """What the sandbox's qTest at `base_url` holds, by its desk and by the list of fields."""
    fields = json.loads(fetch(f"{base_url}/api/v3/projects/{project}/settings/test-cases/fields", token))
    modules, cases = (list(_json_lines(fetch(f"{base_url}/sandbox/objects?kind={k}"))) for k in ("module", "test-case"))
    return Objects(fields, modules, cases)


def read_calls(base_url: str) -> dict[tuple[str, str], int]:
    """How often the sandbox was called, by method and path."""
    found: dict[tuple[str, str], int] = {}
    for row in json.loads(fetch(f"{base_url}/sandbox/stats"))["calls"]:
        key = row["method"], row["path"]
        found[key] = found.get(key, 0) + row["n"]
    return found


def dump(base_url: str, token: str, project: str, folder: Path) -> Path:
    """Writes a Zephyr project that is served at `base_url` (it ends in `/v2`) as a corpus; gives the folder."""
    folder.mkdir(parents=True)

    def page(path: str) -> Iterator[Row]:
        start, total = 0, 1
        while start < total:
            joint = "&" if "?" in path else "?"
            answer = json.loads(fetch(f"{base_url}{path}{joint}startAt={start}&maxResults=1000", token))
            yield from answer["values"]
            start, total = start + len(answer["values"]), answer["total"]

    def write(name: str, rows: list[Row]) -> list[Row]:
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return rows

    write("projects", [json.loads(fetch(f"{base_url}/projects/{project}", token))])
    write("folders", list(page(f"/folders?projectKey={project}&folderType=TEST_CASE")))
    statuses = page(f"/statuses?projectKey={project}&statusType=TEST_CASE")
    write("statuses", [{**row, "type": "TEST_CASE"} for row in statuses])
    write("priorities", list(page(f"/priorities?projectKey={project}")))
    cases = write("testcases", list(page(f"/testcases?projectKey={project}")))
    stepwise = [row["key"] for row in cases if row["testScript"]["self"].endswith("/teststeps")]
    write("teststeps", [{"testCaseKey": key, "values": list(page(f"/testcases/{key}/teststeps"))} for key in stepwise])
    texts = sorted({row["key"] for row in cases} - set(stepwise))
    scripts = {key: json.loads(fetch(f"{base_url}/testcases/{key}/testscript", token)) for key in texts}
    write("testscripts", [{"testCaseKey": key, **script} for key, script in scripts.items()])
    return folder
