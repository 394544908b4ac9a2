"""What is wrong in the mapping or the store ends the run by its name, before harm is done."""

import asyncio

import pytest
from moving import a_move

from ztoq_async.errors import SettingsError, StoreError
from ztoq_async.lanes.run import one_error
from ztoq_async.store.archive import Archive


@pytest.mark.parametrize(("rule", "words"), [('"Squat" = "QA"', "Squat"), ('"Status" = "Nirvana"', "Nirvana")])
async def test_a_required_rule_that_cannot_be_followed(rule, words, store_url, tmp_path):
    """A field or value that the project lacks stops the run before the first write; it does not refuse every case."""
    async with a_move(store_url, tmp_path, cases=3) as move:
        with (tmp_path / "mapping.toml").open("a") as file:
            file.write(f"\n[required]\n{rule}\n")
        with pytest.raises(SettingsError, match=rf"\[required\].*{words}"):
            await move.run()
        assert set((await move.stats())["objects"].values()) == {0}


async def test_a_store_that_fails_while_details_are_read(store_url, tmp_path, monkeypatch):
    """The store's own error ends the run, not a group of errors that nobody was promised."""

    async def full(*_):
        raise StoreError("no space is left")

    async with a_move(store_url, tmp_path, cases=3) as move:
        monkeypatch.setattr(Archive, "add_details", full)
        with pytest.raises(StoreError, match="no space"):
            await move.run()


async def test_one_error_of_nested_groups():
    """The first error comes out as itself, however deep."""

    async def failing():
        async with asyncio.TaskGroup() as inner:
            inner.create_task(asyncio.wait_for(_refuse(), 1))

    with pytest.raises(StoreError, match="deep"), one_error():
        async with asyncio.TaskGroup() as outer:
            outer.create_task(failing())


async def _refuse():
    raise StoreError("deep")
