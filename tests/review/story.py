"""Some weeks of review on the fictional sample: something of everything that the page shows.

Loaded by tests and by ``docs/review/take_screenshots.py``. Who answers what is the sample's two
fictional reviewers; a third answers now as the one and now as the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from autoqa.records import Evidence
from autoqa.review import answers, assignment, calibration, coaching, disputes, examples, views
from autoqa.review.answer_rules import same_answer
from autoqa.review.coaching import Link
from autoqa.review.comments import add_comment
from autoqa.review.conversations import see
from autoqa.review.examples import Kind
from autoqa.review.filters import Filters
from autoqa.review.queue import claim_conversation, list_items

REVIEWED = (
    "brv-en-01",
    "brv-en-02",
    "brv-en-03",
    "brv-en-04",
    "brv-en-05",
    "brv-en-10",
    "brv-en-12",
)
DISCUSSED = ("brv-en-08", "brv-en-13")
TO_RATE = ("brv-en-14", "brv-en-09")
BEGUN = "brv-en-15"
BLIND = "brv-en-11"

_RATERS = {"reviewer": "qa_ben", "other_reviewer": "qa_ana"}


@dataclass(frozen=True)
class Story:
    """Where to find what happened."""

    closed: int  # calibration sessions
    discussed: int
    rated: int
    disputed: int
    decided: int
    note: int
    example: int
    view: int
    rule: int
    comment: int
    items: dict[str, int]  # by conversation


class Teller:
    """Lets people do what a story says, through the services that pages use."""

    def __init__(self, database, people, sample):
        self.database = database
        self.people = people
        self.said = {}  # (conversation, rater, criterion): rating
        for one in sample:
            for rating in one.ratings:
                key = (rating.conversation_id, rating.rater, rating.criterion)
                self.said[key] = rating

    def answer(self, who, conversation, *, occasion="", only=None):
        """Answer all criteria of a conversation, or the first few."""
        user = self.people[who]
        view = see(self.database, user, conversation, occasion=occasion)
        for place, criterion in enumerate(view.card.criteria[:only]):
            rater = _RATERS.get(who) or sorted(_RATERS.values())[place % 2]
            said = self.said[conversation, rater, criterion.id]
            model = view.model.get(criterion.id)
            unexplained = model is None or same_answer(said, model.rating)
            turn = place % len(view.transcript.turns)
            words = view.transcript.turns[turn].text
            answers.save_answer(
                self.database,
                user,
                conversation,
                criterion.id,
                status=said.status,
                level=said.level,
                reason="" if unexplained else f"Turn {turn + 1} says it in other words.",
                evidence=() if unexplained else (Evidence(turn=turn, start=0, end=len(words)),),
                based_on=0,
                occasion=occasion,
            )

    def review(self, who, conversation):
        """Claim, answer and submit."""
        user = self.people[who]
        claim_conversation(self.database, user, conversation)
        self.answer(who, conversation)
        answers.submit(self.database, user, conversation)

    def calibrate(self, name, conversations, raters=("reviewer", "other_reviewer")):
        """Begin a session; return its number and what its evaluations are marked with."""
        named = [self.people[one].name for one in raters]
        begun = calibration.begin(self.database, self.people["lead"], name, conversations, named)
        return begun.id, begun.occasion

    def rate_all(self, occasion, conversations, raters=("reviewer", "other_reviewer")):
        """Let every rater of a session hand in everything."""
        for who in raters:
            for conversation in conversations:
                self.answer(who, conversation, occasion=occasion)
                answers.submit(self.database, self.people[who], conversation, occasion=occasion)


def tell(database, people, sample):
    """Let it all happen in a database with the sample's run.

    Parameters
    ----------
    database : Database
    people : mapping
        Users called "lead", "reviewer", "other_reviewer", "third_reviewer" and "agent", who is
        Maya Okafor.
    sample : sequence of LabelledTranscript
    """
    teller = Teller(database, people, sample)
    lead, reviewer, agent = people["lead"], people["reviewer"], people["agent"]

    rule = assignment.add_rule(
        database,
        lead,
        "Critical failures, twice",
        Filters(reason="critical_failed"),
        [reviewer.id, people["other_reviewer"].id],
        reviews_wanted=2,
    )
    view = views.save_view(database, lead, "Calls of Harbour", Filters(team="harbour"), shared=True)

    for conversation in REVIEWED:
        teller.review("reviewer", conversation)
    teller.review("other_reviewer", "brv-es-01")
    first = REVIEWED[0]
    comment = add_comment(
        database, reviewer, first, "Worth showing to new colleagues.", criterion="greeting", turn=0
    )
    claim_conversation(database, reviewer, BEGUN)
    teller.answer("reviewer", BEGUN, only=4)
    claim_conversation(database, people["other_reviewer"], BLIND)
    found = list_items(database, lead, Filters(state="all"), limit=200)
    items = {one.conversation_id: one.id for one in found.rows}
    queued = [name for name in items if name not in (*REVIEWED, *DISCUSSED, *TO_RATE, BEGUN, BLIND)]
    soon = datetime.now(UTC) + timedelta(days=2)
    chosen = [items[one] for one in queued[:3]]
    assignment.assign(database, lead, chosen, to=reviewer.id, due_at=soon)
    assignment.assign(database, lead, [items[BLIND]], to=None, reviews_wanted=2, blind=True)

    closed, occasion = teller.calibrate("March, calls", DISCUSSED)
    teller.rate_all(occasion, DISCUSSED)
    calibration.open_discussion(database, lead, closed)
    differs = calibration.results(database, lead, closed).differences[0]
    calibration.agree(
        database,
        lead,
        closed,
        differs.conversation_id,
        differs.criterion,
        status="not_applicable",
        reason="The customer knew already.",
    )
    calibration.close(database, lead, closed)
    discussed, occasion = teller.calibrate("April, calls", REVIEWED[1:3])
    teller.rate_all(occasion, REVIEWED[1:3])
    calibration.open_discussion(database, lead, discussed)
    rated, occasion = teller.calibrate("May, calls", TO_RATE)
    teller.answer("reviewer", TO_RATE[0], occasion=occasion, only=3)

    by_people = {
        one.criterion.id: one.answer.id
        for one in disputes.disputable(database, agent, "brv-en-10")
        if one.answer.rating.kind == "human"
    }
    disputed = disputes.raise_dispute(
        database,
        agent,
        by_people["recap"],
        "Turn 13 sums it up: the ticket, the update by two, the free calls.",
    )
    decided = disputes.raise_dispute(
        database, agent, by_people["identification"], "He gave it, and I read out his plan."
    )
    disputes.decide(
        database,
        people["third_reviewer"],
        decided.id,
        status="rated",
        level=max(decided.criterion.levels),
        reason="Agreed: turn 5 shows that the line was found.",
        based_on=decided.version,
    )

    note = coaching.add_note(
        database,
        lead,
        agent.agent,
        "You find the words for what an outage means to somebody. Do it before the first question.",
        criterion="acknowledgement",
        goal="In four of five calls, name the problem before asking anything.",
        follow_up_on=coaching.today(),
        links=[Link(conversation_id=first, turn=2)],
    )
    example = examples.add_example(
        database,
        reviewer,
        first,
        criterion="acknowledgement",
        kind=Kind.GOOD,
        title="The problem in the customer's own words",
        turn=2,
    )
    return Story(
        closed=closed,
        discussed=discussed,
        rated=rated,
        disputed=disputed.id,
        decided=decided.id,
        note=note.id,
        example=example.id,
        view=view.id,
        rule=rule.id,
        comment=comment.id,
        items=items,
    )
