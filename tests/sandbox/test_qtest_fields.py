"""Fields, allowed values, activation and property values of the simulated qTest."""

from __future__ import annotations

from typing import Any

import pytest
from qtest_site import prop, site

FIELDS = "/settings/test-cases/fields"
ACTIVE = "/settings/test-cases/custom-fields/active"


async def test_field_ids_differ_from_site_to_site() -> None:
    """Nobody can hard-code the id of a system field or of its values."""
    async with site(seed=1) as one, site(seed=2) as other:
        first, second = await one.system("Status"), await other.system("Status")
        assert first["id"] != second["id"]
        assert [value["label"] for value in first["allowed_values"]] == [
            value["label"] for value in second["allowed_values"]
        ]
        assert first["allowed_values"][0]["value"] != second["allowed_values"][0]["value"]


async def test_a_new_field_is_inactive_until_activated() -> None:
    """It is listed only with includeInactive and cannot be used; its own answer sent back leaves it inactive."""
    async with site() as qtest:
        status, field = await qtest.call("POST", FIELDS, json={"label": "Team", "data_type": 1})
        assert (status, field["is_active"]) == (201, False)
        assert field["id"] not in [row["id"] for row in await qtest.ok("GET", FIELDS)]
        assert field["id"] in [row["id"] for row in await qtest.ok("GET", FIELDS, params={"includeInactive": "True"})]
        body = {"name": "C", "properties": [{"field_id": field["id"], "field_value": "x"}]}
        assert "'Team'" in await qtest.refused("POST", "/test-cases", json=body)
        assert not (await qtest.ok("POST", ACTIVE, json=[field]))[0]["is_active"]
        assert (await qtest.ok("POST", ACTIVE, json=[{**field, "is_active": True}]))[0]["is_active"]
        assert prop(await qtest.ok("POST", "/test-cases", json=body), "Team")["field_value"] == "x"


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"label": "x" * 101, "data_type": 1}, "label"),
        ({"label": " ", "data_type": 1}, "label"),
        ({"label": "status", "data_type": 1}, "already exists"),
        ({"label": "A", "data_type": 10}, "data_type"),
        ({"label": "A"}, "data_type"),
        ({"label": "A", "data_type": 17}, "multiple"),
        ({"label": "A", "data_type": 8, "multiple": False}, "multiple"),
        ({"label": "A", "data_type": 1, "nonsense": 1}, "nonsense"),
        ({"label": "A", "data_type": 1, "allowed_values": [{"label": "v"}]}, "allowed values"),
    ],
)
async def test_wrong_fields_are_refused_and_nothing_is_made(body: dict[str, Any], word: str) -> None:
    """Each rule of facts.md 3.6 answers 400 with its reason."""
    async with site() as qtest:
        assert word in await qtest.refused("POST", FIELDS, json=body)
        assert qtest.state.objects()["field"] == 0


@pytest.mark.parametrize("inline", [True, False])
async def test_inline_values_follow_the_switch(inline: bool) -> None:
    """`allowed_values` of a POST are kept or silently ignored."""
    async with site(inline_values=inline) as qtest:
        field = await qtest.field("Colour", 3, allowed_values=[{"label": "Red"}, {"label": "Blue"}])
        assert [value["label"] for value in field["allowed_values"]] == (["Red", "Blue"] if inline else [])


async def test_allowed_values_live_their_own_life() -> None:
    """Added up to 100 a call, changed, deleted; a PUT of the field drops what its list omits."""
    async with site() as qtest:
        field = await qtest.field("Colour", 17, multiple=True)
        path = f"{FIELDS}/{field['id']}/allowed-values"
        added = await qtest.ok("POST", path, json=[{"label": f"v{n}"} for n in range(100)])
        assert added["total"] == 100
        assert "100" in await qtest.refused("POST", path, json=[{"label": f"w{n}"} for n in range(101)])
        assert "v1" in await qtest.refused("POST", path, json=[{"label": "v1"}])
        first, second = added["items"][:2]
        await qtest.ok("PUT", f"{path}/{first['value']}", json={"label": "renamed"})
        await qtest.ok("DELETE", f"{path}/{second['value']}")
        assert [value["label"] for value in await qtest.ok("GET", path)][:2] == ["renamed", "v2"]
        kept = {"allowed_values": [{"value": first["value"], "label": "renamed"}, {"label": "new"}]}
        changed = await qtest.ok("PUT", f"{FIELDS}/{field['id']}", json=kept)
        assert [value["label"] for value in changed["allowed_values"]] == ["renamed", "new"]
        assert changed["allowed_values"][0]["value"] == first["value"]


@pytest.mark.parametrize("replaces", [True, False])
async def test_activation_follows_the_switch(replaces: bool) -> None:
    """Activating one field may switch off the other custom ones, never the system's."""
    async with site(activation_replaces=replaces) as qtest:
        await qtest.field("First")
        await qtest.field("Second")
        labels = {row["label"] for row in await qtest.ok("GET", FIELDS)}
        assert {"Status", "Second"} <= labels
        assert ("First" in labels) is not replaces


async def test_without_the_right_fields_cannot_be_changed() -> None:
    """`may_manage_fields=false`: every change is 403 and reading works."""
    async with site(may_manage_fields=False) as qtest:
        status = await qtest.system("Status")
        await qtest.refused("POST", FIELDS, 403, json={"label": "A", "data_type": 1})
        await qtest.refused("POST", ACTIVE, 403, json=[status])
        await qtest.refused("DELETE", f"{FIELDS}/{status['id']}", 403)


async def test_every_type_of_value_reads_back() -> None:
    """Combos by id with the label as name, lists in brackets, dates with a zone, numbers as text."""
    async with site() as qtest:
        combo = await qtest.field("One", 3, allowed_values=[{"label": "a"}, {"label": "b"}])
        many = await qtest.field("Many", 17, multiple=True, allowed_values=[{"label": "a"}, {"label": "b"}])
        a, b = (value["value"] for value in many["allowed_values"])
        person = qtest.state.users[1]["id"]
        sent: list[tuple[dict[str, Any], Any, str, str | None]] = [
            (combo, str(combo["allowed_values"][1]["value"]), str(combo["allowed_values"][1]["value"]), "b"),
            (many, f"[{a},{b}]", f"[{a},{b}]", "[a, b]"),
            (await qtest.field("When", 9), "2016-05-12T02:00:00+02:00", "2016-05-12T00:00:00+00:00", None),
            (await qtest.field("Day", 4), "2016-05-12T00:00:00Z", "2016-05-12T00:00:00+00:00", None),
            (await qtest.field("Much", 7), 12, "12", None),
            (await qtest.field("Site", 12), "https://example.com", "https://example.com", None),
            (await qtest.field("Long", 6), "<b>x</b>", "<b>x</b>", None),
            (await qtest.system("Assigned To"), f"[{person}]", f"[{person}]", "[Ada Lovelace]"),
        ]
        properties = [{"field_id": field["id"], "field_value": value} for field, value, _, _ in sent]
        case = await qtest.case(properties=properties)
        for field, _, value, name in sent:
            read = prop(case, field["label"])
            assert (read["field_value"], read.get("field_value_name")) == (value, name)
        assert prop(case, "Status")["field_value_name"] == "New"
        assert prop(case, "Automation Content")["field_value"] == ""


@pytest.mark.parametrize(
    ("data_type", "value"),
    [(3, "1"), (3, "High"), (17, "1,2"), (17, "[1]"), (5, "[1]"), (9, "yesterday"), (9, "2016-05-12T00:00:00.5Z"),
     (7, "many"), (7, "nan"), (12, "no address")],
)  # fmt: skip
async def test_wrong_values_are_refused_by_name(data_type: int, value: str) -> None:
    """A value that its type does not allow is 400, with the field's label in the message."""
    async with site() as qtest:
        field = await qtest.field("Subject", data_type, multiple=data_type == 17)
        body = {"name": "C", "properties": [{"field_id": field["id"], "field_value": value}]}
        assert "'Subject'" in await qtest.refused("POST", "/test-cases", json=body)
        assert qtest.state.objects()["test-case"] == 0


async def test_required_fields_must_have_values() -> None:
    """`required_field`: a case without it is 400, with it is made; an unknown field id is 400 too."""
    async with site(required_field="Team") as qtest:
        assert "'Team'" in await qtest.refused("POST", "/test-cases", json={"name": "C", "properties": []})
        field = await qtest.system("Team")
        assert field["required"]
        properties = [{"field_id": field["id"], "field_value": "Blue"}]
        case = await qtest.case(properties=properties)
        cleared = {"properties": [{"field_id": field["id"], "field_value": ""}]}
        assert "'Team'" in await qtest.refused("PUT", f"/test-cases/{case['id']}", json=cleared)
        unknown = [*properties, {"field_id": 1, "field_value": "x"}]
        assert "Field 1 " in await qtest.refused("POST", "/test-cases", json={"name": "C", "properties": unknown})


async def test_fields_in_use_follow_the_switch() -> None:
    """Deleting a field with values is refused or done; system fields stay always."""
    async with site(fields_in_use="refuse") as qtest:
        field, status = await qtest.field("Team"), await qtest.system("Status")
        case = await qtest.case(properties=[{"field_id": field["id"], "field_value": "x"}])
        assert "in use" in await qtest.refused("DELETE", f"{FIELDS}/{field['id']}")
        await qtest.ok("DELETE", f"/test-cases/{case['id']}")
        await qtest.ok("DELETE", f"{FIELDS}/{field['id']}")
        await qtest.refused("GET", f"{FIELDS}/{field['id']}", 404)
        assert "system" in await qtest.refused("DELETE", f"{FIELDS}/{status['id']}")


async def test_step_fields_are_few_and_short() -> None:
    """Test steps have at most two custom fields with labels of 16 characters (facts.md 3.6)."""
    async with site() as qtest:
        path = "/settings/test-steps/fields"
        await qtest.refused("POST", path, json={"label": "x" * 17, "data_type": 6})
        await qtest.refused("POST", path, json={"label": "Text", "data_type": 1})
        for label in ("One", "Two"):
            await qtest.ok("POST", path, json={"label": label, "data_type": 6})
        assert "at most 2" in await qtest.refused("POST", path, json={"label": "Three", "data_type": 6})
