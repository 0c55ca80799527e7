"""Nova's request filters in a scheduler: the filter that stands for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from filtersched.filters.prefilter_filter import PrefilterFilter
from filtersched.loading import make_plugin


def prefilters(conf: Any, enabled: Sequence[Any]) -> list[PrefilterFilter]:
    """The filter, if an option of its is on and the configuration does not name it."""
    if any(isinstance(one, PrefilterFilter) for one in enabled):
        return []
    made = make_plugin(PrefilterFilter, conf)
    return [made] if made.is_on() else []
