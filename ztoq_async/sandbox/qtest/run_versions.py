"""Which version of a test case a run or a log is about (facts.md 3.9, 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ztoq_async.sandbox.qtest.answers import Refusal
from ztoq_async.sandbox.qtest.case_store import Case, Version

if TYPE_CHECKING:
    from ztoq_async.sandbox.qtest.state import QTestState


def latest_approved(case: Case) -> Version | None:
    return next((version for version in reversed(case.versions) if not version.minor), None)


def runnable(state: QTestState, version: Version | None) -> Version | None:
    """The version if it may be run: an approved one, or a draft where the dialect allows that."""
    allowed = version and (not version.minor or state.dialect.draft_runs == "allow")
    return version if allowed else None


def of_case(case: Case, identity: int) -> Version | None:
    return next((version for version in case.versions if version.id == identity), None)


def for_run(state: QTestState, case: Case, identity: int | None) -> Version:
    """The version named, else the latest approved one, else the draft; 400 for one that cannot be run."""
    if identity:
        named = of_case(case, identity)
        if named is None:
            raise Refusal(400, f"Version {identity} is not a version of test case {case.id}.")
        found = runnable(state, named)
    else:
        found = latest_approved(case) or runnable(state, case.newest)
    if found is None:
        raise Refusal(400, f"Test case {case.id} has no approved version that can be run.")
    return found


def for_log(state: QTestState, case: Case | None, identity: int | None, of_run: int) -> Version:
    """The version named, else the latest approved one, else the run's; a wrong one is an opaque 400 (facts.md 3.10)."""
    found = None
    if case:
        chosen = of_case(case, identity) if identity else latest_approved(case) or of_case(case, of_run)
        found = runnable(state, chosen)
    if found is None:
        raise Refusal(400, "Bad request.")
    return found
