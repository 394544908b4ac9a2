"""The plan of fields: labels that fit, types that hold, the same again on the second start."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import ANY_VALUE, NAMES, TEXT, context_of, system_fields, with_our_fields

from ztoq_async.errors import SettingsError, SourceError
from ztoq_async.kinds import prepare
from ztoq_async.mapping import values
from ztoq_async.mapping.context import CASES
from ztoq_async.mapping.field import chunks, create_body, missing_values, type_of
from ztoq_async.mapping.propose import propose
from ztoq_async.mapping.rules import FIELD_TYPES, Rules, read_rules
from ztoq_async.mapping.seen import MOST_CHOICES, ValuesSeen
from ztoq_async.qtest.records import AllowedValue, DataType, Field, Property


def case(number=1, **attributes):
    return {
        "id": number,
        "key": f"MM-T{number}",
        "name": "n",
        "priority": {"id": 1},
        "status": {"id": 1},
        "createdOn": "2020-01-01T00:00:00Z",
        "labels": ["x"],
        **attributes,
    }


CUSTOM = st.dictionaries(NAMES | TEXT, st.sampled_from(["text", 3, ["a"], True, "<b>x</b>"]), max_size=8)
SITE = st.lists(
    st.builds(
        lambda label, data_type, system: Field(50, label, data_type, system_field=system),
        st.sampled_from(["Team", "TEAM", "Zephyr Key", "zephyr status", "Zephyr Team", "Zephyr Labels", "x" * 100]),
        st.sampled_from([DataType.TEXT, DataType.NUMBER, DataType.RICH_TEXT, DataType.COMBO]),
        st.booleans(),
    ),
    max_size=4,
)


@settings(deadline=None)
@given(CUSTOM, SITE)
def test_labels_are_unique_short_and_no_system_fields(custom, site):
    """No two fields share a label, whatever the case of its letters; none takes a field of the site that is not fit."""
    context = context_of([case(customFields=custom)], fields=[*system_fields(), *site])
    labels = [plan.label.casefold() for plan in context.planned(CASES).values()]
    assert len(set(labels)) == len(labels)
    system = {field.label.casefold() for field in context.target.of(CASES).values() if field.system_field}
    assert system.isdisjoint(labels)
    for plan in context.planned(CASES).values():
        assert 0 < len(plan.label) <= 100
        assert plan.label == plan.label.strip()
        assert plan.label.isprintable() or "\x00" not in plan.label


@settings(deadline=None)
@given(CUSTOM, SITE)
def test_the_second_start_plans_the_same(custom, site):
    """With our fields in qTest the plan is what it was: nothing is made again under another label."""
    context = context_of([case(customFields=custom)], fields=[*system_fields(), *site])
    again = prepare(with_our_fields(context))
    assert again.plans == context.plans


@settings(deadline=None)
@given(st.lists(ANY_VALUE.filter(lambda value: value not in (None, "", [])), min_size=1, max_size=4))
def test_every_value_seen_fits_the_type_that_was_chosen_for_it(found):
    """Values go into the chosen field and come back the same; only values without any rule are refused."""
    seen = ValuesSeen()
    for value in found:
        seen.add(value)
    data_type, choices = type_of(seen)
    allowed = [AllowedValue(100 + place, label) for place, label in enumerate(choices)]
    field = Field(5, "F", data_type, allowed_values=allowed)
    for value in found:
        try:
            carried = values.from_zephyr(value, data_type)
        except SourceError:
            odd = isinstance(value, dict) or data_type in (DataType.DATE, DataType.DATE_TIME)
            assert odd or any(isinstance(item, list | dict | None) for item in value)
            continue
        sent = values.to_property(carried, field)["field_value"]
        back = values.from_property(Property(5, sent), field)
        assert values.same(carried, back, data_type), (carried, back)


@pytest.mark.parametrize("word", FIELD_TYPES)
@pytest.mark.parametrize("value", ["one", ["one", "two"], True, 3, "2020-01-01", "x" * 300])
def test_a_type_by_rule_is_kept_or_refuses_by_name(word, value):
    """`[fields]` decides: choices only where the type has them, a value that does not fit is refused, none is lost."""
    context = context_of([case(customFields={"F": value})], rules=Rules(fields={"F": word}))
    plan = context.planned(CASES)["customFields.F"]
    assert plan.data_type == FIELD_TYPES[word]
    assert bool(plan.choices) <= (plan.data_type in (DataType.COMBO, DataType.MULTI_SELECT))
    field = with_our_fields(context).field(plan.label)
    try:
        sent = values.to_property(values.from_zephyr(value, plan.data_type), field)["field_value"]
    except SourceError:
        assert word in ("date", "date-time") or (word == "combo" and isinstance(value, list)) or len(str(value)) > 255
    else:
        assert word not in ("combo", "multi-select") or values.from_property(Property(5, sent), field)


def test_a_field_has_no_more_choices_than_its_limit():
    """Beyond 300 values a list becomes text."""
    seen = ValuesSeen()
    seen.add([str(number) for number in range(MOST_CHOICES)])
    assert (type_of(seen)[0], len(type_of(seen)[1])) == (DataType.MULTI_SELECT, MOST_CHOICES)
    seen.add(["one more"])
    assert type_of(seen) == (DataType.TEXT_AREA, ())


@given(st.lists(st.integers(0, 400).map(str), unique=True), st.integers(0, 400))
def test_values_are_made_once_in_chunks(labels, known):
    """All chunks together are all labels; what the field has is not sent again; a call has at most 100."""
    field = Field(5, "F", 17, allowed_values=[AllowedValue(place, label) for place, label in enumerate(labels[:known])])
    parts = chunks(tuple(labels))
    assert [label for part in parts for label in part] == labels
    bodies = [missing_values(field, part, 100 * place) for place, part in enumerate(parts)]
    assert [value["label"] for body in bodies for value in body] == labels[known:]
    assert all(len(body) <= 100 for body in bodies)


def test_create_bodies_say_multiple_only_for_multi_select():
    """facts.md 3.6."""
    context = context_of([case(customFields={"F": ["a"], "G": "b"})])
    assert create_body(context.planned(CASES)["customFields.F"])["multiple"] is True
    assert "multiple" not in create_body(context.planned(CASES)["customFields.G"])


def test_more_alike_labels_than_there_are_numbers_is_a_settings_error():
    """The message names the attribute and the table of the mapping file."""
    custom = {"x" * 100 + str(number): "v" for number in range(15)}
    with pytest.raises(SettingsError, match=r"\[fields\]"):
        context_of([case(customFields=custom)])


@settings(deadline=None)
@given(CUSTOM, st.text(max_size=5))
def test_a_proposed_mapping_can_be_read_and_changes_nothing(custom, owner):
    """The proposal is TOML whatever the names hold, complete, and plans the same fields."""
    cases = [case(customFields=custom, owner={"accountId": owner}, component={"id": 4})]
    context = context_of(cases)
    rules = read_rules(propose(context).encode())
    assert set(rules.fields) == set(context.source.seen.custom)
    assert set(rules.status) == {"New"}
    assert context_of(cases, rules=rules).plans == context.plans
