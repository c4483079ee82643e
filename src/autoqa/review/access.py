"""Who may do what: five roles, what each may, and whose conversations each may see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, false, true

from autoqa.errors import ReviewError
from autoqa.records import Json
from autoqa.review.database.schema import conversations


class Role(StrEnum):
    """What a user is here for."""

    REVIEWER = "reviewer"
    LEAD = "lead"
    AGENT = "agent"  # sees what was said of them
    ANALYST = "analyst"  # reads
    ADMIN = "admin"


class Permission(StrEnum):
    """Something that one role may do and another may not."""

    SEE_QUEUE = "see_queue"
    REVIEW = "review"  # claim, answer, submit, comment
    SEE_RATINGS = "see_ratings"  # of everybody, where not blind
    ASSIGN = "assign"  # items, rules, double review
    CALIBRATE = "calibrate"  # begin and close sessions, agree on references
    DISPUTE = "dispute"
    DECIDE = "decide"  # disputes, but never one of their own ratings
    COACH = "coach"
    SEE_COACHING = "see_coaching"
    SEE_DASHBOARDS = "see_dashboards"
    EXPORT = "export"
    MANAGE_USERS = "manage_users"
    SEE_AUDIT = "see_audit"


_REVIEWER = frozenset(
    {
        Permission.SEE_QUEUE,
        Permission.REVIEW,
        Permission.SEE_RATINGS,
        Permission.DECIDE,
        Permission.SEE_COACHING,
        Permission.SEE_DASHBOARDS,
    }
)
_LEAD = _REVIEWER | {
    Permission.ASSIGN,
    Permission.CALIBRATE,
    Permission.DISPUTE,
    Permission.COACH,
    Permission.EXPORT,
}
MAY: Mapping[Role, frozenset[Permission]] = {
    Role.REVIEWER: _REVIEWER,
    Role.LEAD: _LEAD,
    Role.AGENT: frozenset({Permission.DISPUTE, Permission.SEE_COACHING}),
    Role.ANALYST: frozenset(
        {
            Permission.SEE_QUEUE,
            Permission.SEE_RATINGS,
            Permission.SEE_COACHING,
            Permission.SEE_DASHBOARDS,
            Permission.EXPORT,
        }
    ),
    Role.ADMIN: frozenset(Permission),
}
"""What each role may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who is logged in."""

    id: int
    name: str  # the rater of their ratings
    display_name: str
    role: Role
    team: str | None = None
    agent: str | None = None  # whose conversations a user in the role of agent sees
    language: str | None = None
    settings: Mapping[str, Json] = field(default_factory=dict)

    def may(self, permission: Permission) -> bool:
        """Whether the user's role allows something."""
        return permission in MAY[self.role]

    def require(self, permission: Permission) -> None:
        """Raise `NotAllowedError` unless the user's role allows something."""
        if not self.may(permission):
            raise NotAllowedError(
                f"{self.role} '{self.name}' may not {permission.replace('_', ' ')}"
            )

    def sees(self) -> ColumnElement[bool]:
        """Return the condition on `conversations` that selects what the user may see.

        Agents see their own conversations, leads with a team that team's; all others see all.
        """
        if self.role is Role.AGENT:
            return conversations.c.agent == self.agent if self.agent else false()
        if self.role is Role.LEAD and self.team:
            return conversations.c.team == self.team
        return true()


class NotAllowedError(ReviewError):
    """Somebody asked for what their role does not allow (403)."""


class NotFoundError(ReviewError):
    """There is no such thing, or none that this user may see (404): which, is not told."""


class ConflictError(ReviewError):
    """Somebody else was faster (409). Nothing is lost: both versions are here.

    Attributes
    ----------
    theirs, yours : mapping
        What is stored now, and what was to be saved.
    """

    def __init__(
        self, message: str, *, theirs: Mapping[str, Any], yours: Mapping[str, Any]
    ) -> None:
        super().__init__(message)
        self.theirs = theirs
        self.yours = yours


class InvalidError(ReviewError):
    """What was entered cannot be saved (422): says what was found and what to enter."""


class LoginRefusedError(ReviewError):
    """Nobody comes in with this name and password, or with this link (401): why, is not told."""


class TooManyAttemptsError(LoginRefusedError):
    """Somebody tried passwords too often (429).

    Attributes
    ----------
    minutes : int
        How long to wait before the next attempt, rounded up.
    """

    def __init__(self, minutes: int) -> None:
        super().__init__(f"Too many attempts. Try again in {minutes} minutes.")
        self.minutes = minutes
