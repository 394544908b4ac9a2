"""Runs under fault profiles: what a service may do is survived, or ends by name and is gone on with; all is once."""

import asyncio
import contextlib

import history
import msgspec
import pytest
from moving import FAST, a_move, assert_approved_once, assert_everything_once
from through import new_database

from ztoq_async.engine import Engine
from ztoq_async.errors import Forbidden, NotSent, OutcomeUnknown, SettingsError, Unreachable
from ztoq_async.resources import tries
from ztoq_async.resources.client import ServiceClient

CASES, EXECUTIONS = 12, 20
QUICK = {**FAST, "in_flight": 8, "attempt_timeout_s": 0.5}
CHANGES = [
    {"qtest": {"lost_reply_rate": 0.2}, "zephyr": {"error_rate": 0.2}},
    {"qtest": {"error_after_rate": 0.2}, "zephyr": {"truncate_rate": 0.2, "page_cap": 3}},
    {"qtest": {"html_error_rate": 0.2}, "zephyr": {"html_error_rate": 0.2}},
    {"qtest": {"late_apply_rate": 0.1, "late_apply_s": 0.15}, "zephyr": {"drop_rate": 0.2}},
    {"qtest": {"slow_rate": 0.1, "slow_s": 0.8}, "zephyr": {"slow_rate": 0.1, "slow_s": 0.8}},
    {"qtest": {"truncate_rate": 0.2, "list_lag_s": 0.2, "search_lag_s": 0.5}},
    {"qtest": {"rate_per_minute": 3000, "rate_window_s": 0.5, "retry_after_s": 0}},
    {},
]


@contextlib.asynccontextmanager
async def moving(postgres, folder, **more):
    """A move into a new database of the server, and the history that is due."""
    url = postgres.dsn.replace("/postgres?", f"/{await new_database(postgres.dsn)}?")
    async with a_move(url, folder, **{"cases": CASES, "executions": EXECUTIONS, **more}) as move:
        yield move, await history.due(move)


async def watched(settings, on_attempt):
    """A run whose requests are told."""
    async with Engine(settings, on_attempt=on_attempt) as engine:
        return await engine.run()


async def assert_once(move, report, past):
    await move.use()
    await assert_everything_once(move, report, cases=CASES, past=past)
    await assert_approved_once(move, past)


def at(label, number, act):
    """Tells of requests; at the n-th of a path `act` is called."""
    seen = 0

    def count(attempt):
        nonlocal seen
        seen += label in attempt.call.endpoint
        if seen == number:
            seen += 1
            act()

    return count


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 8))])
async def test_every_record_is_moved_once_while_the_faults_change(seed, postgres, tmp_path):
    """PUT /sandbox/profile seven times in mid-run: faults of both services, each kind for a while."""
    async with moving(postgres, tmp_path) as (move, past):
        changes, attempts = [], 0

        def change(_):
            nonlocal attempts
            attempts += 1
            if attempts % 25 == 0 and len(changes) < len(CHANGES):
                changes.append(asyncio.create_task(move.use(**CHANGES[len(changes)], seed=seed)))

        report = await watched(move.settings(limits=QUICK), change)
        await asyncio.gather(*changes)
        assert len(changes) >= 6
        statuses = {call["status"] for call in (await move.stats())["calls"]}
        assert 0 in statuses
        assert statuses & {500, 503}  # which of them a seed draws
        await assert_once(move, report, past)


def by_password(move, **more):
    """The table [qtest] with the user's password instead of a token."""
    username, password = move.sandbox.credentials
    here = move.sandbox.qtest
    return {
        "base_url": here.base_url,
        "project": here.project,
        "username": username,
        "password": password,
        "settle_s": move.settle_s,
        **more,
    }


@pytest.mark.slow
async def test_tokens_that_expire_again_and_again_are_renewed(postgres, tmp_path):
    """Tokens of a second, and answers that get lost: 401, a new token, on with it; nothing is made twice."""
    async with moving(postgres, tmp_path) as (move, past):
        await move.use(qtest={"token_lifetime_s": 1.0, "lost_reply_rate": 0.05, "latency_ms": 40})
        report = await move.run(qtest=by_password(move), limits=QUICK)
        calls = (await move.stats())["calls"]
        assert sum(call["n"] for call in calls if call["path"] == "/oauth/token") >= 2
        assert any(call["status"] == 401 for call in calls)
        await assert_once(move, report, past)


@pytest.mark.parametrize(
    ("service", "moment"),
    [pytest.param("zephyr", ("/teststeps", 4), marks=pytest.mark.slow), ("qtest", ("/test-cases", 8))],
)
async def test_a_token_that_is_refused_for_good_ends_the_run_by_name(service, moment, postgres, tmp_path):
    """401 in mid-run: SettingsError names the token's setting; with one that works the same run makes the rest."""
    async with moving(postgres, tmp_path) as (move, past):
        revoked = []

        def revoke():
            revoked.append(asyncio.create_task(move.use(**{service: {"refuses_token": True}})))

        with pytest.raises(SettingsError, match=rf"refuses the token.*{service.upper()}__TOKEN|\[{service}\] token"):
            await watched(move.settings(), at(*moment, revoke))
        await asyncio.gather(*revoked)
        await move.use()
        await assert_once(move, await move.run(), past)


@pytest.mark.slow
async def test_a_password_that_is_refused_for_good_ends_the_run_by_name(postgres, tmp_path):
    """New tokens that are refused at once are not asked for without end."""
    async with moving(postgres, tmp_path) as (move, past):
        await move.run(qtest=by_password(move))
        await move.use(qtest={"refuses_token": True})
        with pytest.raises(SettingsError, match=r"\[qtest\] token"):
            await move.run(qtest=by_password(move))
        calls = (await move.stats())["calls"]
        assert sum(call["n"] for call in calls if call["path"] == "/oauth/token") < 10
        await move.use()
        report = await move.run(qtest=by_password(move))
        assert report["kinds"]["test-case"]["unchanged"] == len(past.cases)


async def test_rights_that_are_taken_away_in_mid_run_end_it_by_name(postgres, tmp_path):
    """403 on a create: the error names the record; nothing of what was to be made is refused or lost."""
    async with moving(postgres, tmp_path) as (move, past):
        changed = []

        def take_away():
            changed.append(asyncio.create_task(move.use(qtest={"read_only": True})))

        with pytest.raises(
            Forbidden, match=r"(test-case|approval) SBX-T\d+: qtest: (POST|PUT) .* answered 403.*may not"
        ):
            await watched(move.settings(limits=QUICK), at("POST /api/v3/projects/{projectId}/test-cases", 8, take_away))
        await asyncio.gather(*changed)
        await move.use()
        await assert_once(move, await move.run(), past)


REFUSALS = {"none": {"retry_after_s": "none"}, "nought": {"retry_after_s": 0}, "seconds": {"retry_after_s": 1}}


@pytest.mark.parametrize(
    ("service", "said"),
    [
        pytest.param("qtest", "none", marks=pytest.mark.slow),
        *(pytest.param("qtest", said, marks=pytest.mark.slow) for said in ("nought", "seconds")),
        *(pytest.param("zephyr", said, marks=pytest.mark.slow) for said in REFUSALS),
    ],
)
async def test_a_service_that_answers_429_for_ever_ends_the_run_by_name(service, said, postgres, tmp_path, monkeypatch):
    """However it asks to wait: after the patience of one call its name and what it said; later the run goes on."""
    monkeypatch.setattr(tries, "PATIENCE", 1.0)
    async with moving(postgres, tmp_path) as (move, past):
        exhausted = {"month_quota": 1, **REFUSALS[said]}  # and no header says that it is the month
        changed = []

        def exhaust():
            changed.append(asyncio.create_task(move.use(**{service: exhausted})))

        label = "/teststeps" if service == "zephyr" else "POST /api/v3/projects/{projectId}/test-cases"
        with pytest.raises((Unreachable, NotSent), match=rf"{service}: \w+ .* answered 429: .*quota"):
            await watched(move.settings(), at(label, 6, exhaust))
        await asyncio.gather(*changed)
        await move.use()
        await assert_once(move, await move.run(), past)


@pytest.mark.parametrize("status", ["503", pytest.param("429", marks=pytest.mark.slow)])
async def test_details_that_a_whole_service_keeps_back_refuse_no_record(status, postgres, tmp_path, monkeypatch):
    """Zephyr's maintenance page for every test case's steps: the run ends; it does not refuse record after record."""
    monkeypatch.setattr(tries, "PATIENCE", 0.5)
    fault = {"html_error_rate": 1.0} if status == "503" else {"month_quota": 1, "retry_after_s": 0}
    async with moving(postgres, tmp_path) as (move, past):
        changed = []

        def fail():
            changed.append(asyncio.create_task(move.use(zephyr=fault)))

        with pytest.raises(Unreachable, match="zephyr"):
            await watched(move.settings(limits={**QUICK, "tries": 3}), at("/testcases/{testCaseKey}/test", 3, fail))
        await asyncio.gather(*changed)
        async with move.engine() as engine:
            assert [row["refused"] for row in (await engine.status())["kinds"].values() if row["refused"]] == []
        await move.use()
        await assert_once(move, await move.run(), past)


async def test_a_page_with_status_200_for_every_record_refuses_none(postgres, tmp_path, monkeypatch):
    """Some proxies say so that a service is down: what was given before is asked for, and not given either."""
    send, given = ServiceClient.send, []

    async def down(self, call):
        if call.label.startswith("/testcases/{testCaseKey}/test"):
            given.append(call)
            if len(given) > 3:
                raise Unreachable("zephyr: a page for people", service="zephyr", status=200)
        return await send(self, call)

    async with moving(postgres, tmp_path) as (move, past):
        with monkeypatch.context() as patched, pytest.raises(Unreachable, match="a page for people"):
            patched.setattr(ServiceClient, "send", down)
            await move.run(limits={**QUICK, "in_flight": 1})
        async with move.engine() as engine:
            assert [row["refused"] for row in (await engine.status())["kinds"].values() if row["refused"]] == []
        await assert_once(move, await move.run(), past)


def between_pages(monkeypatch, wanted, act):
    """Awaits `act` after each answer to a call that is wanted: what follows comes from a list that has changed."""
    send = ServiceClient.send

    async def sending(self, call):
        answer = await send(self, call)
        if wanted(call):
            await act()
        return answer

    monkeypatch.setattr(ServiceClient, "send", sending)


@pytest.mark.parametrize("cursor_lists", [True, False])
async def test_test_cases_that_appear_while_zephyr_is_read_are_moved_too(cursor_lists, postgres, tmp_path, monkeypatch):
    """A case is made behind the first page of the list, and one behind the second: both are moved, once."""
    async with moving(postgres, tmp_path) as (move, _):
        added = []

        def first_pages(call):
            return call.label in ("/testcases", "/testcases/nextgen") and len(added) < 2

        async def add():
            added.append(len(added))
            body = {"projectKey": move.sandbox.zephyr.project, "name": f"added {len(added)}"}
            await move.call("POST", "/testcases", body, service="zephyr")

        await move.use(zephyr={"cursor_lists": cursor_lists, "page_cap": 5})
        between_pages(monkeypatch, first_pages, add)
        report = await move.run()
        await move.use()
        past = await history.due(move)
        assert len(added) == 2
        assert report["kinds"]["test-case"]["read"] == len(past.cases)
        await assert_everything_once(move, report, cases=CASES + 2, past=past)


async def test_rows_that_people_delete_while_qtest_is_read_hide_none_of_ours(postgres, tmp_path, monkeypatch):
    """Whenever a case whose answer was lost would come next in a list, one of people before it vanishes.

    It moves up into the page that was just read, in the list of its module and in the project's: it is there, it is
    found, and it is not sent again.
    """
    async with moving(postgres, tmp_path) as (move, past):
        cases, state = f"/api/v3/projects/{move.sandbox.qtest.project}/test-cases", move.sandbox._qtest_state
        people, lost, hidden = {}, set(), set()

        async def people_add(module):
            people[module] = []
            for number in range(10):
                body = {"name": f"of people {number}", "parent_id": module, "properties": []}
                people[module].append((await move.call("POST", cases, body))["id"])

        async def people_delete(parent, page):
            ids = list(state.cases.ids(int(parent) if parent else None))
            following = ids[page] if page < len(ids) else None
            before = [identity for rows in people.values() for identity in rows if identity in ids[:page]]
            if following in lost and before and (parent, following) not in hidden:
                hidden.add((parent, following))
                await move.call("DELETE", f"{cases}/{before[0]}")

        send = ServiceClient.send

        async def sending(self, call):
            query = dict(call.query)
            made = call.method == "POST" and call.path == cases and b"SBX-T" in call.body
            if made and (module := msgspec.json.decode(call.body)["parent_id"]) not in people:
                await people_add(module)
            answer = await send(self, call)
            if made and len(lost) < 4:
                lost.add(msgspec.json.decode(answer.body)["id"])
                raise OutcomeUnknown("the answer was lost")
            if call.method == "GET" and call.path == cases and "page" in query:
                await people_delete(query.get("parentId", ""), int(query["page"]))
            return answer

        await move.use(qtest={"size_cap": 1})
        monkeypatch.setattr(ServiceClient, "send", sending)
        report = await move.run(limits={**QUICK, "in_flight": 1})
        monkeypatch.undo()
        assert len(hidden) >= 4
        assert report["kinds"]["test-case"]["recovered"] == 4
        assert report["outcome"] == "complete", (report["extra"], report["differences"])
        for row in [identity for rows in people.values() for identity in rows if identity in state.cases.ids(None)]:
            await move.call("DELETE", f"{cases}/{row}")
        await assert_once(move, report, past)
