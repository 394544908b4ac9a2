"""The account of attributes: leaves, identities, and what only one side knows."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ztoq_async.mapping.account import AS_IS, IDENTITY, Note, leaves, settle

NAMES = st.sampled_from(["name", "id", "self", "folder.self", "project.id", "customFields.A", "steps.inline.testData"])


def test_leaves_are_what_is_set():
    """A list counts once; null, absent, "" and [] are unset; 0 and false are set."""
    record = {"a": {"b": 1, "c": None, "d": ""}, "e": [1, 2], "f": [], "g": False, "h": 0, "i": {}}
    assert list(leaves(record)) == ["a.b", "e", "g", "h"]


@given(st.lists(NAMES), st.lists(NAMES.map(Note)))
def test_read_is_explained_plus_unexplained(read, notes):
    """Each attribute is explained by one note, an identity, or unexplained; each note without an attribute too."""
    counts, surplus = settle(read, notes)
    explained = sum((Counter(read) & Counter(note.attribute for note in notes)).values())
    identities = sum(number for (_, rule), number in counts.items() if rule == IDENTITY)
    assert sum(number for (_, rule), number in counts.items() if rule == AS_IS) == explained
    assert len(surplus) == (len(notes) - explained) + (len(read) - explained - identities)
