from collections.abc import Callable

import numpy as np
import pytest

from autoqa.evaluation.claims import ClaimData


def _made(n: int, **known) -> ClaimData:
    """Conversations of which only what is given is known."""
    nothing, nobody = np.full(n, np.nan), np.full(n, "")
    numbers = ("total", "csat", "resolved", "failure", "loyalty", "handle_s", "n_turns")
    columns = dict.fromkeys(numbers, nothing) | dict.fromkeys(("agent", "team", "topic"), nobody)
    given = {
        name: np.asarray(value, dtype=np.str_ if name in ("agent", "team", "topic") else float)
        for name, value in known.items()
        if name in columns
    }
    rest = {name: value for name, value in known.items() if name not in columns}
    return ClaimData(conversations=np.char.mod("c%05d", np.arange(n)), **(columns | given | rest))


@pytest.fixture(scope="session")
def made() -> Callable[..., ClaimData]:
    return _made
