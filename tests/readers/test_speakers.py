import pytest

from autoqa.errors import ReadError
from autoqa.readers.speakers import assign_speakers, named
from autoqa.records import Speaker

AGENT, CUSTOMER, BOT = Speaker.AGENT, Speaker.CUSTOMER, Speaker.BOT
AT_WORK = "Thank you for calling Solmar. How can I help? May I have your order number?"
CALLER = "Hi, I ordered a lamp and my order never came."


def assign(labels, texts=None, given=None):
    notes = []
    said = texts or [""] * len(labels)
    found = assign_speakers(labels, said, {k.lower(): v for k, v in (given or {}).items()}, notes)
    return found, notes


def test_known_words_for_roles_need_no_guess():
    assert assign(["AGENT", "Customer", "CUSTOM_BOT"]) == ([AGENT, CUSTOMER, BOT], [])


def test_what_the_user_says_wins_over_known_words():
    found, notes = assign(["agent", "customer"], given={"Agent": CUSTOMER, "customer": AGENT})
    assert (found, notes) == ([CUSTOMER, AGENT], [])


@pytest.mark.parametrize("label", ["0", "SPEAKER_00", "speaker 0", "channel_0", "spk0"])
def test_a_number_names_every_way_to_write_it(label):
    assert named(label, {"0": AGENT}) is AGENT
    assert named(label, {"1": AGENT}) is None


def test_an_exact_label_wins_over_its_number():
    assert named("SPEAKER_00", {"speaker_00": AGENT, "0": CUSTOMER}) is AGENT


def test_two_unknown_speakers_are_told_apart_by_what_they_say():
    found, (note,) = assign(["1", "0", "1"], [CALLER, AT_WORK, "Yes."])
    assert found == [CUSTOMER, AGENT, CUSTOMER]
    assert note.reason == "speakers_guessed"
    assert "speaker 0 is taken as the agent and speaker 1 as the customer" in note.message


def test_labels_that_may_be_names_are_in_no_note():
    found, (note,) = assign(["Amaya Roldan", "J. Pike"], [AT_WORK, CALLER])
    assert found == [AGENT, CUSTOMER]
    assert "Amaya" not in note.message
    assert "unknown speaker 1 is taken as the agent" in note.message


def test_labels_that_may_be_names_are_in_no_error():
    with pytest.raises(ReadError) as error:
        assign(["Amaya Roldan", "J. Pike"], ["Yes.", "No."])
    assert "Amaya" not in str(error.value)
    assert "--speaker 0=agent --speaker 1=customer" in str(error.value)


def test_speakers_who_say_nothing_that_tells_are_an_error_with_their_own_labels():
    with pytest.raises(ReadError, match="--speaker a=agent --speaker b=customer") as error:
        assign(["B", "A"], ["Yes.", "No."])
    assert error.value.reason == "unknown_speakers"


def test_three_unknown_speakers_are_not_guessed():
    with pytest.raises(ReadError, match="3 of the 3 speakers"):
        assign(["0", "1", "2"], [AT_WORK, CALLER, "Hello."])


def test_one_unknown_speaker_is_the_side_that_is_left():
    found, (note,) = assign(["0", "1"], given={"0": AGENT})
    assert found == [AGENT, CUSTOMER]
    assert note.message == "speaker 1 is taken as the customer, whom no other speaker is"
    assert assign(["IVR", "customer", "Eva"])[0] == [BOT, CUSTOMER, AGENT]


def test_one_unknown_speaker_beside_both_sides_is_an_error():
    with pytest.raises(ReadError, match="1 of the 3 speakers"):
        assign(["agent", "customer", "guest star"])


def test_few_turns_without_a_label_are_the_ones_before():
    labels = ["agent", None, "customer", "agent", "customer"]
    found, (note,) = assign(labels)
    assert found == [AGENT, AGENT, CUSTOMER, AGENT, CUSTOMER]
    assert note.message.startswith("1 turns without a speaker")


def test_many_turns_without_a_label_are_an_error():
    with pytest.raises(ReadError):
        assign(["agent", None, "customer", None])


def test_without_any_label_the_error_says_how_to_get_them():
    with pytest.raises(ReadError, match="diarisation"):
        assign([None, None], [AT_WORK, CALLER])


def test_turns_without_a_label_can_be_named():
    assert assign([None, None], given={"unlabelled": CUSTOMER}) == ([CUSTOMER, CUSTOMER], [])


def test_no_turns_need_no_speaker():
    assert assign([]) == ([], [])
