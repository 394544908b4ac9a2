"""The normaliser sees each change that matters, and none that a second run makes by itself."""

import asyncio
import copy
import json
import re

import pytest
from engines import moving
from moves import assert_complete, site_of
from same_content import content, differences, read_objects

from ztoq_async.sandbox import Corpus, Sandbox


@pytest.fixture(scope="module")
def objects(nursery, tmp_path_factory, library):
    """What one move of the small library leaves."""

    async def move():
        async with Sandbox(Corpus(library), seed=1) as sandbox:
            with moving(nursery, site_of(sandbox), tmp_path_factory.mktemp("same") / "move") as moved:
                await moved.propose()
                assert_complete(await moved.run())
                return await read_objects(sandbox.qtest.base_url)

    return asyncio.run(move())


def of(objects, kind, key):
    """The row of a kind that shows the key."""
    return next(row for row in objects[kind] if key in json.dumps(row))


def test_other_ids_pids_and_dates_are_the_same_content(objects):
    """All ids of objects, versions, steps and values moved on, all dates of creation later: no difference."""
    text = json.dumps(objects)
    ids = {row["id"] for rows in objects.values() for row in rows}
    ids |= {step["id"] for case in objects["test-case"] for step in case["test_steps"]}
    ids |= {case["test_case_version_id"] for case in objects["test-case"]}
    ids |= {value["value"] for field in objects["field"] for value in field.get("allowed_values", ())}
    ids |= {step["test_step_log_id"] for log in objects["test-log"] for step in log["test_step_logs"]}
    for identity in ids:
        text = re.sub(rf"\b{identity}\b", str(identity + 50_000_000), text)
    text = re.sub(r'("(?:created|last_modified)_date(?:_utc)?": ")\d{4}', r"\g<1>2031", text)
    text = re.sub(r'"pid": "(..)-(\d+)"', r'"pid": "\1-9\2"', text)
    other = json.loads(text)
    assert other != objects
    assert differences(content(objects), content(other)) == []


def _swap_logs(objects):
    logs = [row for row in objects["test-log"] if row["test_run_id"] == of(objects, "test-log", "2002")["test_run_id"]]
    first, second = logs[0], logs[1]
    for word in ("note", "exe_start_date", "exe_end_date"):
        first[word], second[word] = second[word], first[word]


CHANGES = {
    "an object twice": lambda o: o["test-run"].append({**o["test-run"][0], "id": 1}),
    "an object less": lambda o: o["test-log"].pop(),
    "a stray object": lambda o: o["module"].append({**o["module"][0], "id": 1, "description": ""}),
    "a second approval": lambda o: of(o, "test-case", "CR-T1").update(version="2.0"),
    "no approval": lambda o: of(o, "test-case", "CR-T2").update(version="0.1"),
    "two logs in the wrong order": _swap_logs,
    "another place": lambda o: of(o, "test-case", "CR-T4").update(parent_id=o["module"][0]["id"]),
    "a suite elsewhere": lambda o: of(o, "test-suite", "CR-R1").update(parentId=1),
    "a step less": lambda o: of(o, "test-case", "CR-T1")["test_steps"].pop(),
    "two steps in the wrong order": lambda o: of(o, "test-case", "CR-T1")["test_steps"].reverse(),
    "another called case": lambda o: of(o, "test-case", "CR-T2")["test_steps"][0].update(called_test_case_id=1),
    "a field's value": lambda o: of(o, "test-case", "CR-T1")["properties"][0].update(field_value_name="Draft"),
    "a field that is switched off": lambda o: o["field"][0].update(is_active=False),
    "a value twice": lambda o: of(o, "field", "smoke")["allowed_values"].append(
        of(o, "field", "smoke")["allowed_values"][0]
    ),
    "a log's status": lambda o: o["test-log"][0]["status"].update(name="Failed"),
    "a log's date": lambda o: o["test-log"][0].update(exe_end_date="2021-01-01T00:00:00+00:00"),
    "a result of another step": lambda o: of(o, "test-log", "2002")["test_step_logs"][0].update(test_step_id=1),
    "a run of another version": lambda o: o["test-run"][0].update(test_case_version_id=1),
    "the order of modules": lambda o: of(o, "module", "unfiled").update(order=7),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_that_matters_is_a_difference(change, objects):
    """Whatever a crash could have made twice, lost, mixed up or moved."""
    changed = copy.deepcopy(objects)
    change(changed)
    assert differences(content(objects), content(changed)) != []
