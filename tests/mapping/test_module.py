"""Modules: any forest of folders, with holes, circles and equal names."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import context_of

from ztoq_async.mapping.account import settle
from ztoq_async.mapping.keys import key_in, marker
from ztoq_async.mapping.kind import Item, Made
from ztoq_async.mapping.module_kind import MODULE

FOLDERS = st.lists(
    st.builds(
        lambda number, parent, name, index: {
            "id": number,
            "parentId": parent,
            "name": name,
            "index": index,
            "folderType": "TEST_CASE",
            "project": {"id": 7, "self": "x"},
        },
        st.integers(1, 12),
        st.none() | st.integers(1, 14),
        st.sampled_from(["same", "same", " outer ", "[zephyr:module:1]", "\x00", "ü"]),
        st.integers(0, 3),
    ),
    unique_by=lambda folder: folder["id"],
    max_size=12,
)


@settings(deadline=None)
@given(FOLDERS, st.randoms())
def test_any_forest_is_planned_once_parents_first(folders, chance):
    """Every folder has one row; its parent comes before it; what hangs on nothing is refused; order needs no order."""
    context = context_of([], folders=folders)
    rows = list(MODULE.plan(context).end(()))
    shuffled = chance.sample(folders, len(folders))
    assert sorted(map(str, rows)) == sorted(map(str, MODULE.plan(context_of([], folders=shuffled)).end(())))
    assert sorted(int(row.key) for row in rows if row.counted) == sorted(folder["id"] for folder in folders)
    planned = set()
    for row in rows:
        assert {*row.parents, *row.after} <= planned
        planned.add(f"module:{row.key}")
    by_id = {folder["id"]: folder for folder in folders}
    for row in rows[1:]:
        assert bool(row.refusal) == (not _reaches_the_root(int(row.key), by_id))


def _reaches_the_root(number, by_id):
    for _ in by_id:
        if number not in by_id:
            return False
        number = by_id[number]["parentId"]
        if number is None:
            return True
    return False


@settings(deadline=None)
@given(FOLDERS)
def test_siblings_follow_one_another_in_zephyrs_order(folders):
    """By index, then id: each waits for the one before it, and its `order` counts from 1."""
    context = context_of([], folders=folders)
    by_id = {folder["id"]: folder for folder in folders}
    last = {}
    for row in MODULE.plan(context).end(()):
        if row.counted and not row.refusal:
            folder = by_id[int(row.key)]
            place = (folder["index"], folder["id"])
            before = last.get(row.parents[0])
            assert row.after == ((f"module:{before[1]}",) if before else ())
            assert before is None or before < place
            last[row.parents[0]] = place


@settings(deadline=None)
@given(FOLDERS)
def test_a_folder_is_accounted_for_and_found_again(folders):
    """Every attribute has its note; the module that qTest shows is recognised and equal."""
    context = context_of([], folders=folders)
    records = {str(folder["id"]): msgspec.json.encode(folder) for folder in folders}
    for row in MODULE.plan(context).end(()):
        if row.refusal or not row.counted or context.source.folders[int(row.key)].name == "\x00":
            continue
        item = Item(row.key, row.parents, records[row.key])
        target, notes = MODULE.build(item, context)
        assert settle(MODULE.attributes(item), notes)[1] == []
        call = MODULE.create(target, context, {f"module:{target.parent}": Made(3)})
        shown = {**msgspec.json.decode(call.body), "id": 5, "parent_id": 3}
        ((key, made, actual),) = MODULE.recognise([msgspec.json.encode(shown)], context)
        assert (key, made) == (row.key, Made(5))
        refs = {f"module:{target.parent}": Made(3)}
        assert MODULE.differences(target, actual, context, refs) == []
        moved = msgspec.structs.replace(actual, parent_id=4, name="other")
        assert {"name", "parent_id"} <= set(MODULE.differences(target, moved, context, refs))


@given(st.text(max_size=20), st.from_regex(r"[A-Za-z0-9/:#-]+", fullmatch=True))
def test_markers_are_found_again(words, key):
    """The last marker of the kind counts, in plain text and in HTML."""
    line = marker("module", key)
    for text in (line, f"{words}\n{line}", f"<p>{words}</p><p>{line}</p>", f"{marker('module', 'x')}{words}{line}"):
        assert key_in(text, "module") == key
        assert key_in(text, "probe") is None
