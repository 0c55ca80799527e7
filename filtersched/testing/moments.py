"""Requests at the times between which an answer that depends on the time must stay the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from filtersched.columns.values import moment
from filtersched.requests.request_spec import RequestSpec
from filtersched.weighers.base import is_weight

# In microseconds.
_DAY = 86_400 * 1_000_000


def requests_between(moments: Any, spec: RequestSpec, fail: Callable[[str], Any]) -> Iterator[RequestSpec]:
    """The request as early and as late as the answer of now holds; `fail` gets what is no list of moments."""
    if not isinstance(moments, tuple | list) or not all(map(is_weight, moments)):
        fail(f"changes_at returned {moments!r}; return a list of finite numbers")
    now = moment(spec.now)
    last = max((one for one in moments if one <= now), default=now - _DAY)
    following = min((one for one in moments if one >= now), default=now + _DAY)
    for at in (last + 1, following - 1):
        if last < at < following:
            other = spec.copy()
            other.now = spec.now + timedelta(microseconds=int(at - now))
            yield other
