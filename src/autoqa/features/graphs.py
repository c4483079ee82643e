"""The two graphs that encoders are exported as. torch is needed for the first export only."""

from __future__ import annotations

from typing import Any

import torch

from autoqa.features.weights import Pooling

_UNSEEN = -10_000.0  # added to an attention score; far enough in bf16 too


class PooledTexts(torch.nn.Module):  # type: ignore[misc]  # torch is not type-checked
    """Single texts: an encoder with pooling and unit length inside the graph."""

    def __init__(self, encoder: Any, pooling: Pooling) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooling = pooling

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        """Return unit vectors, shape (n_texts, dimension)."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        if self.pooling == "cls":
            pooled = states[:, 0]
        else:
            share = attention_mask.unsqueeze(-1).to(states.dtype)
            pooled = (states * share).sum(1) / share.sum(1)
        return torch.nn.functional.normalize(pooled, dim=-1)


class TurnsInContext(torch.nn.Module):  # type: ignore[misc]  # torch is not type-checked
    """Conversations: a token attends to its own turn and to turns before it, never later.

    So one pass reads every turn in its context, and what is said of a turn cannot depend on what
    came after it. A customer's turn sees both sides; an agent's turn sees the agent's side only,
    so that no words of a customer can earn an agent anything (how many there are shifts where
    the agent's stand, no more). For encoders built like BERT.
    """

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: Any, turns: Any, agent: Any) -> Any:
        """Return the states of all tokens, shape (n_texts, n_tokens, dimension).

        Parameters
        ----------
        input_ids : integer tensor of shape (n_texts, n_tokens)
        turns : integer tensor of the same shape
            The turn that each token belongs to; padding has a later one than every token.
        agent : integer tensor of the same shape
            1 where the agent's side speaks, and for what both sides see; 0 for the customer.
        """
        states = self.encoder.embeddings(input_ids=input_ids)
        mask = turn_mask(turns, agent)
        for layer in self.encoder.encoder.layer:
            states = layer(states, mask)
        return states


def turn_mask(turns: Any, agent: Any) -> Any:
    """Return what to add to attention scores, shape (n_texts, 1, n_tokens, n_tokens)."""
    later = turns[:, None, None, :] > turns[:, None, :, None]
    # An agent's token looks at a customer's.
    across = agent[:, None, None, :] < agent[:, None, :, None]
    return (later | across).to(torch.float32) * _UNSEEN
