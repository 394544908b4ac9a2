"""What executions name and no list shows: of several the newest stands for it."""

from types import SimpleNamespace

import msgspec
from moving import a_move

from ztoq_async.lanes.references import _missing
from ztoq_async.resources.database import Database
from ztoq_async.store.archive import Archive
from ztoq_async.store.tenure import Tenure
from ztoq_async.zephyr.sources import SOURCES

ENDS = {"1": "2020-01-02T00:00:00Z", "2": "2020-03-04T00:00:00Z", "3": "2020-02-03T00:00:00Z"}


async def test_the_newest_execution_stands_for_a_case_that_zephyr_does_not_give(store_url, tmp_path):
    """Whatever their order in the archive; what the list of test cases shows is not missing."""
    source = next(source for source in SOURCES if source.name == "test-execution")
    async with a_move(store_url, tmp_path, cases=2, executions=4), Database(store_url) as database:
        old = bytes(await database.fetchval("SELECT record FROM archive WHERE source = 'test-execution' LIMIT 1"))
        shown = await database.fetchval("SELECT key FROM archive WHERE source = 'test-case' LIMIT 1")
        await database.execute("DELETE FROM archive WHERE source = 'test-execution'")
        named = [(key, "SBX-T99", end) for key, end in ENDS.items()] + [("4", shown, ENDS["1"])]
        for key, case, end in named:
            record = _execution(old, int(key), case, end)
            await database.execute(
                "INSERT INTO archive (source, key, pass, record) VALUES ('test-execution', $1, 1, $2)", key, record
            )
        found = await _missing(SimpleNamespace(archive=Archive(database, Tenure.none(), 1)), source)
    assert {name: naming.key for name, naming in found.items()} == {("test-case", "SBX-T99"): "2"}


def _execution(record, number, case, end):
    address = {"id": 1, "self": f"https://zephyr/v2/testcases/{case}/versions/1"}
    own = {"id": number, "actualEndDate": end, "testCase": address}
    return msgspec.json.encode(msgspec.json.decode(record) | own)
