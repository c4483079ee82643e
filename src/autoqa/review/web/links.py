"""Addresses on the review page."""

from __future__ import annotations

from urllib.parse import urlencode


def address(path: str, **query: object) -> str:
    """Return a path with those parameters that are not None or empty.

    >>> address("/disputes", state="open", after=None)
    '/disputes?state=open'
    """
    given = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


def conversation_link(
    conversation_id: str,
    *,
    criterion: str | None = None,
    turn: int | None = None,
    occasion: str = "",
) -> str:
    """Return the address of a conversation, or of a turn or criterion in it.

    Parameters
    ----------
    conversation_id : str
    criterion : str, optional
        Whose evidence is highlighted.
    turn : int, optional
        Index from 0; in the address turns count from 1, as people read them.
    occasion : str
        ``calibration:ID`` where it is rated for a calibration session.

    >>> conversation_link("a/1", criterion="empathy", turn=2)
    '/conversation?id=a%2F1&criterion=empathy#turn-3'
    """
    page = address("/conversation", id=conversation_id, occasion=occasion, criterion=criterion)
    if turn is not None:
        return f"{page}#turn-{turn + 1}"
    return f"{page}#criterion-{criterion}" if criterion else page
