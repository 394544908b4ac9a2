"""A source that changes between runs, between a proposal and its run, and while a list is read."""

import msgspec
from moving import Move, a_move, assert_everything_once

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
