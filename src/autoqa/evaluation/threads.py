"""Small matrices by the thousand are faster in one thread than handed out to several."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any


def one_thread() -> AbstractContextManager[Any]:
    """Keep linear algebra to one thread for a while.

    On a busy machine threads wait for each other longer than such products take.
    """
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(1, user_api="blas")
    return limits
