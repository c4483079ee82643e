"""Who is to review what: by hand, and by rules for what comes into the queue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, func, insert, select, update

from autoqa.review.access import InvalidError, NotFoundError, Permission, Role, User
from autoqa.review.database import Database, Write
from autoqa.review.database.schema import assignment_rules, conversations, items, leases, users
from autoqa.review.filters import Filters
from autoqa.review.queue import REVIEWING
from autoqa.review.texts import entered

MOST_REVIEWS = 5
"""Reviews that may be asked for of one conversation."""

MOST_ITEMS = 500
"""Items that may be assigned at once."""

_LONGEST_NAME = 100
_BY = "rule:{id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Gives new items that match to some people in turn, whoever has least to do first."""

    id: int
    position: int  # rules are tried in this order; the first that matches decides
    name: str
    filters: Filters
    assignees: tuple[int, ...]  # ids of users; nobody where it only asks for reviews
    reviews_wanted: int
    blind: bool
    active: bool


def assign(
    database: Database,
    user: User,
    item_ids: Sequence[int],
    *,
    to: int | None,
    due_at: datetime | None = None,
    reviews_wanted: int | None = None,
    blind: bool | None = None,
) -> int:
    """Assign open items to somebody, or to nobody; return how many changed.

    Parameters
    ----------
    database : Database
    user : User
    item_ids : sequence of int
        At most `MOST_ITEMS`.
    to : int or None
        The id of an active user who reviews.
    due_at : datetime, optional
        Until when; as it is where nothing is given.
    reviews_wanted : int, optional
        2 for double review; not fewer than are done or under way.
    blind : bool, optional
        Whether reviewers see the model's answers before they submit.

    Raises
    ------
    NotAllowedError
    NotFoundError
        If one of the items is not there, for this user, or done.
    InvalidError
        If the user does not review, or the number of reviews is out of range.
    """
    user.require(Permission.ASSIGN)
    wanted = sorted(set(item_ids))
    if not wanted or len(wanted) > MOST_ITEMS:
        raise InvalidError(f"{len(wanted)} items chosen; choose from 1 to {MOST_ITEMS}")
    _check_reviews(reviews_wanted)
    with database.writing(user.name) as write:
        if to is not None:
            _require_reviewers(write.connection, [to])
        found = write.execute(
            select(items, _under_way())
            .join(conversations, conversations.c.id == items.c.conversation_id)
            .where(items.c.id.in_(wanted), items.c.state == "open", user.sees())
            .order_by(items.c.id)
        ).all()
        if len(found) < len(wanted):
            raise NotFoundError("one of these items is not in the queue, or done; choose again")
        for item in found:
            _assign(write, item, to, due_at, reviews_wanted, blind)
        return len(found)


def _assign(
    write: Write,
    item: Row[Any],
    to: int | None,
    due_at: datetime | None,
    reviews_wanted: int | None,
    blind: bool | None,
) -> None:
    if reviews_wanted is not None and reviews_wanted < item.reviews_done + item.under_way:
        raise InvalidError(
            f"'{item.conversation_id}': {item.reviews_done + item.under_way} reviews are done or "
            "under way; ask for as many or more"
        )
    values: dict[str, Any] = {
        name: value
        for name, value in (
            ("due_at", due_at),
            ("reviews_wanted", reviews_wanted),
            ("blind", blind),
        )
        if value is not None
    }
    write.execute(update(items).where(items.c.id == item.id).values(assigned_to=to, **values))
    due = due_at.isoformat() if due_at else None
    details = {**values, "item": item.id, "to": to, "due_at": due}
    write.audit("item.assign", item.conversation_id, **details)


# Rules.


def list_rules(database: Database, user: User) -> tuple[Rule, ...]:
    """Return the rules, in the order in which they are tried."""
    user.require(Permission.ASSIGN)
    with database.reading() as connection:
        return _rules(connection)


def add_rule(
    database: Database,
    user: User,
    name: str,
    filters: Filters,
    assignees: Sequence[int] = (),
    *,
    reviews_wanted: int = 1,
    blind: bool = False,
) -> Rule:
    """Add a rule after all others. It decides about what comes into the queue from now on.

    Raises
    ------
    NotAllowedError
    InvalidError
        If the name is missing, an assignee does not review, or the filters cannot be those of a
        rule.
    """
    user.require(Permission.ASSIGN)
    name = entered(name, "the name of the rule", required=True, most=_LONGEST_NAME)
    _check_reviews(reviews_wanted)
    _check_filters(user, filters)
    with database.writing(user.name) as write:
        people = list(dict.fromkeys(assignees))
        _require_reviewers(write.connection, people)
        last = write.execute(select(func.max(assignment_rules.c.position))).scalar()
        number = write.execute(
            insert(assignment_rules)
            .values(
                position=(last or 0) + 1,
                name=name,
                filters=filters.to_query(),
                assignees=people,
                reviews_wanted=reviews_wanted,
                blind=blind,
                active=True,
            )
            .returning(assignment_rules.c.id)
        ).scalar_one()
        write.audit("rule.add", _BY.format(id=number), assignees=people, reviews=reviews_wanted)
        return next(rule for rule in _rules(write.connection) if rule.id == number)


def switch_rule(database: Database, user: User, rule_id: int, *, active: bool) -> None:
    """Let a rule decide, or not.

    Raises
    ------
    NotAllowedError, NotFoundError
    """
    user.require(Permission.ASSIGN)
    with database.writing(user.name) as write:
        rule = _one_rule(write.connection, user, rule_id)
        this = assignment_rules.c.id == rule.id
        write.execute(update(assignment_rules).where(this).values(active=active))
        write.audit("rule.switch", _BY.format(id=rule.id), active=active)


def delete_rule(database: Database, user: User, rule_id: int) -> None:
    """Remove a rule; what it assigned stays so.

    Raises
    ------
    NotAllowedError, NotFoundError
    """
    user.require(Permission.ASSIGN)
    with database.writing(user.name) as write:
        rule = _one_rule(write.connection, user, rule_id)
        write.execute(delete(assignment_rules).where(assignment_rules.c.id == rule.id))
        write.audit("rule.delete", _BY.format(id=rule.id))


def apply_now(database: Database, user: User) -> int:
    """Let the rules decide about all open items that nobody is assigned to; return how many."""
    user.require(Permission.ASSIGN)
    with database.writing(user.name) as write:
        counts = apply_rules(write)
        decided = {_BY.format(id=number): count for number, count in counts.items()}
        write.audit("rules.apply", "rules", **decided)
        return sum(counts.values())


def apply_rules(write: Write, *, since: datetime | None = None) -> dict[int, int]:
    """Let the rules decide about open items, most urgent first; the caller writes the audit entry.

    Parameters
    ----------
    write : Write
    since : datetime, optional
        Only items that came into the queue since then.

    Returns
    -------
    dict of int to int
        Items that each rule, by its id, decided about.
    """
    counts: dict[int, int] = {}
    decided: set[int] = set()
    reviewing = {row.id for row in _reviewers(write.connection)}
    to_do = _to_do(write.connection)
    for rule in _rules(write.connection):
        if not rule.active:
            continue
        people = [one for one in rule.assignees if one in reviewing]
        rows = []
        for item in _undecided(write.connection, rule.filters, since):
            if item.id in decided or (rule.assignees and not people):
                continue
            decided.add(item.id)
            least = min(people, key=lambda one: to_do[one]) if people else None
            if least is not None:
                to_do[least] += 1
            reviews = max(rule.reviews_wanted, item.reviews_done + item.under_way)
            rows.append(
                {
                    "item": item.id,
                    "to": least,
                    "reviews": reviews,
                    "hide": rule.blind or item.blind,
                }
            )
        if rows:
            write.execute(
                update(items)
                .where(items.c.id == bindparam("item"))
                .values(
                    assigned_to=bindparam("to"),
                    reviews_wanted=bindparam("reviews"),
                    blind=bindparam("hide"),
                ),
                rows,
            )
            counts[rule.id] = len(rows)
    return counts


def _undecided(
    connection: Connection, filters: Filters, since: datetime | None
) -> Sequence[Row[Any]]:
    new = [] if since is None else [items.c.created_at >= since]
    return connection.execute(
        select(items.c.id, items.c.reviews_done, items.c.blind, _under_way())
        .join(conversations, conversations.c.id == items.c.conversation_id)
        .where(filters.where(None), items.c.state == "open", items.c.assigned_to.is_(None), *new)
        .order_by(items.c.priority.desc(), items.c.id)
    ).all()


def _under_way() -> Any:
    held = and_(leases.c.item_id == items.c.id, leases.c.expires_at > datetime.now(UTC))
    return select(func.count()).where(held).scalar_subquery().label("under_way")


def _to_do(connection: Connection) -> Counter[int]:
    mine = select(items.c.assigned_to, func.count().label("open")).where(items.c.state == "open")
    rows = connection.execute(mine.group_by(items.c.assigned_to))
    return Counter({row.assigned_to: row.open for row in rows})


def _rules(connection: Connection) -> tuple[Rule, ...]:
    rows = connection.execute(
        select(assignment_rules).order_by(assignment_rules.c.position, assignment_rules.c.id)
    )
    return tuple(
        Rule(
            id=row.id,
            position=row.position,
            name=row.name,
            filters=Filters.from_query(row.filters),
            assignees=tuple(row.assignees),
            reviews_wanted=row.reviews_wanted,
            blind=row.blind,
            active=row.active,
        )
        for row in rows
    )


def _one_rule(connection: Connection, user: User, rule_id: int) -> Rule:
    for rule in _rules(connection):
        if rule.id == rule_id:
            _check_filters(user, rule.filters)
            return rule
    raise NotFoundError(f"there is no rule {rule_id}")


def _reviewers(connection: Connection) -> Sequence[Row[Any]]:
    return connection.execute(
        select(users.c.id).where(users.c.active, users.c.role.in_(REVIEWING))
    ).all()


def _require_reviewers(connection: Connection, numbers: Sequence[int]) -> None:
    known = {row.id for row in _reviewers(connection)}
    if unknown := [one for one in numbers if one not in known]:
        raise InvalidError(f"user {unknown[0]} does not review, or is not active; choose another")


def _check_reviews(wanted: int | None) -> None:
    if wanted is not None and not 1 <= wanted <= MOST_REVIEWS:
        raise InvalidError(f"{wanted} reviews wanted; enter a number from 1 to {MOST_REVIEWS}")


def _check_filters(user: User, filters: Filters) -> None:
    if filters.assigned or filters.state != "open":
        raise InvalidError("a rule decides about open items that nobody is assigned to")
    if user.role is Role.LEAD and user.team and filters.team != user.team:
        raise InvalidError(f"a rule of yours is about your team; choose team '{user.team}'")
