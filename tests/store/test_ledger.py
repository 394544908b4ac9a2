"""The ledger's tables."""

from collections import Counter

from ztoq_async.store.ledger import Ledger, LedgerRow


async def test_what_is_kept_comes_back_and_an_account_begins_anew(store):
    """Counts and rows as given, the first rows first; `clear` forgets both."""
    ledger = Ledger(store)
    rows = [LedgerRow("k", str(number), "a", "refused", "words") for number in range(5)]
    await ledger.add(rows[:3])
    await ledger.add([])
    await ledger.add(rows[3:])
    counts = Counter({("k", "a", "as it is"): 3, ("k", "b", "rule"): 1})
    await ledger.close(counts)
    assert await ledger.counts() == counts
    assert await ledger.rows(2) == rows[:2]
    assert [row async for row in ledger.all_rows()] == rows
    assert await ledger.lost() == {"refused": 5}
    await ledger.clear()
    assert (await ledger.counts(), await ledger.rows(2), await ledger.lost()) == (Counter(), [], {})
