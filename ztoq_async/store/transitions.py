"""The states of a journal row and the only ways between them (protocol.md, "Journal")."""

from __future__ import annotations

from collections.abc import Mapping

PENDING, SENT, DOUBT, DONE, REFUSED = "pending", "sent", "doubt", "done", "refused"

FROM: Mapping[str, tuple[str, ...]] = {
    SENT: (PENDING,),  # claimed, committed before anything leaves (rule 2)
    DOUBT: (SENT,),  # an answer that proves nothing, or the sender is gone (rule 4)
    DONE: (PENDING, SENT, DOUBT),  # adopted by key (rule 10), made, or found by looking (rule 6)
    REFUSED: (PENDING, SENT, DOUBT),  # by the service, by a rule, or with a parent (rule 14)
    PENDING: (SENT, DOUBT),  # surely not applied (rules 4 and 6)
}
