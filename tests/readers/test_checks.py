"""What every conversation is checked for: what is changed, and what is only noted."""

import pytest

from autoqa.errors import ReadError
from autoqa.readers.checks import checked
from autoqa.records import (
    Action,
    Evidence,
    LabelledTranscript,
    Rating,
    Speaker,
    Transcript,
    Turn,
)


def talk(*turns, ratings=(), **more):
    transcript = Transcript(conversation_id=more.pop("name", "c"), turns=turns, **more)
    return LabelledTranscript(transcript=transcript, ratings=ratings)


def agent(text="Good morning.", **more):
    return Turn(speaker="agent", text=text, **more)


def customer(text="My parcel is late.", **more):
    return Turn(speaker="customer", text=text, **more)


def notes_on(labelled):
    notes = []
    checked(labelled, notes)
    return [note.reason for note in notes]


def test_an_ordinary_conversation_is_the_same_object_without_notes():
    labelled = talk(agent(), customer(), attributes={"n": 1, "list": [1, "a"]})
    notes = []
    assert checked(labelled, notes) is labelled
    assert notes == []


def test_spans_of_evidence_stay_right_when_control_characters_go():
    text = "a\x00b refund\x1b now"
    span = Evidence(turn=0, start=text.index("refund"), end=text.index("refund") + 6)
    rating = Rating(
        conversation_id="c", criterion="x", rater="r", kind="human", status="rated", level=1,
        evidence=(span,),
    )  # fmt: skip
    found = checked(talk(agent(text), customer(), ratings=(rating,)), [])
    new = found.transcript.turns[0].text
    assert new == "a b refund  now"
    assert new[found.ratings[0].evidence[0].start : found.ratings[0].evidence[0].end] == "refund"


def test_labels_keep_naming_a_conversation_whose_id_had_control_characters():
    rating = Rating(
        conversation_id="c\x071", criterion="x", rater="r", kind="human", status="not_applicable"
    )
    found = checked(talk(agent(), customer(), name="c\x071", ratings=(rating,)), [])
    assert found.transcript.conversation_id == found.ratings[0].conversation_id == "c 1"


def test_control_characters_go_from_actions_and_details_too():
    action = Action(name="look\x00up", arguments={"k\x01": ["v\x02"]}, result="r\x03")
    found = checked(talk(agent(actions=(action,)), customer(), agent="an\x04a"), [])
    (sound,) = found.transcript.turns[0].actions
    assert (sound.name, sound.arguments, sound.result) == ("look up", {"k ": ["v "]}, "r ")
    assert found.transcript.agent == "an a"


@pytest.mark.parametrize(
    ("later", "noted"), [(5.0, False), (4.9, True), (11.0, False)]
)  # the first turn ends at 10 s; 5 s of overlap are let pass
def test_overlaps_of_more_than_five_seconds_are_noted(later, noted):
    turns = agent(start_s=0.0, end_s=10.0), customer(start_s=later, end_s=20.0)
    assert ("turns_overlap" in notes_on(talk(*turns))) == noted


def test_a_text_that_repeats_itself_is_noted_and_a_long_one_is_not():
    long = " ".join(f"Sentence {n} of a long letter about order {n * 7919}." for n in range(400))
    assert notes_on(talk(agent(long), customer())) == []
    assert notes_on(talk(agent("you know " * 100), customer())) == ["repetition"]


def test_swapped_speakers_are_noted_and_left_as_they_are():
    opening = "Thank you for calling. How can I help? May I have your order number?"
    labelled = talk(customer(opening), agent("My parcel is late."))
    assert notes_on(labelled) == ["speakers_swapped"]
    assert checked(labelled, []).transcript.turns[0].speaker is Speaker.CUSTOMER


def test_actions_alone_make_a_conversation_and_silence_does_not():
    done = Action(name="close_ticket")
    assert notes_on(talk(agent("", actions=(done,)), customer("ok"))) == []
    with pytest.raises(ReadError, match="no turn has words or actions") as caught:
        checked(talk(agent(" "), customer("")), [])
    assert caught.value.reason == "no_turns"
