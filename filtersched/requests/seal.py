"""The seal: while a thread chooses hosts, filters and weighers may change neither hosts nor requests.

Hosts, requests and pools that were made while the thread chooses belong to the plug-in that made
them, and may be changed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

_T = TypeVar("_T")

Limits = dict[int, dict[str, Any]]


class _Decision(threading.local):
    """The decision that this thread is making, if any.

    limits : `id(host)` to the limits written for that host, private to the decision. What is made
        during a decision remembers this very dict.
    """

    limits: Limits | None = None
    #: What a host without a ratio of its own reads as, for the plug-in that is being called; by attribute.
    ratios: Mapping[str, float] | None = None


decision: _Decision = _Decision()

ONLY_ANSWERS = "may not be changed while hosts are being chosen; a filter or weigher only answers"


def is_sealed(made_in: Limits | None) -> bool:
    """Whether this thread may not change what was made in that decision (None: outside of any)."""
    return decision.limits is not None and decision.limits is not made_in


def sealed(act: Callable[..., _T], *args: Any) -> _T:
    """The result of `act(*args)`, run as a decision. The seal is broken whatever exception strikes, and wherever."""
    outer, ratios = decision.limits, decision.ratios
    try:
        decision.limits, decision.ratios = {}, None
        result = act(*args)
        decision.limits, decision.ratios = outer, ratios
        return result
    except BaseException:
        # Also where the exception comes from outside, between two statements above.
        decision.limits, decision.ratios = outer, ratios
        raise


def forget_limits() -> None:
    """Drop the limits that filters wrote in this thread's decision, since it starts over."""
    if decision.limits is not None:
        decision.limits.clear()
