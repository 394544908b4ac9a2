"""Requests that a service applies late: chosen ones, or those that its profile draws."""

import re

import msgspec

from ztoq_async.sandbox.faults import FaultInjector

SETTLE_S = 0.5
OURS = re.compile(rb"\[zephyr:(?!probe)|SBX-[RT]")  # bodies of what is moved, not those of the probe
BEFORE_LOOK, AFTER_LOOK = 0.1, 0.9  # seconds: before a doubt is looked into, and before its parent is listed again


def apply_late(monkeypatch, method, ending, seconds, *, nth=1, times=1):
    """The n-th call of a method to a path with that ending (and the next ones) loses its answer and is applied late.

    It suffers what the profile's `late_apply_rate` does to calls that it draws. Gives the list of their paths.
    """
    seen, chosen = [], []

    async def late(request, faults):
        seen.append(request.path)
        if not nth <= len(seen) < nth + times:
            return faults
        chosen.append(request.path)
        return msgspec.structs.replace(faults, late_apply_rate=1.0, late_apply_s=seconds)

    _watch(monkeypatch, method, ending, late)
    return chosen


def before_each(monkeypatch, method, ending, work):
    """Does that work before each such call is handled."""

    async def worked(request, faults):
        await work()
        return faults

    _watch(monkeypatch, method, ending, worked)


def _watch(monkeypatch, method, ending, faults_of):
    handled = FaultInjector._handled

    async def watched(self, request, handler, faults):
        if request.method == method and request.path.endswith(ending) and _is_ours(await request.read()):
            faults = await faults_of(request, faults)
        return await handled(self, request, handler, faults)

    monkeypatch.setattr(FaultInjector, "_handled", watched)


def _is_ours(body):
    return not body or OURS.search(body)


def doubles(stats):
    """How many objects of each kind there are beyond the first of their key."""
    found = {}
    for row in stats["duplicates"]:
        found[row["kind"]] = found.get(row["kind"], 0) + len(row["ids"]) - 1
    return found
