"""Expressions of the rules scorer: what must be said or done, by whom, where, in which order.

::

    {say: EVENT, speaker: agent, first_turns: 2, ...}   said
    {action: PATTERN}                                   a tool call or button with that name
    {never: EXPR}                                       does not hold
    {all: [EXPR, ...]}   {any: [EXPR, ...]}             every one, at least one
    {sequence: [EXPR, EXPR, ...]}                       one after the other
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from autoqa.errors import ScorerError, near_miss
from autoqa.records import Speaker

Who = Literal["agent", "customer", "bot", "system", "any"]
Tri = bool | Literal["any"]

SPEAKERS: dict[str, frozenset[Speaker]] = {
    "agent": frozenset((Speaker.AGENT, Speaker.BOT)),
    "bot": frozenset((Speaker.BOT,)),
    "customer": frozenset((Speaker.CUSTOMER,)),
    "system": frozenset((Speaker.SYSTEM,)),
    "any": frozenset(Speaker),
}
"""Whose turns count for each word that an expression may use."""

MAX_DEPTH = 12


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    times: int = Field(default=1, ge=1)
    within_turns: int | None = Field(default=None, ge=0)


class SayOptions(_Options):
    """How `say` may be narrowed down."""

    say: str = Field(min_length=1)
    speaker: Who | None = None  # None: the criterion's speaker
    first_turns: int | None = Field(default=None, ge=1)
    last_turns: int | None = Field(default=None, ge=1)
    first_seconds: float | None = Field(default=None, gt=0)
    last_seconds: float | None = Field(default=None, gt=0)
    negated: Tri = False
    conditional: Tri = "any"


class ActionOptions(_Options):
    """How `action` may be narrowed down."""

    action: str = Field(min_length=1)

    @model_validator(mode="after")
    def _readable(self) -> ActionOptions:
        if len(self.action) > 200:
            raise ValueError("the name pattern is longer than 200 characters")
        return self


@dataclass(frozen=True, slots=True)
class Say:
    """An event is said."""

    options: SayOptions
    after: Expression | None = None
    before: Expression | None = None


@dataclass(frozen=True, slots=True)
class Did:
    """An action was taken."""

    options: ActionOptions
    after: Expression | None = None
    before: Expression | None = None


@dataclass(frozen=True, slots=True)
class Never:
    """The inner expression does not hold."""

    inner: Expression


@dataclass(frozen=True, slots=True)
class Every:
    """All parts hold."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one part holds."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class InOrder:
    """The parts are found one after the other."""

    parts: tuple[Expression, ...]


Expression: TypeAlias = Say | Did | Never | Every | Some | InOrder

_OPERATORS = ("say", "never", "all", "any", "sequence", "action")
_LISTS: dict[str, Callable[[tuple[Expression, ...]], Expression]] = {
    "all": Every,
    "any": Some,
    "sequence": InOrder,
}


def parse_expression(value: object, where: str, *, depth: int = 0) -> Expression:
    """Return the expression that a scorecard states as plain YAML.

    Parameters
    ----------
    value : mapping
        One operator with its options.
    where : str
        The place to name in errors, for example ``criterion 'greeting'``.

    Raises
    ------
    ScorerError
        If it has no operator or several, an unknown option, or asks for the order of something
        that has no place in a conversation.
    """
    if depth > MAX_DEPTH:
        raise ScorerError(f"{where}: expressions are nested more than {MAX_DEPTH} deep")
    if not isinstance(value, Mapping):
        raise ScorerError(
            f"{where}: expected a mapping such as {{say: greeting}}, found {_shown(value)}"
        )
    operators = [key for key in _OPERATORS if key in value]
    if len(operators) != 1:
        found = " and ".join(operators) if operators else ", ".join(map(str, value)) or "nothing"
        hint = "".join(near_miss(str(key), _OPERATORS) for key in value) if not operators else ""
        raise ScorerError(
            f"{where}: expected exactly one of {', '.join(_OPERATORS)}, found {found}.{hint}"
        )
    operator = operators[0]
    if operator in ("say", "action"):
        return _leaf(operator, value, where, depth)
    extra = [str(key) for key in value if key != operator]
    if extra:
        hint = near_miss(extra[0], _OPERATORS)
        raise ScorerError(f"{where}: '{operator}' takes no option '{extra[0]}'.{hint}")
    if operator == "never":
        return Never(parse_expression(value["never"], f"{where}.never", depth=depth + 1))
    items = value[operator]
    if not isinstance(items, list | tuple) or not items:
        raise ScorerError(f"{where}.{operator}: expected a list of expressions")
    parts = tuple(
        parse_expression(item, f"{where}.{operator}[{i}]", depth=depth + 1)
        for i, item in enumerate(items)
    )
    if operator == "sequence":
        if len(parts) < 2:
            raise ScorerError(f"{where}.sequence: expected two expressions or more")
        for i, part in enumerate(parts):
            _require_place(part, f"{where}.sequence[{i}]")
    return _LISTS[operator](parts)


def _leaf(operator: str, value: Mapping[str, Any], where: str, depth: int) -> Expression:
    around: dict[str, Expression] = {}
    for key in ("after", "before"):
        if key in value:
            around[key] = parse_expression(value[key], f"{where}.{key}", depth=depth + 1)
            _require_place(around[key], f"{where}.{key}")
    plain = {str(key): v for key, v in value.items() if key not in ("after", "before")}
    model = SayOptions if operator == "say" else ActionOptions
    try:
        options = model.model_validate(plain)
    except ValidationError as error:
        raise ScorerError(f"{where}: {_explained(error, model)}") from None
    if options.within_turns is not None and not around:
        raise ScorerError(f"{where}: within_turns needs 'after' or 'before' to count from")
    if isinstance(options, SayOptions):
        return Say(options, around.get("after"), around.get("before"))
    return Did(options, around.get("after"), around.get("before"))


def _explained(error: ValidationError, model: type[BaseModel]) -> str:
    first = error.errors()[0]
    key = str(first["loc"][0]) if first["loc"] else ""
    known = (*model.model_fields, "after", "before")
    if first["type"] == "extra_forbidden":
        return f"unknown option '{key}'.{near_miss(key, known)} Options: {', '.join(known)}."
    return f"{key}: {first['msg']}, found {_shown(first['input'])}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _require_place(expression: Expression, where: str) -> None:
    if not _has_place(expression):
        raise ScorerError(
            f"{where}: 'never' has no place in the conversation, so nothing can come before or "
            "after it; put it beside, in 'all'"
        )


def _has_place(expression: Expression) -> bool:
    if isinstance(expression, Never):
        return False
    if isinstance(expression, Every):
        return any(_has_place(part) for part in expression.parts)
    if isinstance(expression, Some):
        return all(_has_place(part) for part in expression.parts)
    return True


def asked_of(expression: Expression, speaker: str) -> Iterator[tuple[str, frozenset[Speaker]]]:
    """Yield every event that an expression needs looked up, with whose turns it counts in.

    Parameters
    ----------
    expression : Expression
    speaker : str
        Who is meant where the expression does not say.
    """
    if isinstance(expression, Say | Did):
        if isinstance(expression, Say):
            options = expression.options
            yield options.say, SPEAKERS[options.speaker or speaker]
        for around in (expression.after, expression.before):
            if around is not None:
                yield from asked_of(around, speaker)
    elif isinstance(expression, Never):
        yield from asked_of(expression.inner, speaker)
    else:
        for part in expression.parts:
            yield from asked_of(part, speaker)
