"""Live scoring: feed turns as they are said, get CSAT so far and what the rules found.

What is said of a turn rests on that turn and those before it, and equals what batch scoring with
``curve`` says of it once the conversation is over. There are two exceptions, since nobody knows
what comes: a number that a later turn completes (a card read out in two turns) is masked from
that turn on, and ``bf16`` arithmetic rounds a conversation in pieces a little differently than
whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from autoqa.batch.work import ScoringSetup
from autoqa.errors import RecordError
from autoqa.features.batch import Batch, between_parties
from autoqa.features.encoders import Encoder
from autoqa.features.tokens import turn_docs
from autoqa.features.views import Item
from autoqa.privacy import redact
from autoqa.records import Channel, Rating, Speaker, Transcript, Turn
from autoqa.scorecard import Scorecard, evaluate
from autoqa.scorers.mentions import Mention, carry_on, mention_table
from autoqa.scorers.panel import Panel
from autoqa.store import to_dict

MAX_TURNS = 10_000
"""Turns of one conversation; a whole day of talk has fewer."""


@dataclass(frozen=True)
class LiveUpdate:
    """What is known of a conversation right after one turn.

    Attributes
    ----------
    turn : int
        Index of the turn, from 0.
    said : Turn
        The turn, redacted: what the events' characters count in.
    csat : Rating or None
        Predicted satisfaction after the latest customer turn, whose index it carries; None before
        the first, and without a CSAT model.
    events : tuple of Mention
        What the scorecard's rules ask for and this turn says.
    critical_failed : tuple of str
        Critical criteria that would fail if the conversation ended here, in scorecard order. What
        may still be said, such as a recap, fails until it is.
    newly_failed : tuple of str
        Those of them that would not have failed one turn before.
    """

    conversation_id: str
    turn: int
    said: Turn
    csat: Rating | None
    events: tuple[Mention, ...]
    critical_failed: tuple[str, ...]
    newly_failed: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, without what was said."""
        csat = self.csat and to_dict(self.csat)
        kept = ("turn", "status", "level", "expected", "probabilities", "reason")
        return {
            "conversation_id": self.conversation_id,
            "turn": self.turn,
            "csat": csat and {name: csat[name] for name in kept},
            "events": [
                {
                    "event": one.event,
                    "start": one.start,
                    "end": one.end,
                    "negated": one.negated,
                    "conditional": one.conditional,
                }
                for one in self.events
            ],
            "critical_failed": list(self.critical_failed),
            "newly_failed": list(self.newly_failed),
        }


class LiveScorer:
    """Scores conversations while they are held; models load once, for all of them.

    Parameters
    ----------
    setup : ScoringSetup
    encoders : mapping of str to Encoder, optional
        Stand in for the set-up's own. Those remember vectors, so that of a conversation only
        what is new is read.

    Examples
    --------
    >>> call = LiveScorer(ScoringSetup(card, models)).start("c1")  # doctest: +SKIP
    >>> call.feed(Turn(speaker="customer", text="It is still broken!")).csat  # doctest: +SKIP
    """

    def __init__(
        self, setup: ScoringSetup, *, encoders: Mapping[str, Encoder] | None = None
    ) -> None:
        self.setup = setup
        self.encoders = encoders or setup.encoders
        by_rules = {k for k, scorer in setup.panel.answered_by.items() if scorer == "RulesScorer"}
        # What neither fires events nor can fail would be rated for nothing after every turn.
        self.card = _part_of(setup.card, by_rules)
        self.panel = Panel(self.card, setup.folder, abstain_below=setup.abstain_below)

    def start(
        self,
        conversation_id: str,
        *,
        channel: Channel | str = Channel.CHAT,
        language: str = "en",
        **details: Any,
    ) -> LiveConversation:
        """Return a conversation to feed turns to.

        Parameters
        ----------
        **details
            Other fields of a `Transcript`, such as ``queue``, as far as they are known.
        """
        return self.begin(
            Transcript(
                conversation_id=conversation_id,
                turns=(),
                channel=Channel(channel),
                language=language,
                **details,
            )
        )

    def begin(self, transcript: Transcript) -> LiveConversation:
        """Return a conversation about which all is known that `transcript` says, but its turns."""
        return LiveConversation(self, replace(transcript, turns=(), closing_actions=()))


class LiveConversation:
    """One conversation that is being held; holds its turns, and what was computed of them."""

    def __init__(self, scorer: LiveScorer, empty: Transcript) -> None:
        self._scorer = scorer
        self._heard = empty
        self._so_far: _SoFar | None = None
        self._csat: Rating | None = None
        self._failed: tuple[str, ...] = ()

    def feed(self, turn: Turn) -> LiveUpdate:
        """Add a turn and return what is known right after it.

        Raises
        ------
        RecordError
            If the conversation has `MAX_TURNS` turns.
        """
        place = len(self._heard.turns)
        if place >= MAX_TURNS:
            raise RecordError(
                f"{self._heard.conversation_id}: more than {MAX_TURNS} turns; start it anew"
            )
        self._heard = replace(self._heard, turns=(*self._heard.turns, turn))
        # The whole of it: a turn may complete a number that an earlier one began.
        redacted = redact(self._heard, self._scorer.setup.redaction)
        batch = _SoFar(redacted, self._scorer.encoders, self._so_far)
        csat = self._scorer.setup.csat
        if csat is not None and turn.speaker is Speaker.CUSTOMER:
            (self._csat,) = csat.rate_items(batch, [Item(0, place)])
        ratings = self._scorer.panel.rate(batch)
        failed = evaluate(ratings, self._scorer.card).critical_failed if ratings else ()
        before, self._failed, self._so_far = self._failed, failed, batch
        return LiveUpdate(
            conversation_id=self._heard.conversation_id,
            turn=place,
            said=batch.transcripts[0].turns[place],
            csat=self._csat,
            events=tuple(m for m in mention_table(batch).all_of(0) if m.turn == place),
            critical_failed=failed,
            newly_failed=tuple(name for name in failed if name not in before),
        )


class _SoFar(Batch):
    """One conversation as far as it is; what was computed of its earlier turns is kept."""

    def __init__(
        self, transcript: Transcript, encoders: Mapping[str, Encoder], before: _SoFar | None
    ) -> None:
        if before is not None and before.transcripts[0].turns != transcript.turns[:-1]:
            before = None
        super().__init__([transcript], encoders=encoders)
        known = before.transcripts[0].turns if before else ()
        new = replace(transcript, turns=transcript.turns[len(known) :])
        clean = before.between_parties[0].turns if before else ()
        clean += between_parties(new).turns
        self.between_parties = (replace(transcript, turns=clean),)
        self.docs = [[*(before.docs[0] if before else ()), *turn_docs([new])[0]]]
        if before is not None:
            carry_on(before, self)


def _part_of(card: Scorecard, by_rules: set[str]) -> Scorecard:
    """Return a scorecard with what is critical or answered by rules."""
    sections = [
        section.model_copy(update={"criteria": kept})
        for section in card.sections
        if (kept := tuple(c for c in section.criteria if c.critical or c.id in by_rules))
    ]
    return Scorecard(id=card.id, version=card.version, sections=tuple(sections))
