"""Test cycles: folders of cycles below one of our own, found again in nested rows that do not name their parents."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from past import context_of_past, encode
from samples import PROJECT

from ztoq_async.kinds import prepare
from ztoq_async.mapping.account import settle
from ztoq_async.mapping.context import Context, Target
from ztoq_async.mapping.cycle_kind import TEST_CYCLE
from ztoq_async.mapping.gathering import Gathering
from ztoq_async.mapping.kind import Item, Made
from ztoq_async.mapping.rules import Rules

FOLDERS = st.lists(
    st.builds(
        lambda number, parent, name, index: {
            "id": number,
            "parentId": parent,
            "name": name,
            "index": index,
            "folderType": "TEST_CYCLE",
            "project": {"id": 7, "self": "x"},
        },
        st.integers(1, 9),
        st.none() | st.integers(1, 8),
        st.sampled_from(["same", "same", " outer ", "[zephyr:test-cycle:1]", "ü"]),
        st.integers(0, 3),
    ),
    unique_by=lambda folder: folder["id"],
    max_size=9,
)


def context_of(folders, rules=None):
    gathering = Gathering(PROJECT)
    for folder in folders:
        gathering.add("cycle-folder", encode(folder))
    return prepare(Context(gathering.source(), rules or Rules(), Target(1)))


def nested(context, folders, change=None):
    """The tree as qTest shows it after every planned cycle was made: one answer, nested; and the ids by name."""
    records = {str(folder["id"]): encode(folder) for folder in folders}
    refs, nodes, below = {}, {}, {}
    for number, row in enumerate(TEST_CYCLE.plan(context).end(()), start=100):
        if row.refusal:
            continue
        item = Item(row.key, row.parents, records.get(row.key, b""))
        target, notes = TEST_CYCLE.build(item, context)
        assert settle(TEST_CYCLE.attributes(item), notes)[1] == []
        call = TEST_CYCLE.create(target, context, refs)
        query = dict(call.query)
        assert query["parentType"] == ("test-cycle" if row.parents else "root")
        refs[f"test-cycle:{row.key}"] = Made(number)
        nodes[row.key] = target
        below.setdefault(int(query["parentId"]), []).append({**msgspec.json.decode(call.body), "id": number})
    if change:
        change(below)

    def with_children(rows):
        return [{**row, "test-cycles": with_children(below.get(row["id"], []))} for row in rows]

    return [encode(row) for row in with_children(below.get(0, []))], refs, nodes


def found(rows, refs, nodes, context):
    """What differs, by key."""
    shown = list(TEST_CYCLE.recognise(rows, context))
    assert {f"test-cycle:{key}": made for key, made, _ in shown} == refs
    return {key: TEST_CYCLE.differences(nodes[key], actual, context, refs) for key, _, actual in shown}


@settings(deadline=None)
@given(FOLDERS)
def test_any_forest_of_cycles_is_found_again_as_it_was_made(folders):
    """Each once, equal in name, place and order, with every attribute of its folder accounted for."""
    context = context_of(folders)
    differing = found(*nested(context, folders), context)
    assert not any(differing.values()), differing


@settings(deadline=None)
@given(FOLDERS, st.data())
def test_a_cycle_that_people_move_or_rename_is_named(folders, data):
    """Moved below our root, or renamed: it differs by that, and no other does but for its place among siblings."""
    context = context_of(folders)
    _, refs, nodes = nested(context, folders)
    deep = [key for key, node in nodes.items() if node.parent and node.parent != "MM"]
    if deep:
        key = data.draw(st.sampled_from(deep))

        def move(below):
            for rows in below.values():
                for row in [row for row in rows if row["id"] == refs[f"test-cycle:{key}"].id]:
                    rows.remove(row)
                    below[refs["test-cycle:MM"].id].append({**row, "name": "renamed"})

        differing = found(*nested(context, folders, move), context)
        assert {"name", "parent_id"} <= set(differing[key])
        assert all(set(words) <= {"order"} for other, words in differing.items() if other != key)


def test_a_project_without_cycles_and_executions_gets_none():
    """Not even a root; an execution outside any cycle is enough for one."""
    assert not list(TEST_CYCLE.plan(context_of([])).end(()))
    execution = {"id": 1, "testCase": {"self": "https://x/testcases/MM-T1"}, "testExecutionStatus": {"id": 1}}
    gathering = Gathering(PROJECT)
    gathering.add("test-execution", encode(execution))
    context = prepare(Context(gathering.source(), Rules(), Target(1)))
    assert [row.key for row in TEST_CYCLE.plan(context).end(())] == ["MM"]


def test_the_root_is_named_by_the_mapping_file():
    """`root_cycle`, else the project's key; folders of test cases are none of its concern."""
    for rules, name in ((Rules(), "MM"), (Rules(root_cycle="History"), "History"), (Rules(root_module="M"), "MM")):
        context = context_of([{"id": 1, "name": "F"}], rules)
        assert TEST_CYCLE.build(Item("MM"), context)[0].name == name
    assert context_of_past().source.folders == {}
