"""Look-ahead: which racks, zones or other domains can take all instances of a request.

A rule `together` with `lookahead` wants to know before the first instance is placed. How many instances a host
can take is found by placing one after another on a copy of it, alone, and asking the filters each time; so the
answer is exact for filters whose verdict depends on one host. Rules that keep the request's own instances apart
are counted too. The engine finds the same on columns, where filters are columnar.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.engine.fallback import UseHandlers
from filtersched.errors import InvalidRequest
from filtersched.filters.group_rules_filter import GroupRulesFilter
from filtersched.filters.handler import HostFilterHandler
from filtersched.hosts.domains import DomainKey
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState
from filtersched.hosts.narrowing import skips_filters
from filtersched.plugins.group_options import MISSING_DOMAIN
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.seal import forget_limits

#: Given uuids, how many of these instances fit on each host alone, by row. Raises UseHandlers.
OnColumns = Callable[[Sequence[str]], tuple[HostRows, NDArray[np.float64]]]


class Cap:
    """How many further instances the rules about one kind of domain allow in each."""

    def __init__(self, rules: Any, key: DomainKey, zone: str, *, alone: bool) -> None:
        def most_more(domain: Any) -> float:
            most: float = rules.most_more(key, domain, default_zone=zone, alone=alone)
            return most

        self.default: float = most_more(object())
        with_members = rules.domains_with_members(key, default_zone=zone, alone=alone)
        self.others: Mapping[Any, float] = {domain: most_more(domain) for domain in with_members}

    def of(self, domain: Any) -> float:
        """How many in that domain."""
        return self.others.get(domain, self.default)


def look_ahead(
    spec: RequestSpec,
    uuids: Sequence[str],
    hosts: Callable[[], Sequence[HostState]],
    filters: Sequence[Any],
    deplete: Callable[[HostState, RequestSpec], HostState],
    on_columns: OnColumns | None = None,
) -> None:
    """Let the rules that look ahead pass only domains with room for all instances.

    hosts : gives those that the request lets in.
    on_columns : as of OnColumns; None where hosts must be tried.
    """
    rules = spec.group_rules
    asked = [one for one in filters if isinstance(one, GroupRulesFilter)]
    if rules is None or not asked or skips_filters(spec):
        return
    ahead = [rule for rule in rules.rules if rule.looks_ahead]
    zone, alone = asked[0].option("default_availability_zone"), asked[0].option(MISSING_DOMAIN) == "own"
    for rule in ahead:
        key = rules.key(rule, zone, alone=alone)
        on_host, in_domain = (Cap(rules, one, zone, alone=alone) for one in (DomainKey("host", zone), key))
        room = None if on_columns is None else _room_on_columns(uuids, on_columns, key, on_host)
        if room is None:
            room = _room(spec, uuids, hosts(), filters, deplete, key, on_host)
        fits = {domain: int(min(count, len(uuids), in_domain.of(domain))) for domain, count in room.items()}
        rules.look_ahead(rule, len(uuids), fits)
        forget_limits()


def _room_on_columns(
    uuids: Sequence[str], on_columns: OnColumns, key: DomainKey, on_host: Cap
) -> Mapping[Any, float] | None:
    """How many of the instances fit in each domain; None if columns do not tell."""
    most = min(len(uuids), on_host.default)
    if most < 1:
        return None
    try:
        rows, fits = on_columns(uuids[: int(most)])
        codes = rows.codes(key.names)
        if codes is None or (on_host.default < math.inf and rows.host_names().several):
            # Rules about hosts count all nodes of a host.
            return None
        domains = key.of_codes(codes).each
    except (UseHandlers, InvalidRequest):
        return None
    for name, count in on_host.others.items():
        named = rows.rows_named(name)
        fits[named] = np.minimum(fits[named], max(count, 0))
    room: dict[Any, float] = {}
    sums = np.bincount(codes.codes, weights=fits, minlength=len(domains))
    for code in np.flatnonzero(sums).tolist():
        for domain in domains[code]:
            room[domain] = room.get(domain, 0) + sums[code]
    return room


def _room(
    spec: RequestSpec,
    uuids: Sequence[str],
    hosts: Sequence[HostState],
    filters: Sequence[Any],
    deplete: Callable[[HostState, RequestSpec], HostState],
    key: DomainKey,
    on_host: Cap,
) -> Mapping[Any, float]:
    """How many of the instances fit in each domain, tried host by host; at most all of them."""
    wanted = len(uuids)
    room: Counter[Any] = Counter()
    on_hosts: Counter[str] = Counter()
    first = spec.for_instance(uuids[0])
    # All at once: it tells which filters refuse whom for the first instance, those that run once included.
    for host in HostFilterHandler().get_filtered_objects(filters, hosts, first) or ():
        domains = [domain for domain in key.of(host) if room[domain] < wanted]
        if domains:
            most = on_host.of(host.host) - on_hosts[host.host]
            most = min(most, wanted - min(room[domain] for domain in domains))
            fits = _fits(first, uuids, host, filters, deplete, int(most))
            on_hosts[host.host] += fits
            for domain in domains:
                room[domain] += fits
    return room


def _fits(
    first: RequestSpec,
    uuids: Sequence[str],
    host: HostState,
    filters: Sequence[Any],
    deplete: Callable[[HostState, RequestSpec], HostState],
    most: int,
) -> int:
    """How many of the instances fit on a host that is alone and passes for the first, at most so many."""
    handler = HostFilterHandler()
    spec = first
    for index in range(1, most):
        host = deplete(host, spec)
        spec = spec.for_instance(uuids[index], host)
        # What the rules of groups and of spreads count is on other hosts too.
        spec.__dict__.pop("_placements", None)
        if not handler.passes(filters, host, spec, index):
            return index
    return max(most, 0)
