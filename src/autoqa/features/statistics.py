"""Conversation statistics: how the talk was shared, paced and repeated."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from autoqa.records import Speaker, Transcript

Floats = NDArray[np.float64]

STATISTICS = (
    "turns_log",
    "customer_turns_log",
    "agent_word_share",
    "agent_words_log",
    "customer_words_log",
    "last_customer_words_log",
    "last_agent_words_log",
    "agent_question_share",
    "customer_question_share",
    "customer_exclamation_share",
    "agent_repetition",
    "customer_repetition",
    "customer_length_trend",
    "has_times",
    "duration_log",
    "response_s_log",
    "silence_share",
    "overlap_share",
    "actions_log",
)
"""Names of the statistics, in the order of the vector's entries."""

# One token per Han character (there are no spaces to split at), per word, and per number.
WORD_PATTERN = r"[\u3400-\u9fff]|[^\W\d_\u3400-\u9fff]+|\d+"
_WORD = re.compile(WORD_PATTERN)


def statistics_after_turns(transcript: Transcript) -> Floats:
    """Return the statistics as they stood after each turn, shape (n_turns, len(STATISTICS)).

    Row t uses turns up to and including t only. Counts and durations enter as log(1 + x), so that
    the long tail of calls does not rule a linear model. What cannot be known (times in a chat
    without them) is 0, and ``has_times`` tells the two apart. Costs time linear in the turns.
    """
    turns = transcript.turns
    if not turns:
        return np.zeros((0, len(STATISTICS)))
    words = [_WORD.findall(turn.text.lower()) for turn in turns]
    counts = np.array([len(w) for w in words], dtype=float)
    customer = np.array([turn.speaker is Speaker.CUSTOMER for turn in turns])
    agent = np.array([turn.speaker in (Speaker.AGENT, Speaker.BOT) for turn in turns])
    asks = np.array([any(mark in turn.text for mark in "?？") for turn in turns])
    exclaims = np.array([any(mark in turn.text for mark in "!！") for turn in turns])
    n_agent, n_customer = np.cumsum(agent), np.cumsum(customer)
    agent_words, customer_words = np.cumsum(counts * agent), np.cumsum(counts * customer)
    actions = np.cumsum([len(turn.actions) for turn in turns]).astype(float)
    actions[-1] += len(transcript.closing_actions)
    return np.column_stack(
        [
            np.log1p(np.arange(1, len(turns) + 1)),
            np.log1p(n_customer),
            _ratio(agent_words, agent_words + customer_words),
            np.log1p(agent_words),
            np.log1p(customer_words),
            np.log1p(_latest(counts, customer)),
            np.log1p(_latest(counts, agent)),
            _ratio(np.cumsum(asks & agent), n_agent),
            _ratio(np.cumsum(asks & customer), n_customer),
            _ratio(np.cumsum(exclaims & customer), n_customer),
            _repetition(words, agent),
            _repetition(words, customer),
            _length_trend(counts, customer),
            *_times(transcript, agent, customer),
            np.log1p(actions),
        ]
    )


def conversation_statistics(transcript: Transcript) -> Floats:
    """Return the statistics of the whole conversation, shape (len(STATISTICS),)."""
    rows = statistics_after_turns(transcript)
    return rows[-1] if len(rows) else np.zeros(len(STATISTICS))


def _ratio(part: NDArray[np.generic], whole: NDArray[np.generic]) -> Floats:
    whole_ = whole.astype(float)
    ratio: Floats = np.divide(part, whole_, out=np.zeros(len(whole_)), where=whole_ > 0)
    return ratio


def _latest(values: Floats, mask: NDArray[np.bool_]) -> Floats:
    """The value at the most recent masked turn, 0 before the first."""
    last = np.maximum.accumulate(np.where(mask, np.arange(len(mask)), -1))
    return np.where(last >= 0, values[last], 0.0)


def _repetition(words: list[list[str]], mask: NDArray[np.bool_]) -> Floats:
    """Mean Jaccard overlap between one side's consecutive turns so far."""
    overlap, pairs = np.zeros(len(mask)), np.zeros(len(mask))
    previous: set[str] | None = None
    for i in np.flatnonzero(mask):
        bag = set(words[i])
        if previous and bag:
            overlap[i] = len(previous & bag) / len(previous | bag)
            pairs[i] = 1
        previous = bag
    return _ratio(np.cumsum(overlap), np.cumsum(pairs))


def _length_trend(counts: Floats, mask: NDArray[np.bool_]) -> Floats:
    """Log ratio of mean turn length between the later and the earlier half of one side's turns."""
    trend = np.zeros(len(mask))
    own = np.flatnonzero(mask)
    total = np.concatenate([[0.0], np.cumsum(counts[own])])
    n = np.arange(1, len(own) + 1)
    half = n // 2
    early = _ratio(total[half], half)
    late = _ratio(total[n] - total[half], n - half)
    trend[own] = np.where(half > 0, np.log1p(late) - np.log1p(early), 0.0)
    return _latest(trend, mask)


def _times(
    transcript: Transcript, agent: NDArray[np.bool_], customer: NDArray[np.bool_]
) -> Iterable[Floats]:
    """Yield has_times, log duration, log response time, and shares of silence and overlap."""
    turns, n = transcript.turns, len(transcript.turns)
    duration, silence, overlap = np.zeros(n), np.zeros(n), np.zeros(n)
    waited, answers = np.zeros(n), np.zeros(n)
    first = latest = 0.0
    previous: int | None = None
    for i, turn in enumerate(turns):
        if turn.start_s is not None:
            end = turn.start_s if turn.end_s is None else turn.end_s
            if previous is None:
                first, latest = turn.start_s, end
            else:
                before = turns[previous]
                # Without its end, the previous turn's talk would count as silence.
                gap = turn.start_s - before.end_s if before.end_s is not None else 0.0
                silence[i], overlap[i] = max(gap, 0.0), max(-gap, 0.0)
                if agent[i] and customer[previous]:
                    waited[i], answers[i] = max(gap, 0.0), 1
                first, latest = min(first, turn.start_s), max(latest, end)
            previous = i
        duration[i] = latest - first
    yield (duration > 0).astype(float)
    yield np.log1p(duration)
    yield np.log1p(_ratio(np.cumsum(waited), np.cumsum(answers)))
    yield np.minimum(_ratio(np.cumsum(silence), duration), 1.0)
    yield np.minimum(_ratio(np.cumsum(overlap), duration), 1.0)
