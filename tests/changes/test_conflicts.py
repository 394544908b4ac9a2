"""Records that people have changed in qTest: theirs, Zephyr's, or told and left, as the settings say."""

import history
import pytest
from moving import a_move, writes
from test_delta import CASE, CASES, EXECUTIONS, delta
from zephyr_user import ZephyrUser

DESCRIPTION = "<p>words of a person in qTest</p>"


class QTestUser:
    """What a user of the qTest project does there."""

    def __init__(self, move):
        self._move = move
        self._root = f"/api/v3/projects/{move.sandbox.qtest.project}"

    async def call(self, method, path, body=None):
        return await self._move.call(method, self._root + path, body)

    async def by_key(self, kind):
        return {history.value(row): row for row in await self._move.objects(kind)}

    async def describe(self, key, words=DESCRIPTION):
        case = (await self.by_key("test-case"))[key]
        await self.call("PUT", f"/test-cases/{case['id']}", {"description": words})

    async def description(self, key):
        return (await self.by_key("test-case"))[key]["description"]


async def edited_on_both_sides(move, keys):
    """The first is edited by people in qTest and in Zephyr, the second in qTest alone, the third in Zephyr alone."""
    user, people = ZephyrUser(move), QTestUser(move)
    for key in keys[:2]:
        await people.describe(key)
    for key in (keys[0], keys[2]):
        await user.edit_case(key, objective="<p>words of Zephyr</p>")
    return people


async def test_a_conflict_is_left_and_named_unless_the_settings_decide(store_url, tmp_path):
    """Both records that people changed stay as they are, the outcome says so; what only Zephyr changed is changed."""
    async with a_move(store_url, tmp_path, cases=CASES) as move:
        await move.run()
        keys = sorted(await ZephyrUser(move).cases())[:3]
        people = await edited_on_both_sides(move, keys)
        report, calls = await delta(move)
        assert calls == {CASE: 1}
        assert [await people.description(key) for key in keys] == [DESCRIPTION, DESCRIPTION, "<p>words of Zephyr</p>"]
        row = report["kinds"]["test-case"]
        assert (report["outcome"], row["different"], row["updated"]) == ("degraded", 2, 1)
        assert sorted((one["key"], *one["fields"]) for one in report["conflicts"]) == [
            (keys[0], "description"),
            (keys[1], "description"),
        ]


async def test_zephyr_is_right_where_the_settings_say_so(store_url, tmp_path):
    """`verify.conflicts = "source"`: what people changed is as Zephyr has it."""
    async with a_move(store_url, tmp_path, cases=CASES) as move:
        await move.run()
        user = ZephyrUser(move)
        keys = sorted(await user.cases())[:3]
        before = (await user.cases())[keys[1]]["objective"] or ""
        people = await edited_on_both_sides(move, keys)
        report, calls = await delta(move, verify={"conflicts": "source"})
        assert calls == {CASE: 3}
        words = "<p>words of Zephyr</p>"
        assert [await people.description(key) for key in keys] == [words, before, words]
        assert (report["outcome"], report["kinds"]["test-case"]["updated"], report["conflicts"]) == ("complete", 3, [])


async def test_people_are_right_where_the_settings_say_so(store_url, tmp_path):
    """`verify.conflicts = "target"`: what people changed stays, is named, and is no fault."""
    async with a_move(store_url, tmp_path, cases=CASES) as move:
        await move.run()
        keys = sorted(await ZephyrUser(move).cases())[:3]
        people = await edited_on_both_sides(move, keys)
        report, calls = await delta(move, verify={"conflicts": "target"})
        assert calls == {CASE: 1}
        assert [await people.description(key) for key in keys[:2]] == [DESCRIPTION, DESCRIPTION]
        assert report["outcome"] == "complete"
        assert (report["kinds"]["test-case"]["different"], len(report["conflicts"])) == (2, 2)


async def test_what_people_may_keep_hides_no_fault(store_url, tmp_path):
    """Our own module renamed by people is a conflict like any other; where it may stay, a missing case still counts."""
    async with a_move(store_url, tmp_path, cases=CASES) as move:
        await move.run()
        people, key = QTestUser(move), move.sandbox.zephyr.project
        root = next(row for row in await move.objects("module") if f"[zephyr:module:{key}]" in row["description"])
        await people.call("PUT", f"/modules/{root['id']}", {"name": "renamed"})
        assert (await delta(move))[0]["outcome"] == "degraded"
        kept = {"conflicts": "target"}
        assert (await delta(move, verify=kept))[0]["outcome"] == "complete"
        report = await move.verify(verify=kept)
        assert (report["outcome"], report["conflicts"]) == (
            "complete",
            [{"kind": "module", "key": key, "fields": ["name"]}],
        )
        cases = await people.by_key("test-case")
        called = {step.get("called_test_case_id") for row in cases.values() for step in row["test_steps"] or []}
        lost = next(row for row in cases.values() if row["id"] not in called)
        await people.call("DELETE", f"/test-cases/{lost['id']}")
        report, _ = await delta(move, verify=kept)
        assert (report["outcome"], report["kinds"]["test-case"]["missing"]) == ("degraded", 1)


async def test_a_change_that_cannot_be_made_takes_no_right_from_people(store_url, tmp_path):
    """After it has failed, what people change is a conflict again, and is not overwritten by the next change."""
    async with a_move(store_url, tmp_path, cases=CASES) as move:
        await move.run()
        user, people = ZephyrUser(move), QTestUser(move)
        key, name, old = await one_choice(user, people)
        await user.edit_case(key, customFields=old | {name: None})
        assert (await delta(move))[1] == {}
        await people.describe(key)
        await user.edit_case(key, customFields=old)
        report, calls = await delta(move)
        assert (calls, report["conflicts"]) == ({}, [{"kind": "test-case", "key": key, "fields": ["description"]}])
        assert await people.description(key) == DESCRIPTION


@pytest.mark.slow
async def test_what_was_never_found_equal_is_left_until_a_repair(new_store, tmp_path):
    """Another store takes the move over after an edit: it changes nothing, and says what does."""
    async with a_move(await new_store(), tmp_path, cases=CASES) as move:
        await move.run()
        user = ZephyrUser(move)
        key = min(await user.cases())
        await user.edit_case(key, objective="<p>words of Zephyr</p>")
        move.store_url = await new_store()
        before = writes(await move.stats())
        report = await move.run(adopt=True)
        assert (report["outcome"], report["kinds"]["test-case"]["different"]) == ("degraded", 1)
        assert any("repair makes them as Zephyr has them" in note for note in report["notes"])
        assert not [name for name in writes(await move.stats()) - before if name.startswith("PUT")]
        async with move.engine() as engine:
            report = await engine.repair()
        assert (report["outcome"], await QTestUser(move).description(key)) == ("complete", "<p>words of Zephyr</p>")


async def one_choice(user, people):
    """A test case, a custom field of it that is a combo in qTest, and all its custom fields."""
    fields = await people.call("GET", "/settings/test-cases/fields")
    combos = {field["label"] for field in fields if field["data_type"] == 3 and not field["system_field"]}
    held = ((key, name, row["customFields"]) for key, row in (await user.cases()).items() for name in combos)
    return next((key, name, values) for key, name, values in held if values[name])


@pytest.mark.parametrize("logs", ["search", "list"])
async def test_people_may_change_what_the_move_did_not_make(logs, store_url, tmp_path):
    """Values of fields that are not ours are no conflict, and stay when the record is changed."""
    async with a_move(store_url, tmp_path, cases=CASES, executions=EXECUTIONS) as move:
        await move.run(verify={"logs": logs})
        user, people = ZephyrUser(move), QTestUser(move)
        key = min(await user.cases())
        fields = await people.call("GET", "/settings/test-cases/fields")
        other = next(field for field in fields if field["system_field"] and field["label"] == "Type")
        chosen = str(other["allowed_values"][-1]["value"])
        case = (await people.by_key("test-case"))[key]
        await people.call(
            "PUT", f"/test-cases/{case['id']}", {"properties": [{"field_id": other["id"], "field_value": chosen}]}
        )
        await user.edit_case(key, precondition="<p>needs water</p>")
        report, _ = await delta(move, verify={"logs": logs})
        assert (report["outcome"], report["kinds"]["test-case"]["updated"]) == ("complete", 1)
        case = (await people.by_key("test-case"))[key]
        assert case["precondition"] == "<p>needs water</p>"
        assert next(row["field_value"] for row in case["properties"] if row["field_id"] == other["id"]) == chosen
