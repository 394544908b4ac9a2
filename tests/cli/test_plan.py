"""`run --plan` as a process: what it predicts, and what the run then asks for."""

import pytest
from processes import FAST, asked, call, objects, proposed, result, sandbox, stats, write_settings, writes

CASES, EXECUTIONS = 150, 500


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """A project, its plan, its run, and the calls that each service counted for each of the two."""
    folder = tmp_path_factory.mktemp("planned")
    counts = {}
    with sandbox(folder, "--cases", CASES, "--executions", EXECUTIONS, "--seed", 7) as services:
        write_settings(folder, services)
        proposed(folder)
        for name, words in (("plan", ["--plan"]), ("run", [])):
            before = {service: asked(services, service) for service in services}
            done = call("run", *words, "--json", cwd=folder)
            assert done.returncode == 0, done.stderr
            calls = {service: asked(services, service) - before[service] for service in services}
            counts[name] = result(done), calls, writes(services)
        yield counts, services, folder


def test_the_calls_that_a_plan_predicts_are_those_that_a_run_makes(planned):
    """Within one in a hundred on each side, counted by the services themselves."""
    (plan, _, _), (_, counted, _) = planned[0]["plan"], planned[0]["run"]
    calls = plan["calls"]
    assert calls["zephyr"] == pytest.approx(counted["zephyr"], rel=0.01)
    assert calls["qtest"] + calls["verify"] == pytest.approx(counted["qtest"], rel=0.01)
    assert calls == {side: sum(part.values()) for side, part in plan["calls_for"].items()}


def test_a_plan_says_what_a_run_makes_of_each_kind(planned):
    """Read, to make and refused are what the run reports afterwards; every kind is named."""
    (plan, _, _), (report, _, _) = planned[0]["plan"], planned[0]["run"]
    assert list(plan["kinds"]) == list(report["kinds"])
    for kind, row in report["kinds"].items():
        expected = {"read": row["read"], "to_make": row["created"], "unchanged": 0, "refused": row["refused"]}
        assert plan["kinds"][kind] == expected, kind
    assert plan["kinds"]["test-log"]["to_make"] >= EXECUTIONS


def test_a_plan_writes_nothing_and_asks_for_no_details(planned):
    """No call that changes qTest, and only a handful to Zephyr: its lists and what they lack."""
    plan, counted, written = planned[0]["plan"]
    assert written == 0
    assert counted["zephyr"] == sum(plan["calls_for"]["zephyr"][word] for word in ("lists", "single records"))
    assert counted["qtest"] < 10


def test_a_plan_names_what_the_lists_show_to_be_lost(planned):
    """Each rule that loses something has its number and first examples, as the ledger of the run counts them."""
    (plan, _, _), (report, _, _) = planned[0]["plan"], planned[0]["run"]
    assert {"undated", "stub", "planned"} <= set(plan["lost"])
    assert plan["lost"]["undated"]["number"] == report["ledger"]["rules"].get(
        "undated", plan["lost"]["undated"]["number"]
    )
    (first, *_) = plan["lost"]["stub"]["first"]
    assert first["kind"] == "test-case" and "does not give this test case" in first["words"]
    assert any("test plans" in words and "links" in words for words in plan["not_read"])


def test_a_plan_after_the_run_has_nothing_to_make(planned):
    """It knows the store: everything is unchanged, and only reading back is left; people get it in words."""
    _, services, folder = planned
    before = stats(services)["objects"]
    done = call("run", "--plan", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert f"test-log 0 of {len(objects(services, 'test-log')):,}" in " ".join(done.stdout.split())
    assert "to read back" in done.stdout and "60,000 calls a minute, as the settings say" in done.stdout
    assert stats(services)["objects"] == before


def test_what_would_stop_a_run_is_named_and_the_rest_still_counted(tmp_path):
    """Without a mapping a plan is degraded, says which rules are lacking, and estimates all the same."""
    with sandbox(tmp_path, "--cases", 20, "--executions", 20) as services:
        write_settings(tmp_path, services, "")
        done = call("run", "--plan", "--json", cwd=tmp_path)
        plan = result(done)
    assert (done.returncode, plan["outcome"]) == (1, "degraded")
    assert "the mapping lacks rules" in plan["stops"][0]
    assert plan["kinds"]["test-case"]["to_make"] >= 20
    assert [row["per_minute"] for row in plan["hours"]["qtest"]] == [60, 600]
    assert not any(row["known"] for row in plan["hours"]["qtest"])


def test_refused_records_are_counted_and_named_before_anything_is_written(tmp_path):
    """A blank name and an unknown status show in the lists: the plan is degraded and names them."""
    with sandbox(tmp_path, "--cases", 20, "--faulty", 5) as services:
        write_settings(tmp_path, services, FAST)
        proposed(tmp_path)
        done = call("run", "--plan", "--json", cwd=tmp_path)
        plan = result(done)
    assert done.returncode == 1
    assert plan["kinds"]["test-case"]["refused"] == plan["lost"]["refused"]["number"] >= 2
    assert "name: it is blank" in {row["words"] for row in plan["lost"]["refused"]["first"]}


def test_a_plan_goes_alone(tmp_path):
    """Together with what writes a file or takes over objects it is a wrong usage."""
    for other in (["--adopt"], ["--propose-mapping", "mapping.toml"]):
        assert call("run", "--plan", *other, cwd=tmp_path).returncode == 2
