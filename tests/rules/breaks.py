"""Each rule of the protocol broken on purpose, and the test that then fails."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
STORE, LANES = "ztoq_async/store", "ztoq_async/lanes"


@dataclass(frozen=True)
class Break:
    """`old` stands once in the file; with `new` in its place `test` fails. Rule 0 is the ledger."""

    rule: int
    words: str
    file: str
    old: str
    new: str
    test: str

    @property
    def name(self) -> str:
        """The test's function."""
        return self.test.rpartition("::")[2].partition("[")[0]


BREAKS = (
    Break(
        1,
        "a write does not ask whether its epoch is current",
        f"{STORE}/tenure.py",
        'if await session.fetchval("SELECT epoch FROM migration FOR SHARE") != self.epoch:',
        "if False:",
        "tests/store/test_journal.py::test_a_second_epoch_fences_the_first",
    ),
    Break(
        1,
        "a second engine works beside the first",
        f"{STORE}/tenure.py",
        "if not (await _locked(session) or await _overtaken(session, settle_s)):",
        "if False:",
        "tests/store/test_tenure.py::test_a_second_engine_is_refused_by_the_name_of_the_first",
    ),
    Break(
        1,
        "a lease that is renewed during the look is taken for over",
        f"{STORE}/tenure.py",
        "WHERE beat_at = $2 RETURNING epoch",
        "WHERE beat_at <= now() OR beat_at = $2 RETURNING epoch",
        "tests/store/test_tenure.py::test_an_engine_that_goes_on_while_it_is_looked_at_keeps_its_lease",
    ),
    Break(
        2,
        "a row leaves before what it needs is committed",
        f"{STORE}/statements.py",
        "AND waits = 0 AND NOT lacks AND pass = $5",
        "AND NOT lacks AND pass = $5",
        "tests/store/test_journal.py::test_a_child_waits_for_the_commit_of_its_parent",
    ),
    Break(
        3,
        "the fence lets everything pass",
        f"{STORE}/tenure.py",
        "if _clock() > self._lease_end - MARGIN_S:",
        "if False:",
        "tests/store/test_tenure.py::test_the_heartbeat_keeps_the_lease_and_its_loss_is_noticed",
    ),
    Break(
        4,
        "a 500 counts as not applied",
        "ztoq_async/resources/outcomes.py",
        "NOT_APPLIED = frozenset({400,",
        "NOT_APPLIED = frozenset({500, 400,",
        "tests/resources/test_gateway.py::test_an_unclear_answer_to_a_change_is_in_doubt_and_never_sent_again",
    ),
    Break(
        5,
        "a doubt is looked into at once",
        f"{STORE}/statements.py",
        "now() + make_interval(secs => t.due)",
        "now()",
        "tests/lanes/test_late_duplicates.py::test_what_was_applied_before_the_look_is_found_by_it",
    ),
    Break(
        6,
        "what got no answer is sent again without a look",
        f"{LANES}/load.py",
        "            return Transition(row.id, DOUBT, due_s=settle_s)",
        "            return Transition(row.id, PENDING)",
        "tests/lanes/test_faults.py::test_what_was_applied_without_an_answer_is_called_recovered",
    ),
    Break(
        6,
        "the list of the parent alone says that nothing is there",
        f"{LANES}/settle.py",
        "    if absent:",
        "    if False:",
        "tests/lanes/test_looking.py::test_what_the_project_wide_look_cannot_read_is_not_sent_again",
    ),
    Break(
        6,
        "what cannot be built any more is refused without a look",
        f"{LANES}/settle.py",
        "        (absent if listing is None else groups[listing]).append(doubt)",
        "        run.journal.hand_over(_not_found(doubt, 'unseen'))",
        "tests/lanes/test_looking.py::test_what_cannot_be_built_any_more_is_looked_for_too",
    ),
    Break(
        6,
        "what was refused after a request without an answer is sent when it gets another chance",
        f"{STORE}/statements.py",
        "journal.resent AND excluded.reason = ''",
        "false",
        "tests/store/test_journal.py"
        "::test_what_was_refused_after_a_request_without_an_answer_is_looked_for_when_it_gets_another_chance",
    ),
    Break(
        7,
        "the parents of what was sent again are not listed once more",
        f"{LANES}/move.py",
        "        await settle_late(run, KINDS)\n    if run.conflicts",
        "        pass\n    if run.conflicts",
        "tests/lanes/test_late_duplicates.py::test_what_was_applied_after_the_look_is_there_once_or_named",
    ),
    Break(
        7,
        "a double is deleted that people may have made or changed",
        f"{LANES}/late.py",
        "why = await _doubtful(run, found, item, refs, answer) or await",
        "why = await",
        "tests/lanes/test_late_duplicates.py::test_a_double_that_may_be_somebodys_is_left_and_named",
    ),
    Break(
        8,
        "what an overtaken engine made is forgotten",
        f"{STORE}/journal.py",
        "await self._note_orphans(batch)",
        "pass",
        "tests/store/test_journal.py::test_a_second_epoch_fences_the_first",
    ),
    Break(
        9,
        "a flush that is cut off loses what it held",
        f"{STORE}/journal.py",
        "batch = list(self._gathered)",
        "batch, self._gathered = self._gathered, []",
        "tests/store/test_journal.py::test_flushes_cancelled_at_any_moment_lose_nothing",
    ),
    Break(
        10,
        "what differs is taken for ours, whoever changed it",
        f"{LANES}/mend.py",
        "elif row.changing or self._whoever or not row.touched or (shown and shown == row.shown):",
        "elif True:",
        "tests/changes/test_conflicts.py::test_a_conflict_is_left_and_named_unless_the_settings_decide",
    ),
    Break(
        11,
        "what was found by looking is called created",
        f"{LANES}/settle.py",
        '"recovered"',
        '"created"',
        "tests/lanes/test_faults.py::test_what_was_applied_without_an_answer_is_called_recovered",
    ),
    Break(
        12,
        "a fresh journal writes into a project that holds our keys",
        f"{LANES}/move.py",
        "        refuse_held_keys(held)\n",
        "        pass\n",
        "tests/lanes/test_repeats.py::test_a_fresh_store_stops_before_a_project_that_holds_our_keys",
    ),
    Break(
        13,
        "that a test case is there proves that it was approved",
        "ztoq_async/mapping/approval_kind.py",
        "whole = [item for item in items if is_whole(msgspec.json.decode(item, type=TestCase).version)]",
        "whole = items",
        "tests/lanes/test_executions.py::test_an_approval_without_an_answer_is_not_repeated",
    ),
    Break(
        13,
        "a change that is cut off is not remembered",
        f"{STORE}/changes.py",
        '"UPDATE journal SET changing = true WHERE id = ANY($1::bigint[])"',
        '"UPDATE journal SET changing = false WHERE id = ANY($1::bigint[])"',
        "tests/changes/test_interrupted_changes.py::test_changes_that_are_cut_off_are_gone_on_with",
    ),
    Break(
        14,
        "what stands below a refused row is made",
        f"{STORE}/statements.py",
        "FROM down d WHERE j.id = d.child AND j.state = '{PENDING}' RETURNING j.id",
        "FROM down d WHERE j.id = d.child AND false RETURNING j.id",
        "tests/store/test_journal.py::test_a_row_that_moved_to_another_parent_forgets_the_first",
    ),
    Break(
        15,
        "a run that goes on reads everything again",
        f"{STORE}/passes.py",
        'number = await session.fetchval("SELECT max(number) FROM pass WHERE finished_at IS NULL")',
        "number = None",
        "tests/lanes/test_passes.py::test_a_run_that_goes_on_reads_no_list_twice",
    ),
    Break(
        15,
        "what an earlier start has planned is for good, also where a row was refused",
        f"{LANES}/flow.py",
        " or kind.name in faulty",
        "",
        "tests/lanes/test_planned_once.py::test_what_was_refused_gets_another_chance",
    ),
    Break(
        15,
        "details that were read before an engine ended are waited for",
        f"{LANES}/flow.py",
        "if plan.earlier:",
        "if False:",
        "tests/lanes/test_planned_once.py::test_details_that_were_read_and_not_told_of_are_not_waited_for",
    ),
    Break(
        15,
        "plans are for good until all of them are made again",
        f"{LANES}/flow.py",
        "    await run.journal.write(lambda session: passes.keep_plans(session, plans))\n",
        "",
        "tests/lanes/test_planned_again.py::test_a_plan_that_is_made_again_and_cut_off_is_made_once_more",
    ),
    Break(
        16,
        "what is not read back by the start that goes on is not read back by its end",
        f"{LANES}/flow.py",
        "            return\n        closed",
        "            self.closed.update(kind.closes)\n            return\n        closed",
        "tests/lanes/test_planned_once.py::test_what_people_change_meanwhile_is_found_at_the_end",
    ),
    Break(
        16,
        "what no list shows is called missing without being asked for",
        f"{LANES}/verify.py",
        "    if kind.one is None:\n        return\n",
        "    if True:\n        return\n",
        "tests/lanes/test_passes.py::test_what_no_list_shows_is_asked_for_by_its_id",
    ),
    Break(
        16,
        "a run goes on although too much of what it made first differs",
        f"{LANES}/verify.py",
        "if seen >= FIRST_LOOK and different >",
        "if False and different >",
        "tests/lanes/test_pausing.py::test_a_run_that_finds_many_cases_changed_pauses_until_a_person_allows_it",
    ),
    Break(
        16,
        "what a run has made is taken for unchanged whatever is shown",
        f"{LANES}/verify.py",
        "return row.state == DONE and digest(run, kind, actual) == row.as_made",
        "return row.state == DONE",
        "tests/lanes/test_mapped_once.py::test_what_people_edit_while_a_run_goes_on_is_found_by_its_read_back",
    ),
    Break(
        17,
        "HTML is compared letter by letter",
        "ztoq_async/mapping/text.py",
        '    return want == comparable(actual) or want == comparable(html.unescape(actual or ""))',
        "    return False",
        "tests/mapping/test_text.py::test_what_is_tolerated",
    ),
    Break(
        18,
        "the logs of a run do not wait for each other",
        "ztoq_async/mapping/log_kind.py",
        'after = (f"{kind}:{last}",) if run == last_run and not planned else ()',
        "after = ()",
        "tests/lanes/test_history_goes_on.py::test_logs_made_later_are_made_in_their_order",
    ),
    Break(
        18,
        "what comes after a refused log is claimed before that is planned again",
        f"{LANES}/flow.py",
        "if kind.name in self._faulty and _from_details(kind) is None:",
        "if False:",
        "tests/lanes/test_planned_again.py::test_a_refused_log_is_made_before_those_behind_it",
    ),
    Break(
        19,
        "what people have changed is deleted too",
        f"{LANES}/judging.py",
        '        if names:\n            return Verdict(SPARED, f"changed since',
        '        if False:\n            return Verdict(SPARED, f"changed since',
        "tests/lanes/test_undo_spares.py::test_what_people_added_or_changed_stays_with_all_that_it_needs",
    ),
    Break(
        19,
        "what something of people's hangs on is deleted too",
        f"{LANES}/judging.py",
        "why = await self._hanging(kind, row.target_id, users)",
        'why = ""',
        "tests/lanes/test_undo_spares.py::test_what_people_added_or_changed_stays_with_all_that_it_needs",
    ),
    Break(
        0,
        "an attribute without a rule is left out of the account",
        "ztoq_async/mapping/account.py",
        "surplus += [attribute] * number",
        "pass",
        "tests/mapping/test_account.py::test_read_is_explained_plus_unexplained",
    ),
)
