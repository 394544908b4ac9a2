"""Every request of a whole migration is one that the vendors' contracts describe."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from contract_files import QTEST, ZEPHYR, contract, needs_contracts
from recording import violations

from ztoq_async.engine import Engine
from ztoq_async.resources.calls import Attempt, Call
from ztoq_async.sandbox import Generator, Sandbox
from ztoq_async.settings import Settings, load

pytestmark = needs_contracts
CASES, EXECUTIONS = 40, 60


async def recorded_run(folder: Path) -> list[Call]:
    """The calls of proposing a mapping, of the run under it, and of taking everything back."""
    calls: list[Call] = []

    def record(attempt: Attempt) -> None:
        calls.append(attempt.call)

    async with Sandbox(Generator(CASES, executions=EXECUTIONS)) as sandbox:

        def settings(**tables: Any) -> Settings:
            zephyr, qtest = sandbox.zephyr, sandbox.qtest
            return load(
                None,
                zephyr={"base_url": zephyr.base_url, "token": zephyr.token, "project": zephyr.project},
                qtest={"base_url": qtest.base_url, "token": qtest.token, "project": qtest.project, "settle_s": 0.2},
                store={"path": str(folder / "store")},
                **tables,
            )

        mapping = folder / "mapping.toml"
        async with Engine(settings(), on_attempt=record) as engine:
            mapping.write_text(await engine.propose_mapping())
        async with Engine(settings(mapping={"file": str(mapping)}), on_attempt=record) as engine:
            await engine.run()
        async with Engine(settings(mapping={"file": str(mapping)}), on_attempt=record) as engine:
            assert (await engine.undo(fields=True))["outcome"] == "complete"
    return calls


async def test_every_request_of_a_run_and_of_its_undoing_is_in_the_contracts(tmp_path: Path):
    """Paths, queries and bodies of all calls; both services are called, and writes are among them."""
    calls = await recorded_run(tmp_path)
    qtest = [call for call in calls if re.match(r"/(api|oauth)/", call.path)]
    zephyr = [call for call in calls if not re.match(r"/(api|oauth)/", call.path)]
    assert len(zephyr) > CASES + EXECUTIONS
    assert sum(call.method == "POST" and call.path.endswith("/test-cases") for call in qtest) >= CASES
    assert sum(call.method == "POST" and call.path.endswith("/test-logs") for call in qtest) >= EXECUTIONS
    assert sum(call.method == "DELETE" and call.path.endswith(tuple("0123456789")) for call in qtest) > CASES
    assert violations(contract(ZEPHYR), zephyr) + violations(contract(QTEST), qtest) == []
