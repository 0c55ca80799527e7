"""ComputeCapabilitiesFilter: extra specs that name attributes of the host."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from filtersched.columns.column import HostColumns, NotVectorizable
from filtersched.columns.frozen import thaw
from filtersched.errors import InvalidRequest, shown
from filtersched.filters.extra_specs import ExtraSpecsFilter, Wish, match, match_numbers
from filtersched.hosts.host_state import HostState
from filtersched.hosts.look_ups import may_have
from filtersched.plugins.columnar import has_attribute, has_key, item, of_each
from filtersched.requests.request_spec import RequestSpec

_ADDRESS_WIDTH = "hw:maxphysaddr_bits"
_ADDRESS_WIDTH_AT = "capabilities:cpu_info:maxphysaddr:bits"


class ComputeCapabilitiesFilter(ExtraSpecsFilter):
    """Refuse hosts whose attributes or statistics do not satisfy the flavor's extra specs.

    | extra spec                | checked                                                  |
    |---------------------------|----------------------------------------------------------|
    | `capabilities:a:b…`       | always: a of the host, b of that, and so on              |
    | `name` (no colon)         | if the host has an attribute or a statistic of that name |
    | `hw:maxphysaddr_bits` = N | as `capabilities:cpu_info:maxphysaddr:bits` = `>= N`     |
    | any other scope           | never                                                    |

    Each step of a path names an item of a mapping or of JSON text, or else an attribute, or else, if
    that is None, a statistic of the host. An unknown step refuses. The value is compared as text,
    with the operators of extra specs. Methods, names that begin with `_` or are not Python names,
    and `limits`, which belong to a decision and not to the host, do not count as attributes.
    """

    run_filter_once_per_request = True
    spec_reads: ClassVar[Sequence[str]] = (
        *("extra_specs.*", "extra_specs.capabilities:*"),
        f"extra_specs.{_ADDRESS_WIDTH}",
    )
    columnar = True
    reason_is_text = True
    scope = "capabilities"

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        """The attributes at which the extra specs of this request begin."""
        try:
            wishes = self.wishes(spec)
        except InvalidRequest:
            # A host is asked first, and then what is wrong with the request is said.
            return ()
        first = (wish.steps[0] for wish in wishes if _is_public(wish.steps[0]))
        return tuple(dict.fromkeys([*first, "stats"])) if wishes else ()

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        if isinstance(host_state, HostColumns):
            return _all_satisfied(host_state, self.wishes(spec))
        return all(_satisfies(host_state, wish) for wish in self.wishes(spec))

    def _relevant_extra_specs(self, spec: RequestSpec, rows: Any) -> Any:
        return self._relevant(
            spec, lambda name: may_have(rows, "stats", name) or (_is_public(name) and may_have(rows, name))
        )

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        for wish in self.wishes(spec):
            if not _satisfies(host_state, wish):
                found = _follow(host_state, wish.steps)
                has = "is not known" if found is None else f"is {shown(_text(found))}"
                return f"{wish.name} {has}, the flavor asks {shown(wish.requirement)}"
        return None

    def asked(self, extra_specs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        if _ADDRESS_WIDTH not in extra_specs:
            return extra_specs.items()
        return {**extra_specs, _ADDRESS_WIDTH_AT: f">= {extra_specs[_ADDRESS_WIDTH]}"}.items()


def _satisfies(host: HostState, wish: Wish) -> bool:
    if wish.is_bare and not (_has_attribute(host, wish.steps[0]) or wish.steps[0] in host.stats):
        return True
    found = _follow(host, wish.steps)
    return found is not None and match(_text(found), wish.requirement)


def _all_satisfied(hosts: HostColumns, wishes: Iterable[Wish]) -> Any:
    """The same for columns of hosts, where these can tell. Raises NotVectorizable."""
    passes: Any = True
    for wish in wishes:
        passes = passes & _satisfied(hosts, wish)
    return passes


def _satisfied(hosts: HostColumns, wish: Wish) -> Any:
    first, *rest = wish.steps
    is_attribute = _is_public(first) and has_attribute(hosts, first)
    is_statistic = has_key(hosts, "stats", first)
    if is_attribute is False and is_statistic is False:
        return wish.is_bare
    if is_statistic is not False and (rest or is_attribute is not False):
        raise NotVectorizable
    if is_attribute is False:
        there, found = is_statistic, item(hosts, "stats", first, _number)
    else:
        there, found = is_attribute, of_each(hosts, first, _number_under, *rest)
    satisfied = match_numbers(found, wish.requirement)
    return satisfied | np.logical_not(there) if wish.is_bare else satisfied


def _number_under(value: Any, *path: str) -> float | None:
    """The number that the path leads to, as it is compared; None for nothing. Raises ValueError for text."""
    for name in path:
        if value is None:
            return None
        value = _step(value, name)
    return None if value is None else _number(value)


def _number(value: Any) -> float:
    return float(_text(value))


def _follow(host: HostState, path: tuple[str, ...]) -> Any:
    found: Any = host
    for name in path:
        found = _step(found, name)
        if found is None:
            return None
    return found


def _step(value: Any, name: str) -> Any:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if isinstance(value, Mapping):
        return value.get(name)
    if _has_attribute(value, name) and getattr(value, name) is not None:
        return getattr(value, name)
    stats = getattr(value, "stats", None)
    return stats.get(name) if isinstance(stats, Mapping) else None


def _has_attribute(value: Any, name: str) -> bool:
    return _is_public(name) and hasattr(value, name) and not callable(getattr(value, name))


def _is_public(name: str) -> bool:
    return name.isidentifier() and not name.startswith("_") and name != "limits"


def _text(found: Any) -> str:
    # Lists are kept as tuples here; Nova compares the text of a list.
    return str(thaw(found))
