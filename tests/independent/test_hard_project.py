"""What is awkward to carry arrives all the same, by the judgement of the independent reader."""

from hard_project import write
from migrating import migrate

from ztoq_async.sandbox import Corpus


async def test_awkward_texts_names_values_and_calls_arrive(empty_store, tmp_path):
    """Broken HTML, markers in texts, names of fields that clash, mixed values, calls in circles: no difference."""
    source = Corpus(write(tmp_path / "source"))
    moved = await migrate(source, tmp_path, await empty_store())
    assert moved.reading.differences == []
    assert moved.report["outcome"] == "complete"
    assert moved.report["ledger"]["unexplained"] == 0
    assert (moved.reading.calls, moved.reading.flattened) == (9, 5)
