"""Disputes: an agent, or a lead for them, says that a rating is wrong; somebody else decides.

The disputed rating, the dispute and the decision all stay.
"""

from __future__ import annotations

from autoqa.review.disputes.deciding import decide
from autoqa.review.disputes.raising import (
    Disputable,
    Reviewed,
    conversation_of,
    disputable,
    raise_dispute,
    reviewed_conversations,
    withdraw,
)
from autoqa.review.disputes.stories import (
    Decision,
    Dispute,
    Original,
    State,
    count_withheld,
    dispute,
    list_disputes,
)

__all__ = [
    "Decision",
    "Disputable",
    "Dispute",
    "Original",
    "Reviewed",
    "State",
    "conversation_of",
    "count_withheld",
    "decide",
    "disputable",
    "dispute",
    "list_disputes",
    "raise_dispute",
    "reviewed_conversations",
    "withdraw",
]
