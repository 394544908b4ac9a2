"""The probe bears what the rest of a run bears."""

from moving import FAST, a_move, assert_everything_once


async def test_a_probe_whose_delete_was_not_answered_goes_on(store_url, tmp_path):
    """What is gone already was deleted: the run does not end over it."""
    async with a_move(store_url, tmp_path, cases=3, settle_s=0.2, seed=3) as move:
        await move.use(seed=3, qtest={"lost_reply_rate": 0.3})
        await assert_everything_once(move, await move.run(limits={**FAST, "tries": 30}), cases=3)
