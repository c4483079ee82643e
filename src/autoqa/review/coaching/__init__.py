"""Coaching: notes and goals for an agent, linked to what was said, and what came after them.

A note stays as it was written. What changes is its state, when it is followed up, and which turns
it points to.
"""

from __future__ import annotations

from autoqa.review.coaching.notes import (
    CoachedAgent,
    Link,
    Note,
    NoteState,
    agents_seen,
    coached_agents,
    due_follow_ups,
    list_notes,
    note_of,
    today,
)
from autoqa.review.coaching.progress import Change, Progress, progress
from autoqa.review.coaching.writing import add_note, follow_up, link_turn

__all__ = [
    "Change",
    "CoachedAgent",
    "Link",
    "Note",
    "NoteState",
    "Progress",
    "add_note",
    "agents_seen",
    "coached_agents",
    "due_follow_ups",
    "follow_up",
    "link_turn",
    "list_notes",
    "note_of",
    "progress",
    "today",
]
