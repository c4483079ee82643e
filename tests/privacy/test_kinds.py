import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoqa.privacy import without_tags
from autoqa.privacy.kinds import Finding, Kind, highest_numbers, placeholders, tag_spans


def test_tags_are_taken_off_ours_alone():
    text = "[CARD_1] [EMAIL_12] [PHONE_9f3a2c41d07b] [PHONE] [ORDER_1] [CARD_x] <card_1>"
    assert without_tags(text) == "[CARD] [EMAIL] [PHONE] [PHONE] [ORDER_1] [CARD_x] <card_1>"


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_a_placeholder_that_is_known_again(kind):
    for text in (f"[{kind}]", f"[{kind}_7]", f"[{kind}_0123456789ab]"):
        assert placeholders(text) == [Finding(0, len(text), kind, "")]
        assert without_tags(text) == f"[{kind}]"


def test_the_highest_number_of_each_kind_is_found():
    found = highest_numbers("[CARD_2] [CARD_11] [EMAIL_1] [PHONE] [CARD_0123456789ab]")
    assert found == {Kind.CARD: 11, Kind.EMAIL: 1}
    # Nobody may push the numbers over what a placeholder can hold.
    assert highest_numbers("[CARD_999999999]") == {}


def test_tag_spans_cut_the_tag_out():
    text = "a [CARD_12] b [EMAIL] [ID_1]"
    assert [text[start:end] for start, end in tag_spans(text)] == ["_12", "_1"]


@given(st.text(alphabet="[]_CARDEMIL0123456789abcdef ", max_size=60))
def test_taking_tags_off_twice_changes_nothing_more(text):
    once = without_tags(text)
    assert without_tags(once) == once


def test_a_finding_never_shows_its_value():
    assert "4111" not in repr(Finding(0, 4, Kind.CARD, "4111111111111111"))
