"""Moves of a generated project between the two services of a sandbox, and what the sandbox then holds."""

import contextlib
from collections import Counter

import aiohttp
import history
import msgspec

from ztoq_async.engine import Engine
from ztoq_async.sandbox import Generator, Profile, Sandbox
from ztoq_async.settings import load

FAST = {"zephyr_per_minute": 600_000, "qtest_per_minute": 600_000, "in_flight": 16}


class Move:
    """A sandbox and the settings of engines that move its project into one store."""

    def __init__(self, sandbox, store_url, settle_s):
        self.sandbox = sandbox
        self.store_url = store_url
        self.settle_s = settle_s
        self.mapping = {}

    def settings(self, **tables):
        zephyr, qtest = self.sandbox.zephyr, self.sandbox.qtest
        return load(
            None,
            **{
                "zephyr": {"base_url": zephyr.base_url, "token": zephyr.token, "project": zephyr.project},
                "qtest": {
                    "base_url": qtest.base_url,
                    "token": qtest.token,
                    "project": qtest.project,
                    "settle_s": self.settle_s,
                },
                "store": {"url": self.store_url},
                "limits": FAST,
                "mapping": self.mapping,
                **tables,
            },
        )

    def engine(self, **tables):
        return Engine(self.settings(**tables))

    async def propose(self, folder):
        """Writes a complete mapping and uses it from now on."""
        async with self.engine() as engine:
            text = await engine.propose_mapping()
        (folder / "mapping.toml").write_text(text, encoding="utf-8")
        self.mapping = {"file": folder / "mapping.toml"}
        return text

    async def run(self, *, adopt=False, executions="all", **tables):
        async with self.engine(**tables) as engine:
            return await engine.run(adopt=adopt, executions=executions)

    async def verify(self, **tables):
        async with self.engine(**tables) as engine:
            return await engine.verify()

    async def undo(self, **wishes):
        async with self.engine() as engine:
            return await engine.undo(**wishes)

    async def stats(self, service="qtest"):
        return await self.call("GET", "/sandbox/stats", service=service)

    async def objects(self, kind):
        root = self.sandbox.qtest.base_url
        async with aiohttp.ClientSession() as session, session.get(f"{root}/sandbox/objects?kind={kind}") as answer:
            return [msgspec.json.decode(line) for line in (await answer.read()).splitlines()]

    async def call(self, method, path, body=None, *, service="qtest"):
        """A call as a user of the service makes it; `/sandbox/…` is the desk. The answer's JSON."""
        here = getattr(self.sandbox, service)
        root = here.base_url.removesuffix("/v2") if path.startswith("/sandbox") else here.base_url
        headers = {"Authorization": f"Bearer {here.token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, root + path, json=body) as answer,
        ):
            assert answer.status < 300, await answer.text()
            return await answer.json(content_type=None) if answer.status != 204 else None

    async def use(self, **tables):
        """Another profile from the next call on; its table `qtest` goes on holding the dialect only if given."""
        await self.call("PUT", "/sandbox/profile", tables)


@contextlib.asynccontextmanager
async def a_move(store_url, folder, *, cases=40, executions=0, faulty=0, settle_s=0.3, seed=1, **profile):
    """A sandbox, its mapping proposed in fair weather; the profile holds from then on."""
    source = Generator(cases, executions=executions, seed=seed, faulty=faulty)
    async with Sandbox(source, profile=Profile(), seed=seed) as sandbox:
        move = Move(sandbox, store_url, settle_s)
        await move.propose(folder)
        if profile:
            await move.use(**profile)
        yield move


def made(row):
    """How many records of a kind are there and known to be ours."""
    return sum(row[word] for word in ("created", "recovered", "adopted", "updated", "unchanged"))


async def assert_everything_once(move, report, *, cases, past=None):
    """Each source record has one object, the report counts each once, and nothing differs.

    `past` is the history that was due: then `cases` are those of the list, and others may be known to executions only.
    """
    if past is not None:
        cases = len(past.cases)
        await assert_history(move, report, past)
    stats = await move.stats()
    kinds = report["kinds"]
    shown = {kind: {word: n for word, n in row.items() if n} for kind, row in kinds.items() if any(row.values())}
    assert stats["duplicates"] == [], shown
    assert stats["objects"]["test-case"] == cases, shown
    for kind in ("field", "module", "test-case"):
        row = kinds[kind]
        assert row["read"] == made(row) == row["verified"], (kind, shown)
    assert kinds["test-case"]["read"] == cases
    assert report["ledger"]["unexplained"] == 0
    assert report["ledger"]["read"] == sum(report["ledger"][word] for word in ("as_is", "by_rule", "refused"))
    assert report["outcome"] == "complete", (shown, report["differences"][:5], report["extra"][:5])


async def assert_history(move, report, past):
    """Every run with its logs in their order, each once; runs of approved versions, approved once."""
    kinds = report["kinds"]
    found = await history.held(move)
    differing = {key: (past.runs.get(key), found.runs.get(key)) for key in {*past.runs, *found.runs}}
    assert found.runs == past.runs, {key: pair for key, pair in differing.items() if pair[0] != pair[1]}
    assert (found.cases, found.suites) == (past.cases, past.suites)
    assert (kinds["test-run"]["read"], kinds["test-log"]["read"]) == (len(past.runs), past.logs)
    assert kinds["test-suite"]["read"] == sum("outside" not in key for key in past.suites)
    for kind in ("test-cycle", "test-suite", "test-run", "test-log"):
        row = kinds[kind]
        assert row["read"] == made(row) == row["verified"], (kind, row, report["differences"][:3])


async def assert_approved_once(move, past):
    """What has runs is version 1.0, whatever else stays a draft."""
    approved = history.run_cases(past)
    assert {key for key, version in (await history.versions(move)).items() if version == "1.0"} == approved
    assert set((await history.versions(move)).values()) <= {"1.0", "0.1"}


def writes(stats):
    """The calls that change something, searches left out."""
    found = Counter()
    for call in stats["calls"]:
        if call["method"] != "GET" and "search" not in call["path"] and "oauth" not in call["path"]:
            found[f"{call['method']} {call['path']}"] += call["n"]
    return found
