"""Records as the contract allows them, for Hypothesis; and the context of a project that has seen them."""

import msgspec
from hypothesis import strategies as st

from ztoq_async.kinds import prepare
from ztoq_async.mapping.context import CASES as TEST_CASES
from ztoq_async.mapping.context import OBJECT_TYPES, Context, Findings, Source, Target, fields_by_label
from ztoq_async.mapping.field import create_body
from ztoq_async.mapping.gathering import Gathering
from ztoq_async.mapping.rules import Rules
from ztoq_async.qtest.records import AllowedValue, DataType, Field
from ztoq_async.zephyr.records import Project

PROJECT = Project(7, "MM")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
HTML = st.lists(
    st.sampled_from(
        [
            "<p>a</p>",
            "<script>x</script>",
            "b & c",
            "&lt;",
            "<b>x",
            "</b>",
            "[~x]",
            "[test data]",
            "\x00",
            "[call]",
            "é\n",
        ]
    )
    | TEXT,
    max_size=5,
).map("".join)
DATES = st.datetimes().map(lambda moment: moment.isoformat() + "Z") | st.dates().map(str)
ODD_DATES = st.sampled_from(["2020-99-99", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
NUMBERS = st.integers(-(2**40), 2**40) | st.floats(-1e6, 1e6)
SCALARS = st.none() | TEXT | HTML | st.booleans() | NUMBERS | DATES | ODD_DATES
ANY_VALUE = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(TEXT, SCALARS, max_size=2)
IDS = st.integers(1, 3)
LONG = ["x" * 120, "x" * 121, "y" * 99 + " z"]
NAMES = st.sampled_from(
    ["Team", "team", "Zephyr Team", "Status", "self", "a.b", "", "n\x00", "~x", "Zephyr Key", *LONG]
)
CUSTOM = st.dictionaries(NAMES | TEXT, ANY_VALUE, max_size=4)


def maybe(strategy):
    """The value, or null."""
    return st.none() | strategy


def reference(ids=IDS):
    return st.fixed_dictionaries({"id": ids}, optional={"self": st.just("https://x.example/1")})


LINKS = st.fixed_dictionaries(
    {},
    optional={
        "self": st.just("https://x.example/l"),
        "issues": st.lists(
            st.fixed_dictionaries({"issueId": IDS}, optional={"type": st.just("BLOCKS"), "id": IDS}),
            max_size=2,
        ),
        "webLinks": st.lists(
            st.fixed_dictionaries({"url": TEXT}, optional={"description": TEXT, "type": st.just("RELATED")}), max_size=2
        ),
    },
)
CASES = st.fixed_dictionaries(
    {
        "id": st.integers(1, 10**9),
        "key": st.integers(1, 30).map("MM-T{}".format),
        "name": st.text(min_size=1, max_size=20),
        "project": reference(st.just(7)),
        "priority": reference(),
        "status": reference(),
    },
    optional={
        "createdOn": DATES,
        "objective": maybe(HTML),
        "precondition": maybe(HTML),
        "estimatedTime": maybe(st.integers(0, 10**9)),
        "labels": st.lists(TEXT, max_size=3),
        "component": maybe(reference()),
        "folder": maybe(reference(st.integers(1, 2))),
        "owner": maybe(st.fixed_dictionaries({"accountId": maybe(st.just("5b10:a"))}, optional={"self": st.just("u")})),
        "testScript": st.fixed_dictionaries({"self": st.just("https://x.example/teststeps")}),
        "customFields": CUSTOM,
        "links": LINKS,
    },
)
INLINE = st.fixed_dictionaries(
    {},
    optional={
        "description": maybe(HTML),
        "testData": maybe(HTML),
        "expectedResult": maybe(HTML),
        "reflectRef": maybe(TEXT),
        "customFields": CUSTOM,
    },
)
PARAMETERS = st.lists(
    st.fixed_dictionaries({}, optional={"name": HTML, "type": st.just("MANUAL_INPUT"), "value": HTML}), max_size=2
)
CALLS = st.fixed_dictionaries(
    {"testCaseKey": st.integers(1, 30).map("MM-T{}".format)},
    optional={
        "self": st.sampled_from(["https://x/T1", "https://x/versions/2"]),
        "parameters": maybe(PARAMETERS),
    },
)
STEPS = st.fixed_dictionaries({}, optional={"id": maybe(IDS), "inline": maybe(INLINE), "testCase": maybe(CALLS)})
SCRIPTS = st.one_of(
    st.fixed_dictionaries({"type": st.just("steps"), "steps": st.lists(STEPS, max_size=4)}),
    st.fixed_dictionaries({"type": st.sampled_from(["plain", "bdd"]), "text": HTML}, optional={"id": IDS}),
)


def system_fields():
    values = [AllowedValue(10 + place, label) for place, label in enumerate(("New", "Done", "Low"))]
    return [
        Field(1, "Status", DataType.COMBO, system_field=True, allowed_values=values),
        Field(2, "Priority", DataType.COMBO, system_field=True, allowed_values=values),
        Field(3, "Description", DataType.RICH_TEXT, system_field=True),
    ]


def with_our_fields(context):
    """The context after the fields were made as planned: what a second start sees."""
    fields = {object_type: _with_ours(context, object_type) for object_type in OBJECT_TYPES}
    target = msgspec.structs.replace(context.target, fields=fields)
    return msgspec.structs.replace(context, target=target)


def _with_ours(context, object_type):
    made = dict(context.target.of(object_type))
    first = 100 * (1 + OBJECT_TYPES.index(object_type))
    for number, plan in enumerate(context.planned(object_type).values(), start=first):
        if plan.label not in made:
            body = create_body(plan)
            values = [AllowedValue(1000 * number + place, label) for place, label in enumerate(plan.choices)]
            made[plan.label] = Field(number, body["label"], body["data_type"], allowed_values=values or None)
    return fields_by_label(made.values())


def context_of(cases, *, folders=(), rules=None, findings=None, fields=None):
    """The context of a project with these cases, prepared."""
    gathering = Gathering(PROJECT)
    for number in (1, 2):
        gathering.add("status", msgspec.json.encode({"id": number, "name": "New"}))
        gathering.add("priority", msgspec.json.encode({"id": number, "name": "Low"}))
    for folder in folders:
        gathering.add("folder", msgspec.json.encode(folder))
    for case in cases:
        gathering.add("test-case", msgspec.json.encode(case))
    target = Target(1, {TEST_CASES: fields_by_label(fields or system_fields())}, {}, {}, findings or Findings())
    source: Source = gathering.source()
    return prepare(Context(source, rules or Rules(), target))
