"""Views: how the turns of a conversation are pooled into one vector.

Every view is a weighted sum of turns, so a linear model over views is a sum over turns, and what
each turn contributed to a score can be told exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from autoqa.records import Speaker, Transcript

VIEWS = (
    "target",
    "reply_to",
    "customer_mean",
    "agent_mean",
    "customer_recent",
    "agent_recent",
    "agent_opening",
    "agent_ending",
)
"""``target`` is the last turn of the judged speaker, ``reply_to`` the other side's turn before it;
``recent`` weighs a side's turns by how lately they were said; ``opening`` and ``ending`` are the
agent's first and last two turns."""

_FADE = 0.6  # weight of a turn relative to the next one of the same side
_EDGE = 2  # turns that make an opening or an ending


@dataclass(frozen=True, slots=True)
class Item:
    """A conversation of a batch as it stood right after one turn; None: the whole of it."""

    transcript: int
    turn: int | None = None


def is_agent_side(speaker: Speaker) -> bool:
    """Bots speak for the company, as agents do."""
    return speaker in (Speaker.AGENT, Speaker.BOT)


def same_side(a: Speaker, b: Speaker) -> bool:
    """Whether two speakers are on the same side of the conversation."""
    return a is b or (is_agent_side(a) and is_agent_side(b))


def pooling_weights(
    transcripts: Sequence[Transcript],
    items: Sequence[Item],
    view: str,
    *,
    speaker: Speaker,
) -> csr_matrix:
    """Return the weight of every turn of the batch in every item's view.

    Returns
    -------
    sparse matrix of shape (n_items, n_turns of all transcripts)
        Rows sum to 1, or to 0 where the view finds no turn. Items see turns up to their own only.
    """
    starts = np.concatenate([[0], np.cumsum([len(t.turns) for t in transcripts])])
    sides = [_Sides(t) for t in transcripts]
    columns: list[np.ndarray] = []
    values: list[np.ndarray] = []
    for item in items:
        turns, weights = sides[item.transcript].pool(view, item.turn, speaker)
        columns.append(turns + starts[item.transcript])
        values.append(weights)
    pointers = np.concatenate([[0], np.cumsum([len(c) for c in columns])])
    flat = np.concatenate(columns) if columns else np.zeros(0, int)
    data = np.concatenate(values) if values else np.zeros(0)
    return csr_matrix(
        (data.astype(np.float32), flat, pointers), shape=(len(items), int(starts[-1]))
    )


class _Sides:
    """Where each side of one conversation spoke."""

    def __init__(self, transcript: Transcript) -> None:
        speakers = [turn.speaker for turn in transcript.turns]
        self.length = len(speakers)
        self.agent = np.flatnonzero([is_agent_side(s) for s in speakers])
        self.customer = np.flatnonzero([s is Speaker.CUSTOMER for s in speakers])

    def pool(self, view: str, turn: int | None, speaker: Speaker) -> tuple[np.ndarray, np.ndarray]:
        end = self.length if turn is None else turn + 1
        agent = self.agent[: np.searchsorted(self.agent, end)]
        customer = self.customer[: np.searchsorted(self.customer, end)]
        own, other = (agent, customer) if is_agent_side(speaker) else (customer, agent)
        if view == "target":
            chosen = own[-1:]
        elif view == "reply_to":
            chosen = other[: np.searchsorted(other, own[-1])][-1:] if len(own) else other[:0]
        elif view == "agent_opening":
            chosen = agent[:_EDGE]
        elif view == "agent_ending":
            chosen = agent[-_EDGE:]
        else:
            side, _, how = view.partition("_")
            chosen = agent if side == "agent" else customer
            if how == "recent":
                # Beyond some 30 turns the weight is below float32's resolution.
                chosen = chosen[-32:]
                weights = _FADE ** np.arange(len(chosen))[::-1]
                return chosen, weights / weights.sum() if len(chosen) else weights
        return chosen, np.full(len(chosen), 1 / max(len(chosen), 1))
