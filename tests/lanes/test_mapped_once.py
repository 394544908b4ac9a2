"""What the engine knows since it made a row: neither the account nor the read-back may be any the poorer for it."""

import asyncio

import pytest
from moving import FAST, a_move

from ztoq_async.engine import Engine
from ztoq_async.lanes import load, verify
from ztoq_async.store.archive import Archive

CASES, EXECUTIONS = 40, 120


async def test_the_account_of_a_run_is_that_of_a_verification_after_it(store_url, tmp_path):
    """Counted while records are made, by rule and by row, or all of them once more at the end: the same."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        run = await move.run()
        verified = await move.verify()
    assert run["ledger"]["read"] > 20 * CASES
    assert run["ledger"]["rows"] > 0
    for name in ("read", "as_is", "by_rule", "refused", "unexplained", "rules", "rows", "lost"):
        assert run["ledger"][name] == verified["ledger"][name], name

    def by_key(row):
        return sorted(row.items())

    assert sorted(run["ledger"]["first"], key=by_key) == sorted(verified["ledger"]["first"], key=by_key)


async def test_what_comes_back_as_it_was_made_is_built_once(store_url, tmp_path, monkeypatch):
    """Test cases, runs and logs are built when they are made, and neither for the read-back nor for the account."""
    built = []

    async def counted(run, kind, item):
        built.append((kind.name, item.key))
        return await real(run, kind, item)

    real = load.built
    for module in (load, verify):
        monkeypatch.setattr(module, "built", counted)
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        report = await move.run()
    assert report["kinds"]["test-log"]["verified"] == report["kinds"]["test-log"]["created"] > 0
    for kind in ("test-case", "test-run", "test-log"):
        keys = [key for name, key in built if name == kind]
        assert len(keys) == len(set(keys)) > 0


@pytest.mark.parametrize(
    ("moment", "kind"), [pytest.param("approve", "test-case", marks=pytest.mark.slow), ("test-logs", "test-run")]
)
async def test_what_people_edit_while_a_run_goes_on_is_found_by_its_read_back(moment, kind, store_url, tmp_path):
    """Made by the same engine, compared when it was made, edited before it is read back: named."""
    edits, calls = [], []

    async def edit():
        wanted = await move.objects(kind)
        path = f"/api/v3/projects/{move.sandbox.qtest.project}/{kind}s/{wanted[-1]['id']}"
        await move.call("PUT", path, {"name": "renamed", "properties": []})

    def noticed(attempt):
        calls.append(attempt.call.label.endswith(moment))
        if not edits and calls.count(True) > 10:  # the first ones are the probe's
            edits.append(asyncio.create_task(edit()))

    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        await move.use(qtest={"latency_ms": 20})
        async with Engine(move.settings(), on_attempt=noticed) as engine:
            report = await engine.run()
        await edits[0]
    assert [row["fields"] for row in report["differences"]] == [["name"]]


async def test_a_run_that_is_interrupted_has_no_account(store_url, tmp_path):
    """Not the one of the run before, and no half of its own."""
    async with a_move(store_url, tmp_path, cases=4, executions=4) as move:
        assert (await move.run())["ledger"]["read"] > 0
        async with move.engine() as engine:
            engine.stop()
            report = await engine.run()
    assert (report["outcome"], report["ledger"]["read"], report["ledger"]["rows"]) == ("interrupted", 0, 0)


async def test_no_more_details_are_read_ahead_than_may_be_in_flight(store_url, tmp_path, monkeypatch):
    """While the archive keeps none of them: what a crash would lose has to be read again."""
    real, kept, asked = Archive.add_details, asyncio.Event(), []

    async def held_back(self, *args):
        await kept.wait()
        await real(self, *args)

    def note(attempt):
        asked.extend([attempt] if attempt.call.label.endswith(("/teststeps", "/testscript")) else [])

    monkeypatch.setattr(Archive, "add_details", held_back)
    async with (
        a_move(store_url, tmp_path, cases=3 * FAST["in_flight"], executions=4) as move,
        Engine(move.settings(), on_attempt=note) as engine,
    ):
        running = asyncio.create_task(engine.run())
        while len(asked) < FAST["in_flight"]:  # noqa: ASYNC110 - told by nobody
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        ahead = {attempt.call.path.split("/")[2] for attempt in asked}  # a script of the other kind asks twice
        kept.set()
        assert (await running)["outcome"] == "complete"
    assert len(ahead) <= FAST["in_flight"]


async def test_logs_are_made_while_details_are_read(store_url, tmp_path):
    """Details come slowly: by the last of them a good part of the test logs is there."""
    calls = []
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        await move.use(zephyr={"latency_ms": 100})
        limits = {**FAST, "in_flight": 4}
        async with Engine(move.settings(limits=limits), on_attempt=lambda one: calls.append(one.call)) as engine:
            report = await engine.run()
    last = max(place for place, call in enumerate(calls) if call.label.startswith("/testexecutions/"))
    made = sum(call.method == "POST" and call.label.endswith("/test-logs") for call in calls[:last])
    assert made > report["kinds"]["test-log"]["created"] / 3
