"""Doubts are settled by two looks (protocol rule 6): an error of the second is no proof that nothing is there."""

from dataclasses import replace

import pytest
from moving import a_move

from ztoq_async.errors import NotFound
from ztoq_async.lanes import move as lane
from ztoq_async.qtest.listing import Listing

NOWHERE = Listing("/api/v3/projects/1/nowhere", "/nowhere")


@pytest.mark.slow
async def test_what_the_project_wide_look_cannot_read_is_not_sent_again(store_url, tmp_path, monkeypatch):
    """Where it answers 404, rows in doubt stay so: the run ends with the error and sends none of them once more."""
    kinds = [replace(kind, read_back=lambda context: NOWHERE) if kind.index else kind for kind in lane.KINDS]
    async with a_move(store_url, tmp_path, cases=6, executions=12) as move:
        monkeypatch.setattr(lane, "KINDS", tuple(kinds))
        await move.use(qtest={"error_rate": 0.2})
        with pytest.raises(NotFound):
            await move.run(verify={"logs": "list"})
