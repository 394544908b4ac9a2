"""Lists whose rows are large: pages get smaller until they can be read, and every row comes once."""

import pytest

from ztoq_async import ConnectionPool, QTestClient, ServiceError, load_settings
from ztoq_async.qtest import client as clients
from ztoq_async.qtest import paths
from ztoq_async.qtest.client import part_of
from ztoq_async.sandbox import Generator, Profile, Sandbox

CASES, LARGE = 30, 20_000


def settings_of(qtest):
    tables = {"base_url": qtest.base_url, "token": qtest.token, "project": qtest.project}
    return load_settings(None, zephyr={"base_url": "http://x/v2", "token": "t", "project": "X"}, qtest=tables).qtest


async def listed(sandbox, **bounds):
    """Names and page sizes asked for, by a client whose pool has these bounds."""
    qtest, sizes = sandbox.qtest, []

    def note(attempt):
        sizes.extend(int(value) for name, value in attempt.call.query if name == "size")

    async with (
        ConnectionPool(**bounds) as pool,
        QTestClient(settings_of(qtest), pool=pool, on_attempt=note) as client,
    ):
        return [case.name async for case in client.get_test_cases(qtest.project)], sizes


@pytest.fixture
async def sandbox():
    """A project with large test cases."""
    async with Sandbox(Generator(1)) as both:
        await fill(both)
        yield both


async def fill(both):
    qtest = both.qtest
    async with QTestClient(settings_of(qtest)) as client:
        for number in range(CASES):
            body = {"name": f"case {number}", "description": "x" * LARGE, "properties": [], "test_steps": []}
            await client.send(paths.create_test_case(qtest.project, body))


async def test_a_page_that_is_too_large_is_asked_for_in_parts(sandbox):
    """With room for five of thirty rows in an answer: all come, once, in pages that make up the first one."""
    names, sizes = await listed(sandbox, max_body=5 * LARGE)
    assert names == [f"case {number}" for number in range(CASES)]
    assert sizes[0] == 1000
    assert sizes == sorted(sizes, reverse=True)
    assert 1 <= sizes[-1] <= 4


async def test_pages_get_smaller_before_they_fill_the_memory(sandbox, monkeypatch):
    """After a large page, with rows still to come: smaller ones that begin where it ended."""
    monkeypatch.setattr(clients, "LARGE_PAGE", 10 * LARGE)
    monkeypatch.setattr(paths, "MOST_TEST_CASES", 12)
    names, sizes = await listed(sandbox)
    assert names == [f"case {number}" for number in range(CASES)]
    assert sizes[0] == 12
    assert 1 < sizes[1] < 12
    assert set(sizes[1:]) == {sizes[1]}


async def test_where_pages_are_capped_nobody_knows_where_smaller_ones_begin(sandbox, monkeypatch):
    """They stay as they are, and all rows come; a single row that is too large ends the list by name."""
    monkeypatch.setattr(clients, "LARGE_PAGE", 3 * LARGE)
    async with Sandbox(Generator(1), profile=Profile.of({"qtest": {"page_cap": 7}})) as capped:
        await fill(capped)
        names, sizes = await listed(capped)
    assert (len(names), set(sizes)) == (CASES, {1000})
    with pytest.raises(ServiceError, match="larger than"):
        await listed(sandbox, max_body=LARGE)


@pytest.mark.parametrize(
    ("size", "most", "part"), [(999, 499, 333), (999, 40, 37), (1000, 500, 500), (3, 1, 1), (1, 0, 1), (0, 0, 0)]
)
def test_parts_make_up_a_page(size, most, part):
    """The largest that divides it."""
    assert part_of(size, most) == part
