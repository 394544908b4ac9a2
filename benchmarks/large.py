"""A small project, as a corpus of the sandbox, in which one test case has a very large step."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CASES = 20
LINE = '<p>Open the <b>page</b> &amp; check <a href="https://x.example/a">the link</a>.</p>'
PROJECT = {"id": 7}
STATUS, PRIORITY = {"id": 1, "name": "Draft"}, {"id": 2, "name": "Normal"}


def write(folder: Path, size: int) -> None:
    """Files of JSON lines; the first test case has a step of that many bytes."""
    folder.mkdir()
    ours = {"index": 0, "project": PROJECT}
    cases = [_case(number) for number in range(1, CASES + 1)]
    large = _step(LINE * (size // len(LINE)))
    steps = [{"testCaseKey": case["key"], "values": [_step(LINE), _step(LINE)]} for case in cases]
    steps[0]["values"].append(large)
    _save(folder, "projects", [PROJECT | {"key": "MM", "jiraProjectId": 10_000, "enabled": True}])
    _save(folder, "statuses", [STATUS | ours | {"type": "TEST_CASE"}])
    _save(folder, "priorities", [PRIORITY | ours])
    _save(folder, "testcases", cases)
    _save(folder, "teststeps", steps)


def _case(number: int) -> dict[str, Any]:
    key = f"MM-T{number}"
    script = {"self": f"https://api.zephyrscale.smartbear.com/v2/testcases/{key}/teststeps"}
    refers = {"project": PROJECT, "status": {"id": STATUS["id"]}, "priority": {"id": PRIORITY["id"]}}
    created = {"createdOn": "2024-01-01T00:00:00Z", "testScript": script}
    return {"id": 100 + number, "key": key, "name": f"Case {number}", **refers, **created}


def _step(text: str) -> dict[str, Any]:
    return {"inline": {"description": text, "testData": "", "expectedResult": "It is shown"}}


def _save(folder: Path, name: str, rows: Iterable[dict[str, Any]]) -> None:
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
