"""A line of tasks that wait for the same thing, first come first served."""

from __future__ import annotations

import asyncio
from collections import OrderedDict


class Line:
    """Who waits: nobody polls, and joining, leaving and being called cost the same however long the line is."""

    def __init__(self) -> None:
        self._turns: OrderedDict[asyncio.Future[None], None] = OrderedDict()

    async def wait(self) -> None:
        """Until it is one's turn; who is cancelled at that moment passes the turn on."""
        turn = asyncio.get_running_loop().create_future()
        self._turns[turn] = None
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.call()
            else:
                self._turns.pop(turn, None)
            raise

    def call(self) -> None:
        """It is the turn of the first, if anybody waits."""
        while self._turns:
            turn, _ = self._turns.popitem(last=False)
            if not turn.done():
                turn.set_result(None)
                return

    def call_all(self) -> None:
        """It is everybody's turn."""
        while self._turns:
            self.call()
