"""The simulation finds what it is made for: with a rule of the protocol broken in the code, some seed fails."""

from unittest import mock

import memory_statements
import pytest
from seeds import failures

from ztoq_async.lanes import load
from ztoq_async.mapping.kind import Made
from ztoq_async.qtest.client import QTestClient
from ztoq_async.resources import outcomes
from ztoq_async.store import chains, tenure
from ztoq_async.store.journal import Journal, Transition
from ztoq_async.store.transitions import DONE, DOUBT, PENDING

RANGE = range(500)


def replaced(owner, name, new):
    """A part of the program is another while the mutation holds."""
    return mock.patch.object(owner, name, new)


async def nothing(*_, **__):
    """Does nothing."""


async def sent_again_without_a_look(run, kind, doubts):
    for doubt in doubts:
        run.journal.hand_over(Transition(doubt.id, PENDING, resent=True))
    await run.journal.flush()


async def looked_for_in_the_search_alone(run, kind, doubts):
    found = set()
    async for page in run.qtest.pages(kind.read_back(run.context)):
        for key, made, _ in kind.recognise(page, run.context):
            for doubt in doubts:
                if doubt.key == key and key not in found:
                    found.add(key)
                    run.journal.hand_over(Transition(doubt.id, DONE, made, "recovered"))
    for doubt in doubts:
        if doubt.key not in found:
            run.journal.hand_over(Transition(doubt.id, PENDING, resent=True))
    await run.journal.flush()


async def doubts_sent_again(self, *args):
    found = await SENT_AS_IT_IS(self, *args)
    return Transition(found.id, PENDING) if found.state == DOUBT else found


async def no_answer_is_done(self, *args):
    found = await SENT_AS_IT_IS(self, *args)
    return Transition(found.id, DONE, Made(1), "created") if found.state == DOUBT else found


async def flushed_and_lost_when_cancelled(self):
    async with self._lock:
        batch, self._gathered = self._gathered, []
        self.gathered.clear()
        if batch:
            await self._tenure.write(self._database, lambda session: self._write(session, batch))
    self.settled.set()


async def claimed_without_knowing_who_works(self, kind, source, most, working=()):
    self._claiming = True
    return await CLAIM_AS_IT_IS(self, kind, source, most, ())


async def claimed_by_the_group(self):
    in_flight = self._run.settings.limits.in_flight
    return await self._run.journal.claim(self._kind.name, self._kind.source, 100, self._working) if in_flight else []


async def only_the_first_page(self, listing):
    async for page in PAGES_AS_THEY_ARE(self, listing):
        yield page
        return


async def ordered_by_nothing(self, session, rows):
    return {row.key: () for row in rows}


async def taken_over_as_settled(self, settle_s):
    await TAKE_OVER_AS_IT_IS(self, 0.0)


async def counted_once(self, session, settled):
    if len(settled) > 1:
        await RECOUNT_AS_IT_IS(self, session, settled)


SENT_AS_IT_IS = load.Load._sent
CLAIM_AS_IT_IS = Journal.claim
PAGES_AS_THEY_ARE = QTestClient.pages
TAKE_OVER_AS_IT_IS = Journal.take_over
RECOUNT_AS_IT_IS = Journal._recount

IS_READY_WHATEVER_IT_WAITS_FOR = lambda row, kind, number: (  # noqa: E731
    (row["kind"], row["state"], row["pass"]) == (kind, PENDING, number) and not row["lacks"]
)

MUTATIONS = {
    "1 an epoch is not checked": replaced(tenure.Tenure, "_check", nothing),
    "1 a successor does not wait for the lease": replaced(tenure, "_outlive", nothing),
    "2 a claim does not wait for the parent's commit": replaced(
        memory_statements, "is_ready", IS_READY_WHATEVER_IT_WAITS_FOR
    ),
    "2 any number of rows is claimed": replaced(load.Load, "_claim", claimed_by_the_group),
    "2 rows in work are taken for lost": replaced(Journal, "claim", claimed_without_knowing_who_works),
    "3 the fence is ignored": replaced(tenure.Tenure, "fence", lambda self: None),
    "4 a 5xx is taken for not applied": replaced(outcomes, "NOT_APPLIED", outcomes.NOT_APPLIED | {500, 502, 503, 504}),
    "4 a lost answer is taken for not applied": replaced(load.Load, "_sent", doubts_sent_again),
    "4 a lost answer is taken for done": replaced(load.Load, "_sent", no_answer_is_done),
    "5 doubts are looked at before they have settled": replaced(load.Load, "_settling", nothing),
    "5 a successor looks at once": replaced(Journal, "take_over", taken_over_as_settled),
    "5 a successor does not doubt": replaced(Journal, "take_over", nothing),
    "6 sent again without a look": replaced(load, "settle", sent_again_without_a_look),
    "6 what the search lacks is taken for absent": replaced(load, "settle", looked_for_in_the_search_alone),
    "6 a list is not read to its end": replaced(QTestClient, "pages", only_the_first_page),
    "8 what was made too late is forgotten": replaced(Journal, "_note_orphans", nothing),
    "9 a cancelled flush loses what it had": replaced(Journal, "flush", flushed_and_lost_when_cancelled),
    "14 children of refused rows are forgotten": replaced(Journal, "_refuse_children", nothing),
    "14 what waits is not counted again": replaced(Journal, "_recount", counted_once),
    "18 soft edges are ignored": replaced(chains.Chains, "before", ordered_by_nothing),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_broken_rule_breaks_a_promise_in_some_seed(name):
    """Each of these breaks of a rule is found within the default range."""
    with MUTATIONS[name]:
        assert failures(RANGE, most=1), f"nobody noticed: {name}"


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", MUTATIONS)
def test_how_many_seeds_find_a_broken_rule(name, capsys):
    """Says how many of the default range do, and what the first one says."""
    with MUTATIONS[name]:
        found = failures(RANGE)
    with capsys.disabled():
        print(f"\n{name}: {len(found)} of {len(RANGE)}, first {found[0].seed}: {found[0].failure}")
