"""Moves with executions: every run and log once, in order, of versions approved once; and what people change is told."""

import asyncio

import history
import pytest
from moving import FAST, a_move, assert_approved_once, assert_everything_once, made, writes

from ztoq_async.errors import AlreadyMoved, SettingsError
from ztoq_async.zephyr.client import ZephyrClient

CASES, EXECUTIONS = 12, 44


async def test_every_execution_is_a_log_of_its_run_oldest_first(store_url, tmp_path):
    """One run a test case, cycle and environment; one log a result; what a second run finds it leaves alone."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        past = await history.due(move)
        await assert_everything_once(move, await move.run(), cases=CASES, past=past)
        await assert_approved_once(move, past)
        before = writes(await move.stats())
        report = await move.run()
        assert writes(await move.stats()) == before
        await assert_everything_once(move, report, cases=CASES, past=past)
        assert report["kinds"]["test-log"]["unchanged"] == past.logs


async def test_writing_waits_for_details_that_come_late(store_url, tmp_path, monkeypatch):
    """All runs are made before the first result of a step is read: logs wait, and the run does not end over it."""
    read = ZephyrClient.get_results

    async def late(client, number):
        await asyncio.sleep(2.0)
        return await read(client, number)

    monkeypatch.setattr(ZephyrClient, "get_results", late)
    async with a_move(store_url, tmp_path, cases=3, executions=3) as move:
        past = await history.due(move)
        await assert_everything_once(move, await move.run(), cases=3, past=past)
