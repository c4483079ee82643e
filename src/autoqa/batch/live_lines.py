"""Live scoring for other programs: a line of JSON per turn in, a line per turn out.

::

    {"conversation_id": str, "speaker": "agent|customer|bot|system", "text": str,
     "start_s": float?, "end_s": float?, "actions": [...]?,
     "channel": "voice|chat|email"?, "language": "en"?, ...}     details count on the first turn
    {"conversation_id": str, "end": true}                        forgets the conversation
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import IO, Any

from autoqa.batch.live import LiveConversation, LiveScorer
from autoqa.errors import ReadError, RecordError
from autoqa.readers.uniform import labelled_from
from autoqa.readers.values import load_json

MAX_LINE_BYTES = 2**20

_OF_THE_TURN = ("speaker", "text", "start_s", "end_s", "actions")


def answer_lines(
    scorer: LiveScorer, stream: IO[bytes], *, most: int = 1000
) -> Iterator[dict[str, Any]]:
    """Yield what is known after every turn that a stream brings; see `LiveUpdate.to_dict`.

    A line that cannot be used gives ``{"line", "reason", "problem"}`` without its text.

    Parameters
    ----------
    most : int
        Conversations held at a time. One more, and the one that has been silent for longest is
        forgotten, which ``{"conversation_id", "forgotten": true}`` says.
    """
    held: OrderedDict[str, LiveConversation] = OrderedDict()
    for number, line in _lines(stream):
        try:
            if line is None:
                raise ReadError(f"longer than {MAX_LINE_BYTES} bytes", reason="too_large")
            said = load_json(line)
            if not isinstance(said, dict):
                raise ReadError("the line is not a JSON object", reason="wrong_type")
            conversation_id = str(said.get("conversation_id") or "")
            if said.get("end") is True:
                held.pop(conversation_id, None)
                continue
            turn = {name: said.pop(name) for name in _OF_THE_TURN if name in said}
            transcript = labelled_from({**said, "turns": [turn]}, notes=[]).transcript
            conversation = held.get(conversation_id) or scorer.begin(transcript)
            held[conversation_id] = conversation
            held.move_to_end(conversation_id)
            yield conversation.feed(transcript.turns[0]).to_dict()
        except (ReadError, RecordError) as error:
            reason = getattr(error, "reason", "wrong_type")
            yield {"line": number, "reason": reason, "problem": str(error)}
        while len(held) > most:
            forgotten, _ = held.popitem(last=False)
            yield {"conversation_id": forgotten, "forgotten": True}


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """Yield numbered lines that are not blank; None for one that is too long."""
    number = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_LINE_BYTES)
            yield number, None
        elif line.strip():
            yield number, line.rstrip(b"\r\n")
