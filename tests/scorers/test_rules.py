from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoqa.errors import ScorerError
from autoqa.features.batch import Batch
from autoqa.records import Action, RaterKind, Rating, Speaker, Status, Transcript, Turn
from autoqa.scorecard import load_scorecard
from autoqa.scorecard.schema import Criterion, ScorerSpec
from autoqa.scorers.base import scorer_factory
from autoqa.scorers.rules import RulesScorer

SPEAKERS = {"a": Speaker.AGENT, "c": Speaker.CUSTOMER, "b": Speaker.BOT, "s": Speaker.SYSTEM}


def talk(*said: str, language: str = "en", times: list[float] | None = None) -> Transcript:
    """``talk("a: hello", "c: hi")``"""
    turns = []
    for i, line in enumerate(said):
        who, _, text = line.partition(": ")
        start = times[i] if times else None
        turns.append(Turn(speaker=SPEAKERS[who], text=text, start_s=start, end_s=start))
    return Transcript(conversation_id="t", turns=tuple(turns), language=language)


def criterion(levels: int = 2, speaker: str = "agent", /, **rule: Any) -> Criterion:
    return Criterion(
        id="greeting",
        question="?",
        levels={level: f"level {level}" for level in range(levels)},
        speaker=Speaker(speaker),
        scorer=ScorerSpec(use="rules", **rule),
    )


def rate(transcript: Transcript, levels: int = 2, /, **rule: Any) -> Rating:
    return RulesScorer([criterion(levels, "agent", **rule)]).rate(Batch([transcript]))[0]


def quoted(transcript: Transcript, rating: Rating) -> list[str]:
    return [transcript.turns[e.turn].text[e.start : e.end] for e in rating.evidence]


CALL = talk(
    "a: hello my name is mary how can i help you",
    "c: hi my card is broken",
    "a: i am sorry to hear that can i have your date of birth",
    "c: first of may",
    "a: thank you your account balance is 20 dollars",
    "c: ok thanks",
    "a: is there anything else i can help you with",
    "c: no that is all",
    "a: have a great day bye",
)


def test_what_the_agent_said_is_rated_with_the_words_as_evidence():
    rating = rate(CALL, say="closing")
    assert (rating.status, rating.kind, rating.rater) == (Status.RATED, RaterKind.MODEL, "rules")
    assert (rating.level, rating.expected, rating.probabilities) == (1, 1.0, (0.0, 1.0))
    assert quoted(CALL, rating) == ["have a great day", "bye"]
    assert [e.contribution for e in rating.evidence] == [0.5, 0.5]


def test_what_was_never_said_tells_where_it_was_looked_for():
    rating = rate(talk("a: hello", "c: hi", "a: it is done"), say="closing")
    assert (rating.level, rating.evidence) == (0, ())
    assert rating.reason == "'closing' not said; looked in 2 agent turns"


def test_a_reason_counts_turns_from_1_where_evidence_has_indices_from_0():
    rating = rate(talk("c: hi", "a: hello", "a: bye"), never={"say": "closing"})
    assert rating.reason == "'closing' found in turn 3"
    assert [e.turn for e in rating.evidence] == [2]


@pytest.mark.parametrize(
    ("said", "language"),
    [("goodbye", "en"), ("adiós", "es"), ("arrivederci", "it"), ("再见", "zh")],
)
def test_the_customers_words_never_satisfy_an_agent_criterion(said, language):
    assert rate(talk("a: ...", f"c: {said}", language=language), say="closing").level == 0
    assert rate(talk(f"a: {said}", "c: ...", language=language), say="closing").level == 1


def test_an_agent_criterion_is_met_by_a_bot_and_a_bot_criterion_is_not_met_by_an_agent():
    bot, agent = talk("b: hello"), talk("a: hello")
    assert rate(bot, say="greeting").level == 1
    assert rate(agent, say="greeting", speaker="bot").level == 0
    assert rate(talk("s: this call is recorded"), say="recording_disclosure").level == 0
    assert rate(talk("s: this call is recorded"), say="recording_disclosure", speaker="any").level


def test_the_criterions_speaker_is_the_default():
    customer = criterion(2, "customer", say="thanks_customer_satisfied")
    assert RulesScorer([customer]).rate(Batch([CALL]))[0].level == 1


@pytest.mark.parametrize(
    ("options", "level"),
    [
        ({"say": "greeting", "first_turns": 1}, 1),
        ({"say": "closing", "first_turns": 3}, 0),
        ({"say": "closing", "last_turns": 1}, 1),
        ({"say": "greeting", "last_turns": 2}, 0),
        ({"say": "verify_identity", "first_turns": 2}, 1),  # the second of the agent's own turns
    ],
)
def test_first_and_last_turns_count_the_speakers_turns(options, level):
    assert rate(CALL, **options).level == level


def test_first_and_last_seconds_use_the_clock():
    timed = talk("a: hello", "c: hi", "a: bye", times=[2.0, 5.0, 95.0])
    assert rate(timed, say="greeting", first_seconds=10).level == 1
    assert rate(timed, say="closing", first_seconds=10).level == 0
    assert rate(timed, say="closing", last_seconds=10).level == 1
    assert rate(timed, say="greeting", last_seconds=10).level == 0


def test_seconds_are_ignored_where_there_are_no_times():
    assert rate(CALL, say="closing", first_seconds=1).level == 1


def test_times_asks_for_repetition():
    twice = talk("a: i am sorry", "c: ok", "a: sorry again")
    assert rate(twice, say="apology", times=2).level == 1
    missing = rate(twice, say="apology", times=3)
    assert (missing.level, missing.reason) == (
        0,
        "'apology' not said 3 times; looked in 2 agent turns",
    )


def test_negated_and_conditional_words_count_only_where_asked_for():
    negated = talk("a: i did not verify your identity")
    assert rate(negated, say="verify_identity").level == 0
    assert rate(negated, say="verify_identity", negated=True).level == 1
    assert rate(negated, say="verify_identity", negated="any").level == 1
    conditional = talk("a: if you had told me i would verify your identity")
    assert rate(conditional, say="verify_identity").level == 1
    assert rate(conditional, say="verify_identity", conditional=False).level == 0


def test_after_and_before_refer_to_the_first_match():
    before_details = {"say": "verify_identity", "before": {"say": "account_details"}}
    assert rate(CALL, **before_details).level == 1
    late = talk("a: your account balance is 20 dollars", "c: ok", "a: your date of birth please")
    assert rate(late, **before_details).level == 0
    assert rate(late, say="verify_identity", after={"say": "account_details"}).level == 1
    nothing = rate(talk("a: your date of birth please"), **before_details)
    assert nothing.reason == (
        "nothing to come before: 'account_details' not said; looked in 1 agent turns"
    )


def test_within_turns_limits_the_distance():
    rule = {"say": "apology", "after": {"say": "complaint", "speaker": "customer"}}
    at_once = talk("c: this is not working", "a: i am sorry")
    later = talk("c: this is not working", "a: ok", "c: and", "a: i am sorry")
    assert rate(at_once, within_turns=1, **rule).level == 1
    assert rate(later, within_turns=1, **rule).level == 0
    assert rate(later, within_turns=3, **rule).level == 1


def test_never_holds_by_absence_and_shows_what_broke_it():
    rule = {"never": {"any": [{"say": "rude"}, {"say": "blame_customer"}]}}
    fine = rate(CALL, **rule)
    assert (fine.level, fine.evidence) == (1, ())
    assert fine.reason == (
        "'rude' not said; looked in 5 agent turns; "
        "'blame_customer' not said; looked in 5 agent turns"
    )
    rude = talk("a: hello", "a: calm down")
    broken = rate(rude, **rule)
    assert (broken.level, quoted(rude, broken)) == (0, ["calm down"])
    assert [e.contribution for e in broken.evidence] == [-1.0]
    assert broken.reason == "'rude' or 'blame_customer' found in turn 2"


def test_all_and_any():
    both = {"all": [{"say": "greeting"}, {"say": "closing"}]}
    assert rate(CALL, **both).level == 1
    only = rate(talk("a: hello"), **both)
    assert (only.level, only.reason) == (0, "'closing' not said; looked in 1 agent turns")
    assert rate(talk("a: hello"), any=both["all"]).level == 1


def test_a_sequence_is_found_in_order():
    rule = {"sequence": [{"say": "verify_identity"}, {"say": "account_details"}]}
    rating = rate(CALL, **rule)
    assert rating.level == 1
    assert [e.turn for e in rating.evidence] == [2, 4]
    turned = talk("a: your account balance is 20 dollars", "a: your date of birth please")
    assert rate(turned, **rule).level == 0
    assert rate(turned, **rule).reason == "'account_details' not found after 'verify_identity'"


def test_a_sequence_may_share_words_within_one_turn():
    opening = talk("a: hello this is mary how can i help")
    rule = {"sequence": [{"say": "greeting"}, {"say": "introduce_self"}, {"say": "offer_help"}]}
    assert rate(opening, **rule).level == 1


def test_actions_have_their_place_between_turns():
    def booked(*actions: str) -> Transcript:
        return Transcript(
            conversation_id="t",
            turns=(
                Turn(speaker=Speaker.AGENT, text="shall i book it"),
                Turn(
                    speaker=Speaker.CUSTOMER,
                    text="yes",
                    actions=tuple(Action(name=name) for name in actions),
                ),
            ),
            closing_actions=(Action(name="log_call"),),
        )

    asked_first = {"sequence": [{"say": "confirm_request"}, {"action": "book_*"}]}
    assert rate(booked("book_room"), **asked_first).level == 1
    assert rate(booked("find_room"), **asked_first).level == 0
    assert rate(booked("find_room"), **asked_first).reason == "no action 'book_*' among 2"
    in_order = {"sequence": [{"action": "find"}, {"action": "book"}, {"action": "log_call"}]}
    assert rate(booked("find", "book"), **in_order).level == 1
    assert rate(booked("book", "find"), **in_order).level == 0
    assert rate(booked("a", "a"), action="a", times=2).level == 1
    assert rate(booked("a"), never={"action": "a"}).level == 0


def test_one_slip_below_the_top_level_shows_its_words():
    never = {"never": {"say": "rude"}}
    slip = talk("a: hello", "c: hi", "a: calm down", "c: bye")
    rating = rate(slip, 3, levels={2: never, 1: {"never": {"say": "rude", "times": 2}}})
    assert rating.level == 1
    assert quoted(slip, rating) == ["calm down"]
    assert [e.contribution for e in rating.evidence] == [-1.0]  # one level of the scale


@pytest.mark.parametrize(
    ("lines", "level"),
    [
        (("a: what is the account number and your postcode", "a: your balance is 20 euros"), 1),
        (("a: thanks that matches", "a: your balance is 20 euros"), 1),
        (("c: my account number is 5501", "a: your balance is 20 euros"), 1),
        (("c: my name is ann", "a: your balance is 20 euros"), 0),
        (("a: your balance is 20 euros", "a: what is your date of birth"), 0),
    ],
)
def test_identity_counts_when_asked_confirmed_or_given_before_the_details(lines, level):
    card = load_scorecard("support-core")
    criteria = [c for c in card.criteria if c.id == "identity_before_details"]
    rating = RulesScorer(criteria).rate(Batch([talk(*lines)]))[0]
    assert rating.level == level


def test_the_highest_level_whose_expression_holds_is_given():
    rule = {
        "levels": {
            2: {"all": [{"say": "acknowledgement"}, {"say": "answer_given"}]},
            1: {"say": "acknowledgement"},
        }
    }
    assert rate(talk("a: i understand your frustration", "a: it is fixed"), 3, **rule).level == 2
    some = rate(talk("a: i understand your frustration"), 3, **rule)
    assert (some.level, some.expected, some.probabilities) == (1, 1.0, (0.0, 1.0, 0.0))
    assert rate(talk("a: ok"), 3, **rule).level == 0


@pytest.mark.parametrize(
    ("transcript", "reason"),
    [
        (talk(), "no turns"),
        (talk("a: hei", language="fi"), "no phrase book for language 'fi'"),
    ],
)
def test_what_cannot_be_judged_is_abstained_on(transcript, reason):
    rating = rate(transcript, say="greeting")
    assert (rating.status, rating.level, rating.reason) == (Status.ABSTAINED, None, reason)


def test_rules_on_actions_alone_need_no_phrase_book():
    assert rate(talk("a: hei", language="fi"), never={"action": "refund"}).level == 1


def test_a_users_book_serves_new_events_and_languages(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("language: fi\nevents: {moi: {phrases: [moi]}}\n")
    assert rate(talk("a: moi", language="fi"), say="moi", phrases=str(own)).level == 1
    other = rate(talk("a: moi"), say="moi", phrases=str(own))
    assert other.reason == "the phrase book for 'en' has no 'moi'"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({}, "no rule"),
        ({"say": "greting"}, r"an event 'greting'.*Did you mean 'greeting'"),
        ({"sya": "greeting"}, "Did you mean 'say'"),
        ({"say": "greeting", "first_turn": 2}, r"'first_turn'.*Did you mean 'first_turns'"),
        ({"say": "greeting", "first_turns": "2"}, r"first_turns: .*valid integer, found '2'"),
        ({"say": "greeting", "speaker": "agnet"}, "speaker"),
        ({"say": "greeting", "all": []}, "exactly one of"),
        ({"all": []}, "expected a list"),
        ({"all": {"say": "greeting"}}, "expected a list"),
        ({"never": {"say": "greeting"}, "speaker": "agent"}, "'never' takes no option 'speaker'"),
        ({"sequence": [{"say": "greeting"}]}, "two expressions or more"),
        ({"sequence": [{"say": "greeting"}, {"never": {"say": "rude"}}]}, "no place"),
        ({"say": "greeting", "within_turns": 2}, "needs 'after' or 'before'"),
        ({"levels": {5: {"say": "greeting"}}}, "level 5 is not one of its scale"),
        ({"levels": {1: {"say": "greeting"}}, "say": "greeting"}, "stands alone"),
        ({"say": "greeting", "phrases": 3}, "phrases is a file"),
        ({"any": [{"say": "greeting"}, "closing"]}, r"any\[1\]: expected a mapping"),
    ],
)
def test_a_bad_rule_names_the_criterion_and_what_is_wrong(rule, message):
    with pytest.raises(ScorerError, match=message) as caught:
        RulesScorer([criterion(**rule)])
    assert "criterion 'greeting'" in str(caught.value)


def test_deeply_nested_rules_are_refused():
    rule: dict[str, Any] = {"say": "greeting"}
    for _ in range(5_000):
        rule = {"never": rule}
    with pytest.raises(ScorerError, match="nested more than"):
        RulesScorer([criterion(**rule)])


def test_the_version_follows_rules_and_books(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("language: en\nevents: {greeting: {phrases: [ahoy]}}\n")
    one = RulesScorer([criterion(say="greeting")])
    assert one.version == RulesScorer([criterion(say="greeting")]).version
    assert one.version != RulesScorer([criterion(say="closing")]).version
    assert one.version != RulesScorer([criterion(say="greeting")], phrases=own).version


def test_it_is_registered_and_rates_in_order_and_each_transcript_alone():
    criteria = [
        criterion(say="greeting"),
        criterion(say="closing").model_copy(update={"id": "closing"}),
    ]
    scorer = scorer_factory("rules")(criteria)
    transcripts = [CALL, talk("a: hola", language="es"), talk()]
    together = scorer.rate(Batch(transcripts))
    assert [r.criterion for r in together] == ["greeting", "closing"] * 3
    assert together == [r for t in transcripts for r in scorer.rate(Batch([t]))]
    batch = Batch(transcripts)
    assert scorer.rate(batch) == scorer.rate(batch) == together


def test_hostile_turns_are_rated():
    text = "sorry \u200b\u202e😀 [[[[(((" * 20_000
    rating = rate(talk(f"a: {text}"), say="apology", times=3)
    assert rating.level == 1
    assert all(e.end <= len(text) for e in rating.evidence)


LINES = st.lists(
    st.sampled_from(
        [
            "a: hello there",
            "a: sorry about that",
            "a: have a nice day",
            "a: may i have your date of birth",
            "a: your account balance is 20 dollars",
            "c: sorry",
            "c: bye 😀",
            "b: hello",
            "a: i did not verify your identity",
            "a: ",
        ]
    ),
    min_size=1,
    max_size=12,
)
EVENTS = ["greeting", "apology", "closing", "verify_identity", "account_details"]


@settings(max_examples=60, deadline=None)
@given(lines=LINES, event=st.sampled_from(EVENTS))
def test_evidence_is_inside_the_text_said_by_the_right_speaker_and_needed(lines, event):
    transcript = talk(*lines)
    rating = rate(transcript, say=event)
    turns = sorted({e.turn for e in rating.evidence})
    for e in rating.evidence:
        turn = transcript.turns[e.turn]
        assert turn.speaker in (Speaker.AGENT, Speaker.BOT)
        assert 0 <= e.start < e.end <= len(turn.text)
    assert (rating.level == 1) == bool(turns)
    kept = [line for i, line in enumerate(lines) if i not in turns]
    if turns and kept:
        assert rate(talk(*kept), say=event).level == 0


def test_asking_for_another_speaker_later_gives_what_asking_at_once_gives():
    customers = criterion(2, "customer", say="apology")
    agents = criterion(2, "agent", say="apology")
    said = talk("c: sorry", "a: sorry", "c: sorry")
    batch = Batch([said])
    one_by_one = [RulesScorer([c]).rate(batch)[0] for c in (agents, customers)]
    assert one_by_one == RulesScorer([agents, customers]).rate(Batch([said]))
    assert [[e.turn for e in r.evidence] for r in one_by_one] == [[1], [0, 2]]
