"""When Amazon Connect asks a question: read into `applies_when` where that can say it, and back."""

from __future__ import annotations

from typing import Any

from autoqa.records import Channel
from autoqa.scorecard.schema import Condition
from autoqa.scorecard.vendors.connect.keys import Enablement, EnablementCondition, Expression

_CHANNELS = {"VOICE": Channel.VOICE, "CHAT": Channel.CHAT, "EMAIL": Channel.EMAIL}
_NAMES = {channel.value: name for name, channel in _CHANNELS.items()}


def condition_of(enablement: Enablement) -> Condition | None:
    """Return the condition that asks for certain channels; None for any other."""
    if enablement.action != "ENABLE" or enablement.default_action not in ("", "DISABLE"):
        return None
    operands = enablement.condition.operands
    expression = operands[0].expression if len(operands) == 1 else None
    if (
        expression is None
        or expression.source.contact_field != "CHANNEL"
        or expression.comparator not in ("IN", "EQUAL_TO")
    ):
        return None
    channels = tuple(
        _CHANNELS[value.string_value]
        for value in expression.values
        if value.string_value in _CHANNELS
    )
    if not channels or len(channels) < len(expression.values):
        return None
    return Condition(channel=channels)


def enablement_of(condition: Condition) -> dict[str, Any] | None:
    """Return the enablement that says the same; None unless only channels are asked for."""
    if condition != Condition(channel=condition.channel) or not condition.channel:
        return None
    names = [_NAMES.get(channel.casefold()) for channel in condition.channel]
    if None in names:
        return None
    expression = {
        "Source": {"Type": "CONTACT", "ContactField": "CHANNEL"},
        "Values": [{"Type": "STRING_VALUE", "StringValue": name} for name in names],
        "Comparator": "IN",
    }
    return {
        "Condition": {"Operands": [{"Expression": expression}]},
        "Action": "ENABLE",
        "DefaultAction": "DISABLE",
    }


def in_words(condition: EnablementCondition) -> str:
    """Return a condition as text: ``question q1 IN yes and CHANNEL IN VOICE``."""
    said = [
        _compared(operand.expression)
        if operand.expression
        else f"({in_words(operand.condition)})"
        if operand.condition
        else "something unknown"
        for operand in condition.operands
    ]
    return f" {condition.operator.lower()} ".join(said) or "nothing is said"


def _compared(expression: Expression) -> str:
    source = expression.source
    what = f"question {source.ref_id}" if source.ref_id else source.contact_field or source.type
    values = ", ".join(value.said for value in expression.values)
    return f"{what} {expression.comparator} {values}"
