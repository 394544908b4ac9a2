"""Properties of releases, suites, runs and logs as callers send them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ztoq_async.sandbox.qtest import values
from ztoq_async.sandbox.qtest.echo import echo
from ztoq_async.sandbox.qtest.field_store import RICH
from ztoq_async.sandbox.qtest.values import PropertyInput, Values

if TYPE_CHECKING:
    from ztoq_async.sandbox.qtest.state import QTestState


def checked(state: QTestState, kind: str, given: list[PropertyInput] | None) -> Values:
    """The values of the fields named, cleared ones as ""."""
    if not given:
        return {}
    found = values.check(state.fields, given, state.members, kind, text_limit=state.dialect.text_limit)
    if state.dialect.echo != "exact":
        for identity, value in found.items():
            if state.fields.get(kind, identity).data_type == RICH:
                found[identity] = echo(state.dialect.echo, value)
    return found


def of_new(state: QTestState, kind: str, given: list[PropertyInput] | None) -> Values:
    """The values of a new object, defaults added; 400 where a required one is missing."""
    return values.complete(state.fields, checked(state, kind, given), kind)


def of_changed(state: QTestState, kind: str, held: Values, given: list[PropertyInput] | None) -> Values:
    """The values after a change; what is not named stays, and a required one cannot be cleared."""
    found = {**held, **checked(state, kind, given)}
    values.require(state.fields, found, kind)
    return {identity: value for identity, value in found.items() if value}
