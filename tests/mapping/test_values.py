"""Values of custom fields: what their type is, and by which rule they lose something."""

import pytest

from ztoq_async.mapping import values
from ztoq_async.mapping.seen import kind_of
from ztoq_async.qtest.records import DataType


@pytest.mark.parametrize("value", ["2024-02-30", "2020-99-99", "2020-01-01T25:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_what_no_calendar_knows_is_text(value):
    """A value that looks like a date and is none does not make a date field that then refuses it."""
    assert kind_of(value) == "text"


def test_plain_text_is_never_cleaned():
    """A text field shows `<script>` as it stands: only rich text is markup."""
    words = "try <script>alert(1)</script> and javascript:x"
    assert values.from_zephyr(words, DataType.TEXT) == words
    assert values.loss(words, DataType.TEXT) is None
    assert "<script>" not in values.from_zephyr(words, DataType.RICH_TEXT)


@pytest.mark.parametrize(
    ("value", "data_type", "rule"),
    [
        ("<p onclick=x>a</p>", DataType.RICH_TEXT, "html-cleaned"),
        ("a\x00b", DataType.TEXT, "control-characters"),
        (["a\x00b", "c"], DataType.MULTI_SELECT, "control-characters"),
        ("a\x00b", DataType.RICH_TEXT, "control-characters"),
    ],
)
def test_a_loss_is_booked_under_its_own_rule(value, data_type, rule):
    """The ledger says what was dropped, not something like it."""
    found = values.loss(value, data_type)
    assert found is not None
    assert found[0] == rule
