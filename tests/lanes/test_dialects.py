"""A move to qTest sites that differ where the vendor's documents are silent: it succeeds, or refuses by name."""

import history
import msgspec
import pytest
from moving import a_move, assert_approved_once, assert_everything_once, made

from ztoq_async.errors import SettingsError
from ztoq_async.sandbox.dialects import STRICTEST, Dialect

CASES, EXECUTIONS = 16, 42


def rarely(switch):
    """Alone only among the slow tests: the strictest dialect has it too."""
    return pytest.param(switch, marks=pytest.mark.slow)


SWITCHES = [
    rarely({"called_steps": "expanded"}),
    rarely({"called_steps": "ignored"}),
    {"empty_steps": "refuse"},
    rarely({"empty_steps": "drop"}),
    rarely({"echo": "normalised"}),
    {"echo": "escaped"},
    rarely({"tree_descriptions": False}),
    rarely({"trim_names": True}),
    rarely({"inline_values": False}),
    rarely({"activation_replaces": True}),
    {"draft_runs": "allow"},
    rarely({"log_steps_in_lists": False}),
    rarely({"search_logs": "bare"}),
    rarely({"run_names_in_lists": False}),
    {"fills_step_logs": True},
    rarely({"fields_in_use": "refuse"}),
    {"step_ids_after_approve": "new"},
    rarely({"approve_sets_status": "Baselined"}),
    rarely({"text_limit": 255}),
    rarely({"size_cap": 7, "page_cap": 7}),
    rarely({"list_lag_s": 0.2}),
    rarely({"search_lag_s": 1.0}),
    {"token_lifetime_s": 0.5},
]
APART = ("may_manage_fields", "refuses_token", "required_field", "required_suite_field", "required_run_field")
"""Switches under which a move is refused by name; each has a test of its own."""


def test_no_switch_is_left_out():
    """Every switch of the simulated site is in the list above or has a test of its own."""
    listed = [name for switch in SWITCHES for name in (switch if isinstance(switch, dict) else switch.values[0])]
    assert {*listed, *APART} == {*Dialect.__struct_fields__}


@pytest.mark.parametrize("switch", SWITCHES, ids=str)
async def test_everything_is_moved_once_under_each_switch_alone(switch, store_url, tmp_path):
    """Every switch that a migration can be carried out under: complete, once, nothing different."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS, qtest=switch) as move:
        past = await history.due(move)
        report = await move.run()
        await assert_everything_once(move, report, cases=CASES, past=past)
        if switch.get("draft_runs") == "allow":
            assert set((await history.versions(move)).values()) == {"0.1"}
        else:
            await assert_approved_once(move, past)


async def test_everything_is_moved_once_under_the_strictest_dialect(store_url, tmp_path):
    """All switches at once, with lost replies on top."""
    dialect = {name: value for name, value in msgspec.to_builtins(STRICTEST).items() if value != ""}
    strictest = {**dialect, "lost_reply_rate": 0.03}
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS, qtest=strictest) as move:
        past = await history.due(move)
        report = await move.run()
        await assert_everything_once(move, report, cases=CASES, past=past)
        await assert_approved_once(move, past)
        again = await move.run()
        assert again["kinds"]["test-case"]["unchanged"] == len(past.cases)
        assert again["kinds"]["test-log"]["unchanged"] == past.logs


async def test_a_user_who_may_not_manage_fields_is_told_so_before_the_first_write(store_url, tmp_path):
    """SettingsError names the right."""
    async with a_move(store_url, tmp_path, cases=4, qtest={"may_manage_fields": False}) as move:
        with pytest.raises(SettingsError, match="manage"):
            await move.run()
        assert set((await move.stats())["objects"].values()) == {0}


@pytest.mark.parametrize(
    ("switch", "table"),
    [
        ("required_field", "required"),
        ("required_suite_field", "required_suites"),
        ("required_run_field", "required_runs"),
    ],
)
async def test_a_required_field_without_a_rule_is_named_before_the_first_write(switch, table, store_url, tmp_path):
    """SettingsError names the field and shows the rule; with the rule the move is complete."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=4, qtest={switch: "Squad"}) as move:
        past = await history.due(move)
        with pytest.raises(SettingsError, match=rf"'Squad'.*\[{table}\]"):
            await move.run()
        assert set((await move.stats())["objects"].values()) == {0}
        with (tmp_path / "mapping.toml").open("a") as file:
            file.write(f'\n[{table}]\n"Squad" = "QA"\n')
        report = await move.run()
        assert report["outcome"] == "complete"
        assert made(report["kinds"]["test-log"]) == past.logs
