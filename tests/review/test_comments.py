"""Comments: anchored to a turn or criterion, and read with the evaluation that they belong to."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from autoqa.review.access import InvalidError, NotAllowedError, NotFoundError
from autoqa.review.answers import save_answer, submit
from autoqa.review.calibration import begin
from autoqa.review.comments import add_comment, comments_on
from autoqa.review.conversations import see
from autoqa.review.database import schema
from autoqa.review.leases import claim_conversation

TALK = "brv-en-01"


@pytest.fixture
def reviewer(loaded, people):
    claim_conversation(loaded, people["reviewer"], TALK)
    return people["reviewer"]


def hand_in(database, user):
    view = see(database, user, TALK)
    for criterion in view.unanswered:
        level = view.card.criterion(criterion).scale[0]
        save_answer(
            database, user, TALK, criterion, status="rated", level=level, reason="so", based_on=0
        )
    submit(database, user, TALK)


def texts(database, user):
    return [one.text for one in comments_on(database, user, TALK)]


def test_a_comment_is_anchored_to_a_turn_or_a_criterion(loaded, reviewer, card):
    written = add_comment(
        loaded, reviewer, TALK, " warm\r\n<b>words</b> ", turn=2, criterion=card.criteria[0].id
    )
    assert comments_on(loaded, reviewer, TALK) == (written,)
    assert (written.text, written.turn, written.criterion, written.by, written.mine) == (
        "warm\n<b>words</b>",
        2,
        card.criteria[0].id,
        "reviewer",
        True,
    )


def test_others_read_a_comment_when_its_evaluation_is_submitted(loaded, reviewer, people):
    add_comment(loaded, reviewer, TALK, "a thought")
    readers = [people[who] for who in ("lead", "other_reviewer", "analyst", "agent")]
    assert [texts(loaded, one) for one in readers] == [[]] * 4
    hand_in(loaded, reviewer)
    assert [texts(loaded, one) for one in readers] == [["a thought"]] * 4


def test_who_rates_nothing_is_read_at_once_but_not_by_blind_reviewers(loaded, reviewer, people):
    with loaded.housekeeping() as connection:
        connection.execute(update(schema.items).values(blind=True))
    add_comment(loaded, people["lead"], TALK, "look at turn 3", turn=2)
    assert texts(loaded, people["analyst"]) == ["look at turn 3"]
    assert texts(loaded, reviewer) == []
    hand_in(loaded, reviewer)
    assert texts(loaded, reviewer) == ["look at turn 3"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"text": " \n\x00"}, "the comment is missing"),
        ({"text": "x" * 4001}, "4,001 characters"),
        ({"turn": 10**12}, "has no turn"),
        ({"turn": -1}, "has no turn"),
        ({"criterion": "nonsense"}, "there is no criterion 'nonsense'"),
    ],
)
def test_what_cannot_be_a_comment_is_refused(loaded, reviewer, wrong, said):
    with pytest.raises(InvalidError, match=said):
        add_comment(loaded, reviewer, TALK, **({"text": "fine"} | wrong))
    assert texts(loaded, reviewer) == []


def test_only_who_may_review_and_see_the_conversation_comments(loaded, people):
    for who in ("agent", "analyst"):
        with pytest.raises(NotAllowedError):
            add_comment(loaded, people[who], TALK, "me too")
    with pytest.raises(NotFoundError):
        add_comment(loaded, people["reviewer"], "no such", "me too")
    with pytest.raises(NotFoundError):
        comments_on(loaded, people["other_agent"], TALK)


def test_the_log_says_who_commented_but_not_what(loaded, reviewer):
    written = add_comment(loaded, reviewer, TALK, "words of a person")
    with loaded.reading() as connection:
        entry = connection.execute(
            select(schema.audit_log).order_by(schema.audit_log.c.number.desc()).limit(1)
        ).one()
    assert (entry.actor, entry.action) == ("reviewer", "comment.add")
    assert entry.details == {"comment": written.id}


def test_comments_of_a_session_stay_in_it(loaded, people):
    user, raters = people["reviewer"], ["reviewer", "other_reviewer"]
    occasion = begin(loaded, people["lead"], "June", [TALK], raters).occasion
    add_comment(loaded, user, TALK, "in the session", occasion=occasion)
    assert [one.text for one in comments_on(loaded, user, TALK, occasion=occasion)] == [
        "in the session"
    ]
    assert texts(loaded, user) == []
    with pytest.raises(NotAllowedError):
        add_comment(loaded, people["lead"], TALK, "from outside", occasion=occasion)
