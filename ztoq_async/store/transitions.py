"""The states of a journal row and the only ways between them (protocol.md, "Journal")."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ztoq_async.mapping.kind import Made

PENDING, SENT, DOUBT, DONE, REFUSED = "pending", "sent", "doubt", "done", "refused"
UNDOING, GONE = "undoing", "gone"

FROM: Mapping[str, tuple[str, ...]] = {
    SENT: (PENDING,),  # claimed, committed before anything leaves (rule 2)
    DOUBT: (SENT,),  # an answer that proves nothing, or the sender is gone (rule 4)
    DONE: (PENDING, SENT, DOUBT),  # adopted by key (rule 10), made, or found by looking (rule 6)
    REFUSED: (PENDING, SENT, DOUBT),  # by the service, by a rule, or with a parent (rule 14)
    PENDING: (SENT, DOUBT),  # surely not applied (rules 4 and 6)
}

UNDO_FROM: Mapping[str, tuple[str, ...]] = {
    UNDOING: (DONE,),  # committed before the call that deletes leaves
    GONE: (DONE, UNDOING),  # deleted, or found to be gone; what hangs on it goes along
    DONE: (UNDOING,),  # surely not deleted
    PENDING: (GONE,),  # planned anew: nothing of what it was counts any more
}


class Transition(msgspec.Struct, frozen=True):
    """A row's next state and what goes with it.

    `as_made` is a digest of the object that was made, where it came back as it should be; `accounted`: it is counted
    what became of the record.
    """

    id: int
    state: str
    made: Made = Made(0)
    origin: str | None = None
    reason: str = ""
    due_s: float = 0.0
    resent: bool = False
    as_made: bytes | None = None
    accounted: bool = False
