"""What must hold when a move has come to its end, whatever happened on the way."""

import json
from typing import Any

import aiohttp
from engines import Process

from ztoq_async.sandbox import Sandbox

MADE = ("created", "recovered", "adopted", "unchanged")
BAD = ("refused", "different", "missing", "extra")
WRITING = ("POST", "PUT", "DELETE")
Row = dict[str, Any]


def site_of(sandbox: Sandbox) -> dict[str, Row]:
    """Where its services are, as `sandbox --json` tells it."""
    sides = (("zephyr", sandbox.zephyr), ("qtest", sandbox.qtest))
    return {name: {"base_url": x.base_url, "token": x.token, "project": x.project} for name, x in sides}


async def stats(sandbox: Sandbox) -> Row:
    """What the sandbox's qTest has counted."""
    async with aiohttp.ClientSession() as session, session.get(f"{sandbox.qtest.base_url}/sandbox/stats") as answer:
        found: Row = await answer.json(content_type=None)
    return found


async def use_profile(sandbox: Sandbox, profile: Row) -> None:
    """The profile holds from the next call on."""
    async with (
        aiohttp.ClientSession() as session,
        session.put(f"{sandbox.qtest.base_url}/sandbox/profile", data=json.dumps(profile)) as answer,
    ):
        assert answer.status == 200, await answer.text()


def writes(found: Row) -> int:
    """Calls that change something in qTest."""
    return sum(
        row["n"] for row in found["calls"] if row["method"] in WRITING and not row["path"].endswith(("search", "token"))
    )


def assert_adds_up(report: Row) -> None:
    """Read = as it is + by rule + refused, for each kind and in all, and nothing is unexplained."""
    ledger = report["ledger"]
    assert ledger["unexplained"] == 0
    for row in (ledger, *ledger["kinds"].values()):
        assert row["read"] == sum(row.get(word, 0) for word in ("as_is", "by_rule", "refused")), row


def assert_complete(process: Process) -> None:
    """Exit code 0, everything made or known once and verified, and the ledger adds up."""
    assert process.code == 0, process.said
    report = process.report
    assert report["outcome"] == "complete"
    for kind, row in report["kinds"].items():
        assert row["read"] == sum(row[word] for word in MADE) == row["verified"], (kind, row)
        assert not any(row[word] for word in BAD), (kind, row)
    assert_adds_up(report)
    assert report["ledger"]["read"] > 0
