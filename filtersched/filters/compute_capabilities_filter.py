"""ComputeCapabilitiesFilter: extra specs that name attributes of the host."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from filtersched.columns.frozen import thaw
from filtersched.filters.base import BaseHostFilter
from filtersched.filters.extra_specs import match
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec

_SCOPE = "capabilities"
_ADDRESS_WIDTH = "hw:maxphysaddr_bits"
_ADDRESS_WIDTH_AT = "capabilities:cpu_info:maxphysaddr:bits"


class ComputeCapabilitiesFilter(BaseHostFilter):
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
    spec_reads = ("extra_specs",)

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        """The attributes at which the extra specs of this request begin."""
        wishes = _wishes(spec)
        first = (wish.path[0] for wish in wishes if _is_public(wish.path[0]))
        return tuple(dict.fromkeys([*first, "stats"])) if wishes else ()

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> bool:
        return all(_satisfies(host_state, wish) for wish in _wishes(spec))

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        for wish in _wishes(spec):
            if not _satisfies(host_state, wish):
                found = _follow(host_state, wish.path)
                has = "is not known" if found is None else f"is {_text(found)!r}"
                return f"{':'.join(wish.path)} {has}, the flavor asks {wish.req!r}"
        return None


class _Wish(NamedTuple):
    path: tuple[str, ...]
    req: Any
    bare: bool


def _wishes(spec: RequestSpec) -> list[_Wish]:
    asked = dict(spec.extra_specs)
    if _ADDRESS_WIDTH in asked:
        asked[_ADDRESS_WIDTH_AT] = f">= {asked[_ADDRESS_WIDTH]}"
    wishes = []
    for key, req in asked.items():
        scope, colon, rest = key.partition(":")
        if not colon:
            wishes.append(_Wish((key,), req, bare=True))
        elif scope == _SCOPE:
            wishes.append(_Wish(tuple(rest.split(":")), req, bare=False))
    return wishes


def _satisfies(host: HostState, wish: _Wish) -> bool:
    if wish.bare and not (_has_attribute(host, wish.path[0]) or wish.path[0] in host.stats):
        return True
    found = _follow(host, wish.path)
    return found is not None and match(_text(found), wish.req)


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
