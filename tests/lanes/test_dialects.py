"""A move to qTest sites that differ where the vendor's documents are silent: it succeeds, or refuses by name."""

import msgspec
import pytest
from moving import a_move, assert_everything_once, made

from ztoq_async.errors import SettingsError
from ztoq_async.sandbox.dialects import STRICTEST

CASES = 24
SWITCHES = [
    {"called_steps": "expanded"},
    {"called_steps": "ignored"},
    {"empty_steps": "refuse"},
    {"empty_steps": "drop"},
    {"echo": "normalised"},
    {"echo": "escaped"},
    {"tree_descriptions": False},
    {"trim_names": True},
    {"inline_values": False},
    {"activation_replaces": True},
    pytest.param({"fields_in_use": "refuse"}, marks=pytest.mark.slow),
    pytest.param({"step_ids_after_approve": "new"}, marks=pytest.mark.slow),
    pytest.param({"approve_sets_status": "Baselined"}, marks=pytest.mark.slow),
    {"text_limit": 255},
    {"size_cap": 7, "page_cap": 7},
    {"list_lag_s": 0.2},
    pytest.param({"search_lag_s": 0.3}, marks=pytest.mark.slow),
]


@pytest.mark.parametrize("switch", SWITCHES, ids=str)
async def test_everything_is_moved_once_under_each_switch_alone(switch, store_url, tmp_path):
    """Every switch that a migration can be carried out under: complete, once, nothing different."""
    async with a_move(store_url, tmp_path, cases=CASES, qtest=switch) as move:
        report = await move.run()
        await assert_everything_once(move, report, cases=CASES)


async def test_everything_is_moved_once_under_the_strictest_dialect(store_url, tmp_path):
    """All switches at once, with lost replies on top."""
    dialect = {name: value for name, value in msgspec.to_builtins(STRICTEST).items() if value != ""}
    async with a_move(store_url, tmp_path, cases=CASES, qtest={**dialect, "lost_reply_rate": 0.03}) as move:
        report = await move.run()
        await assert_everything_once(move, report, cases=CASES)
        again = await move.run()
        assert again["kinds"]["test-case"]["unchanged"] == CASES


async def test_a_user_who_may_not_manage_fields_is_told_so_before_the_first_write(store_url, tmp_path):
    """SettingsError names the right."""
    async with a_move(store_url, tmp_path, cases=4, qtest={"may_manage_fields": False}) as move:
        with pytest.raises(SettingsError, match="manage"):
            await move.run()
        assert set((await move.stats())["objects"].values()) == {0}


async def test_a_required_field_without_a_rule_is_named_before_the_first_write(store_url, tmp_path):
    """SettingsError names the field and shows the rule; with the rule the move is complete."""
    async with a_move(store_url, tmp_path, cases=CASES, qtest={"required_field": "Squad"}) as move:
        with pytest.raises(SettingsError, match=r"'Squad'.*\[required\]"):
            await move.run()
        assert set((await move.stats())["objects"].values()) == {0}
        with (tmp_path / "mapping.toml").open("a") as file:
            file.write('\n[required]\n"Squad" = "QA"\n')
        report = await move.run()
        assert report["outcome"] == "complete"
        assert made(report["kinds"]["test-case"]) == CASES
