"""Runs that are stopped, repeated, doubled, or that meet what somebody else has made."""

import asyncio
import random

import pytest
from moving import FAST, a_move, assert_everything_once, made, writes

from ztoq_async.errors import AlreadyMoved, SettingsError, StoreBusy

CASES = 24
SLOWLY = {"qtest": {"latency_ms": 20}, "zephyr": {"latency_ms": 5}}


async def test_records_that_cannot_be_moved_are_named_and_the_rest_goes_on(store_url, tmp_path):
    """Each of the five kinds of faulty record has a ledger row with its key and the reason; the outcome is degraded."""
    async with a_move(store_url, tmp_path, cases=CASES, faulty=5) as move:
        report = await move.run(limits={"tries": 2, "zephyr_per_minute": 600_000, "qtest_per_minute": 600_000})
        row = report["kinds"]["test-case"]
        assert (report["outcome"], row["read"], row["refused"], made(row)) == ("degraded", CASES + 5, 5, CASES)
        words = {entry["key"]: entry["words"] for entry in report["ledger"]["first"] if entry["rule"] == "refused"}
        assert set(words) == {f"SBX-T{CASES + n}" for n in range(1, 6)}
        for number, reason in enumerate(("blank", "500", "status", "cucumber", "neither steps nor a script"), start=1):
            assert reason in words[f"SBX-T{CASES + number}"], words
        assert report["ledger"]["unexplained"] == 0
        assert (await move.stats())["objects"]["test-case"] == CASES


async def test_an_unmapped_status_is_named_before_the_first_write(store_url, tmp_path):
    """Without a mapping file the values that have no equal in qTest are listed, and qTest is not touched."""
    async with a_move(store_url, tmp_path, cases=CASES) as move:
        before = writes(await move.stats())
        move.mapping = {}
        with pytest.raises(SettingsError, match=r'\[status\] "'):
            await move.run()
        assert writes(await move.stats()) == before


async def test_a_fresh_store_stops_before_a_project_that_holds_our_keys(store_url, new_store, tmp_path):
    """AlreadyMoved says how many; adopting takes them over, and nothing is made twice."""
    async with a_move(store_url, tmp_path, cases=CASES) as move:
        await move.run()
        move.store_url = await new_store()
        before = writes(await move.stats())
        with pytest.raises(AlreadyMoved, match=f"{CASES} test-cases"):
            await move.run()
        assert writes(await move.stats()) == before
        report = await move.run(adopt=True)
        await assert_everything_once(move, report, cases=CASES)
        assert report["kinds"]["test-case"]["adopted"] == CASES


async def test_adopting_reads_modules_as_the_probe_found(store_url, new_store, tmp_path):
    """Where the module tree shows no descriptions, a fresh store takes over every module and makes none."""
    async with a_move(store_url, tmp_path, cases=CASES, qtest={"tree_descriptions": False}) as move:
        modules = (await move.run())["kinds"]["module"]["created"]
        before = (await move.stats())["objects"]["module"]
        move.store_url = await new_store()
        report = await move.run(adopt=True)
        assert (report["kinds"]["module"]["adopted"], (await move.stats())["objects"]["module"]) == (modules, before)
        await assert_everything_once(move, report, cases=CASES)


async def test_keys_that_a_project_hides_are_not_taken_for_absent(store_url, new_store, tmp_path):
    """Adopting with `Zephyr Key` switched off would make every case twice: it is refused before the first write."""
    async with a_move(store_url, tmp_path, cases=CASES) as move:
        await move.run()
        fields = move.sandbox._qtest_state.fields
        next(field for field in fields.all("test-cases") if field.label == "Zephyr Key").is_active = False
        fields.changed("test-cases")
        move.store_url = await new_store()
        before = writes(await move.stats())
        with pytest.raises(SettingsError, match="'Zephyr Key' of test-cases is switched off"):
            await move.run(adopt=True)
        assert writes(await move.stats()) == before


async def test_a_second_engine_on_one_store_is_refused_by_name(store_url, tmp_path):
    """StoreBusy names the process that works; the first one goes on undisturbed."""
    async with a_move(store_url, tmp_path, cases=CASES, **SLOWLY) as move:
        async with move.engine() as engine:
            first = asyncio.create_task(engine.run())
            await asyncio.sleep(0.3)
            with pytest.raises(StoreBusy, match="process"):
                await move.run()
            report = await first
        await assert_everything_once(move, report, cases=CASES)


@pytest.mark.parametrize("after", [0.5, *(pytest.param(s, marks=pytest.mark.slow) for s in (0.1, 0.9, 1.3))])
async def test_a_stopped_run_is_gone_on_with(after, store_url, tmp_path):
    """`stop` in mid-run: interrupted; the next run completes what is left, everything once."""
    async with a_move(store_url, tmp_path, cases=CASES, **SLOWLY) as move:
        async with move.engine() as engine:
            running = asyncio.create_task(engine.run())
            await asyncio.sleep(after)
            engine.stop()
            assert (await running)["outcome"] == "interrupted"
        await move.use()
        await assert_everything_once(move, await move.run(), cases=CASES)


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 20))])
async def test_a_run_cancelled_again_and_again_is_gone_on_with(seed, store_url, tmp_path):
    """Cancelling at any moment, with replies being lost, loses nothing and makes nothing twice."""
    moments = random.Random(seed)
    async with a_move(store_url, tmp_path, cases=CASES, **{**SLOWLY, "seed": seed}) as move:
        for _ in range(4):
            running = asyncio.create_task(move.run())
            await asyncio.sleep(moments.uniform(0.05, 1.2))
            running.cancel()
            await asyncio.wait([running])
        await move.use(qtest={"lost_reply_rate": 0.02})
        await assert_everything_once(move, await move.run(), cases=CASES)


async def test_a_case_added_in_zephyr_is_the_only_one_that_the_next_run_makes(store_url, tmp_path):
    """One created, the others unchanged."""
    async with a_move(store_url, tmp_path, cases=CASES) as move:
        await move.run()
        body = {"projectKey": move.sandbox.zephyr.project, "name": "added later"}
        await move.call("POST", "/testcases", body, service="zephyr")
        report = await move.run()
        row = report["kinds"]["test-case"]
        assert (row["created"], row["unchanged"], row["refused"]) == (1, CASES, 0), report["ledger"]["first"]
        await assert_everything_once(move, report, cases=CASES + 1)


async def test_verify_does_not_call_an_unfinished_move_complete(store_url, tmp_path):
    """What was written is verified, and the outcome says that not everything was."""
    async with a_move(store_url, tmp_path, cases=CASES) as move:
        assert (await move.run(limits={**FAST, "month_calls": 70}))["outcome"] == "interrupted"
        report = await move.verify()
        row = report["kinds"]["test-case"]
        assert (report["outcome"], row["read"]) == ("interrupted", CASES)
        assert 0 < made(row) == row["verified"] < CASES


@pytest.mark.slow
async def test_verify_is_refused_while_a_run_works_on_the_store(store_url, tmp_path):
    """Both would mark the same rows and write the same account: StoreBusy, and the run is not disturbed."""
    async with a_move(store_url, tmp_path, cases=CASES, **SLOWLY) as move:
        await move.run()
        async with move.engine() as engine:
            running = asyncio.create_task(engine.run())
            await asyncio.sleep(0.3)
            with pytest.raises(StoreBusy, match="process"):
                await move.verify()
            await assert_everything_once(move, await running, cases=CASES)


async def test_what_people_change_behind_our_back_is_reported_by_name(store_url, tmp_path):
    """An edited name is `different`, a deleted case `missing`, a copy with our key `extra`; the outcome is degraded."""
    async with a_move(store_url, tmp_path, cases=CASES) as move:
        await move.run()
        project = f"/api/v3/projects/{move.sandbox.qtest.project}/test-cases"
        cases = await move.objects("test-case")
        keyed = {
            case["id"]: next(p["field_value"] for p in case["properties"] if p["field_name"] == "Zephyr Key")
            for case in cases
        }
        caller = {step.get("called_test_case_id") for case in cases for step in case.get("test_steps") or []}
        edited, copied = cases[0], cases[2]
        deleted = next(case for case in cases[3:] if case["id"] not in caller and not case.get("test_steps"))
        await move.call("PUT", f"{project}/{edited['id']}", {"name": "edited", "properties": edited["properties"]})
        await move.call("DELETE", f"{project}/{deleted['id']}")
        sent = {name: copied[name] for name in ("name", "description", "parent_id")}
        sent["properties"] = [
            {k: p[k] for k in ("field_id", "field_value")} for p in copied["properties"] if p.get("field_value")
        ]
        await move.call("POST", project, sent)
        report = await move.verify()
        row = report["kinds"]["test-case"]
        assert (row["different"], row["missing"], row["extra"]) == (1, 1, 1), (row, report["differences"])
        assert report["outcome"] == "degraded"
        assert report["differences"] == [{"kind": "test-case", "key": keyed[edited["id"]], "fields": ["name"]}]
        assert any(keyed[copied["id"]] in words for words in report["extra"])
