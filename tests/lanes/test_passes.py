"""What is read how often: a pass that goes on reads nothing twice, and no list is the last word on what is missing."""

from collections import Counter

from moving import FAST, a_move, assert_everything_once

CASES = 12
DETAILS = ("/testcases/{testCaseKey}/teststeps", "/testcases/{testCaseKey}/testscript")


async def asked(move):
    """How often each path of Zephyr was asked, details of test cases together."""
    found = Counter()
    for call in (await move.stats("zephyr"))["calls"]:
        found["details" if call["path"] in DETAILS else call["path"]] += call["n"]
    return found


async def test_a_run_that_goes_on_reads_no_list_twice(store_url, tmp_path):
    """The month's calls end while it writes: the next run asks for the project alone, and for details still lacking."""
    async with a_move(store_url, tmp_path, cases=CASES) as move:
        before = await asked(move)
        report = await move.run(limits={**FAST, "month_calls": 60})
        assert report["outcome"] == "interrupted"
        first = await asked(move) - before
        report = await move.run()
        await assert_everything_once(move, report, cases=CASES)
        second = await asked(move) - before - first
        assert set(second) <= {"/projects/{projectIdOrKey}", "details"}
        assert (first + second)["details"] == CASES


async def test_what_no_list_shows_is_asked_for_by_its_id(store_url, tmp_path):
    """Lists that lag by an hour show nothing of the move: every record is found one by one, none is called missing."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=20) as move:
        await move.run()
        await move.use(qtest={"list_lag_s": 3600, "search_lag_s": 3600})
        report = await move.verify()
        missing = {kind: row["missing"] for kind, row in report["kinds"].items() if row["missing"]}
        assert (missing, report["outcome"]) == ({}, "complete"), report["differences"]
