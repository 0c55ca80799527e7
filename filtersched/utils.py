"""Helpers under Nova's names, for weighers that were written for Nova: `from filtersched import utils`.

Nova has them in nova.scheduler.utils.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from filtersched.filters.utils import aggregate_values_from_key, validate_num_values

LOG = logging.getLogger(__name__)


def get_weight_multiplier(host_state: Any, multiplier_name: str, multiplier_config: Any) -> Any:
    """The least of the multipliers that the host's aggregates set under a name; else the configured one.

    A value that is no number makes it the configured one, with a warning.
    """
    values = aggregate_values_from_key(host_state, multiplier_name)
    try:
        return validate_num_values(values, multiplier_config, cast_to=float)
    except ValueError as problem:
        LOG.warning("Host %s: an aggregate's %s is ignored: %s", host_state.host, multiplier_name, problem)
        return multiplier_config


def parse_options(
    opts: Iterable[str], sep: str = "=", converter: Callable[[str], Any] = str, name: str = ""
) -> list[tuple[str, Any]]:
    """The elements of a list option, each cut at the first `sep`, its value made by `converter`.

    An element without a name, without `sep`, or with a value that `converter` refuses with ValueError is
    left out with a warning. name : of the option, for the warning.
    """
    found, wrong = [], []
    for element in opts:
        key, cut, text = element.partition(sep)
        try:
            value = converter(text) if key and cut else None
        except ValueError:
            value = None
        if value is None:
            wrong.append(element)
        else:
            found.append((key, value))
    if wrong:
        LOG.warning("The option %s: %s is ignored; an element is NAME%sVALUE.", name, ", ".join(map(repr, wrong)), sep)
    return found


def request_is_rebuild(spec_obj: Any) -> bool:
    """Whether the request is a rebuild; None is none."""
    return bool(spec_obj is not None and spec_obj.is_rebuild)
