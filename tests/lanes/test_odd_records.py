"""Records that break the contract: refused by name, while everything else goes on."""

import msgspec
from moving import FAST, Move, made

from ztoq_async.sandbox import Generator, Sandbox

CASES = 30
ODD = {
    "labels": {"labels": "one"},
    "estimatedTime": {"estimatedTime": "long"},
    "status": {"status": {"self": "x"}},
    "createdOn": {"createdOn": "yesterday"},
    "0001": {"createdOn": "0001-01-01T00:00:00+14:00"},
    "folder": {"folder": {"id": 99}},
    "customFields.Odd": {"customFields": {"Odd": {"a": 1}}},
}


class Odd(Generator):
    """The generated project with its last records changed, after the generator and before the service."""

    def __init__(self, changes):
        super().__init__(CASES, seed=5)
        self._changes = {CASES - len(changes) + place: change for place, change in enumerate(changes)}

    def case(self, position):
        record = super().case(position)
        change = self._changes.get(position)
        return msgspec.json.encode(msgspec.json.decode(record) | change) if change else record


async def moved(changes, store_url, folder):
    """The report of the run that moves such a project."""
    async with Sandbox(Odd(changes), seed=5) as sandbox:
        move = Move(sandbox, store_url, 0.5)
        await move.propose(folder)
        return await move.run(limits={**FAST, "tries": 2})


async def test_odd_records_are_refused_by_name_and_the_rest_is_moved(store_url, tmp_path):
    """Each has a ledger row with its key and what is wrong; the account adds up; the outcome is degraded."""
    report = await moved(list(ODD.values()), store_url, tmp_path)
    row = report["kinds"]["test-case"]
    refused = {entry["key"]: entry["words"] for entry in report["ledger"]["first"] if entry["rule"] == "refused"}
    assert (row["read"], row["refused"], made(row)) == (CASES, len(ODD), CASES - len(ODD)), refused
    for place, word in enumerate(ODD, start=CASES - len(ODD) + 1):
        assert word in refused[f"SBX-T{place}"], refused
    assert (report["outcome"], report["ledger"]["unexplained"]) == ("degraded", 0)


async def test_an_attribute_that_nobody_knows_fails_the_run(store_url, tmp_path):
    """What the service gains tomorrow is moved past, named and not hidden: the outcome is failed."""
    report = await moved([{"novelty": "new"}], store_url, tmp_path)
    assert (report["outcome"], report["ledger"]["unexplained"]) == ("failed", 1)
    rows = [entry for entry in report["ledger"]["first"] if entry["rule"] == "unexplained"]
    assert [(row["key"], row["attribute"]) for row in rows] == [(f"SBX-T{CASES}", "novelty")]
    assert made(report["kinds"]["test-case"]) == CASES


class Halved(Odd):
    """The last name ends in half an emoji, as a text does that was cut by length."""

    def case(self, position):
        record = super().case(position)
        return record.replace(b'"name":"', b'"name":"\\ud83d', 1) if position == CASES - 1 else record


async def test_half_a_character_spoils_one_record_and_not_its_page(store_url, tmp_path):
    """A lone surrogate is no text: its record is refused by key, every other record of the page is moved."""
    async with Sandbox(Halved([{}]), seed=5) as sandbox:
        move = Move(sandbox, store_url, 0.5)
        await move.propose(tmp_path)
        report = await move.run(limits=FAST)
    row = report["kinds"]["test-case"]
    refused = [entry["key"] for entry in report["ledger"]["first"] if entry["rule"] == "refused"]
    assert (row["read"], row["refused"], made(row), refused) == (CASES, 1, CASES - 1, [f"SBX-T{CASES}"])


async def test_links_without_words_are_moved(store_url, tmp_path):
    """A link whose description is null is a link."""
    links = {"issues": [{"issueId": 7, "target": None}], "webLinks": [{"url": "https://a.b", "description": None}]}
    report = await moved([{"links": links}], store_url, tmp_path)
    assert (report["outcome"], made(report["kinds"]["test-case"])) == ("complete", CASES)


async def test_a_nul_in_a_reason_and_in_a_name_is_stored_with_a_sign(store_url, tmp_path):
    """PostgreSQL's text holds no NUL: the record is refused by name or its loss noted, and the run goes on."""
    changes = [{"labels": "one\0two"}, {"customFields": {"Odd\0": {"a\0": 1}}}, {"customFields": {"a\0b": "<script>x"}}]
    report = await moved(changes, store_url, tmp_path)
    row = report["kinds"]["test-case"]
    assert (row["read"], row["refused"], made(row)) == (CASES, 2, CASES - 2), report["ledger"]["first"]
    assert "customFields.a\ufffdb" in {entry["attribute"] for entry in report["ledger"]["first"]}
    assert report["ledger"]["unexplained"] == 0


async def test_a_value_that_people_switched_off_is_not_proposed(store_url, tmp_path):
    """qTest refuses it on every new test case."""
    async with Sandbox(Generator(CASES, seed=5), seed=5) as sandbox:
        fields = sandbox._qtest_state.fields.all("test-cases")
        status = next(field for field in fields if field.label == "Status")
        status.labelled("New").is_active = False
        move = Move(sandbox, store_url, 0.5)
        assert '= "New"' not in (await move.propose(tmp_path)).partition("[priority]")[0]
        assert (await move.run())["outcome"] == "complete"
