"""A source that changes between runs, between a proposal and its run, and while a list is read."""

import asyncio

import msgspec
import pytest
from moving import FAST, Move, a_move, assert_everything_once

from ztoq_async.sandbox import Generator, Sandbox

CASES = 20


class Changing(Generator):
    """The generated project; `changes` by position lie over its records, `deleted` positions are not listed."""

    def __init__(self):
        super().__init__(CASES, seed=5)
        self.changes = {}

    def case(self, position):
        record = super().case(position)
        change = self.changes.get(position)
        return msgspec.json.encode(msgspec.json.decode(record) | change) if change else record


async def test_labels_and_fields_that_appear_later_are_made_by_the_next_run(store_url, tmp_path):
    """A new choice is added to its field and a new field is switched on: the case that brings both is moved."""
    source = Changing()
    async with Sandbox(source, seed=5) as sandbox:
        move = Move(sandbox, store_url, 0.5)
        await move.propose(tmp_path)
        await move.run()
        fields = {"projectKey": sandbox.zephyr.project, "name": "added later", "labels": ["a-new-label"]}
        await move.call("POST", "/testcases", fields, service="zephyr")
        await assert_everything_once(move, await move.run(), cases=CASES + 1)
        await move.call("POST", "/testcases", fields, service="zephyr")
        number = CASES + 1
        state = sandbox._zephyr_state
        state._write(number, state.case_row(number) | {"customFields": {"A new field": "x"}})
        report = await move.run()
        assert report["kinds"]["field"]["created"] == 1
        await assert_everything_once(move, report, cases=CASES + 2)


@pytest.mark.parametrize("stopped", [False, True])
async def test_a_case_deleted_while_an_offset_list_is_read_hides_no_other(stopped, store_url, tmp_path, monkeypatch):
    """The rows behind it move up by one: the list is read again, also where the run was stopped in between."""
    listed = list(range(CASES))
    pages = 0

    def positions(request, state):
        nonlocal pages
        pages += 1
        if pages == 3:
            listed.remove(1)
        return listed

    async with Sandbox(Changing(), seed=5) as sandbox:
        move = Move(sandbox, store_url, 0.5)
        await move.propose(tmp_path)
        await move.use(zephyr={"cursor_lists": False, "page_cap": 5})
        monkeypatch.setattr("ztoq_async.sandbox.zephyr.test_cases._positions", positions)
        if stopped:
            async with move.engine() as engine:
                monkeypatch.setattr(engine._zephyr, "pages", _stopping(engine, engine._zephyr.pages))
                assert (await engine.run())["outcome"] == "interrupted"
        await assert_everything_once(move, await move.run(), cases=CASES)


def _stopping(engine, pages):
    async def stopping(path, *rest, **more):
        async for page in pages(path, *rest, **more):
            if path == "/testcases" and page.cursor and page.cursor.startswith("9:"):
                engine.stop()
            yield page

    return stopping


async def test_what_was_made_after_the_proposal_is_moved(store_url, tmp_path):
    """A proposal reads for itself: its run, perhaps days later, reads the lists as they are then."""
    async with Sandbox(Changing(), seed=5) as sandbox:
        move = Move(sandbox, store_url, 0.5)
        await move.propose(tmp_path)
        body = {"projectKey": sandbox.zephyr.project, "name": "made after the proposal"}
        await move.call("POST", "/testcases", body, service="zephyr")
        await assert_everything_once(move, await move.run(), cases=CASES + 1)
        await move.propose(tmp_path)
        assert (await move.verify())["outcome"] == "complete"


async def test_a_folder_deleted_in_zephyr_is_no_part_of_the_next_account(store_url, tmp_path):
    """Its module stays in qTest; the report speaks of the records that this pass has read."""
    async with Sandbox(Changing(), seed=5) as sandbox:
        move = Move(sandbox, store_url, 0.5)
        identity = sandbox._zephyr_state.add_folder("soon deleted", "TEST_CASE", None)
        await move.propose(tmp_path)
        first = await move.run()
        del sandbox._zephyr_state.folders[identity]
        report = await move.run()
        assert report["kinds"]["module"]["read"] == first["kinds"]["module"]["read"] - 1
        assert (report["differences"], report["ledger"]["refused"]) == ([], 0)
        assert [note for note in report["notes"] if note.startswith("1 records of earlier runs")]
        await assert_everything_once(move, report, cases=CASES)


async def test_a_list_of_single_rows_is_read_to_its_end(store_url, tmp_path):
    """A server that gives one row a page leaves no room for an overlap: the list still ends."""
    single = {"page_cap": 1, "cursor_lists": False}
    async with a_move(store_url, tmp_path, cases=5, zephyr=single) as move, asyncio.timeout(30):
        report = await move.run(limits=FAST)
    assert (report["outcome"], report["kinds"]["test-case"]["created"]) == ("complete", 5)
