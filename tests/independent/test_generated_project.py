"""A generated project is moved, and read back equal by code that does not know the engine."""

import pytest
from migrating import migrate

from ztoq_async.sandbox import Generator


@pytest.mark.parametrize("seed", [2, 3])
async def test_a_generated_project_arrives_whole(seed, empty_store, tmp_path):
    """120 test cases of every shape under the proposed mapping: no difference, all counted, the ledger adds up."""
    moved = await migrate(Generator(120, seed=seed), tmp_path, await empty_store())
    assert moved.reading.differences == []
    assert (moved.reading.cases, moved.reading.flattened) == (120, 1)
    assert moved.report["outcome"] == "complete"
    assert moved.report["ledger"]["unexplained"] == 0
    assert moved.report["kinds"]["test-case"]["verified"] == 120
    assert moved.report["kinds"]["module"]["read"] == moved.reading.folders
