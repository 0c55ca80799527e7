"""Look-ahead: which racks, zones or other domains can take all instances of a request.

A rule `together` with `lookahead` wants to know before the first instance is placed. How many instances a host
can take is found by placing one after another on a copy of it, alone, and asking the filters each time; so the
answer is exact for filters whose verdict depends on one host. Rules that keep the request's own instances apart
are counted too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from filtersched.filters.group_rules_filter import GroupRulesFilter
from filtersched.filters.handler import HostFilterHandler
from filtersched.hosts.domains import DomainKey
from filtersched.hosts.host_state import HostState
from filtersched.hosts.narrowing import skips_filters
from filtersched.plugins.group_options import MISSING_DOMAIN
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.seal import forget_limits


def look_ahead(
    spec: RequestSpec,
    uuids: Sequence[str],
    hosts: Callable[[], Sequence[HostState]],
    filters: Sequence[Any],
    deplete: Callable[[HostState, RequestSpec], HostState],
) -> None:
    """Let the rules that look ahead pass only domains with room for all instances.

    hosts : gives those that the request lets in.
    """
    rules = spec.group_rules
    asked = [one for one in filters if isinstance(one, GroupRulesFilter)]
    if rules is None or not asked or skips_filters(spec):
        return
    ahead = [rule for rule in rules.rules if rule.looks_ahead]
    zone, alone = asked[0].option("default_availability_zone"), asked[0].option(MISSING_DOMAIN) == "own"
    for rule in ahead:
        key = rules.key(rule, zone, alone=alone)
        room = _room(spec, uuids, hosts(), filters, deplete, key, (zone, alone))
        rules.look_ahead(rule, len(uuids), room)
        forget_limits()


def _room(
    spec: RequestSpec,
    uuids: Sequence[str],
    hosts: Sequence[HostState],
    filters: Sequence[Any],
    deplete: Callable[[HostState, RequestSpec], HostState],
    key: DomainKey,
    options: tuple[str, bool],
) -> dict[Any, int]:
    """How many of the instances fit in each domain, at most all of them."""
    zone, alone = options
    wanted = len(uuids)
    by_host = DomainKey("host", zone)
    rules = spec.group_rules
    room: Counter[Any] = Counter()
    on_hosts: Counter[str] = Counter()
    first = spec.for_instance(uuids[0])
    # All at once: it tells which filters refuse whom for the first instance, those that run once included.
    for host in HostFilterHandler().get_filtered_objects(filters, hosts, first) or ():
        domains = [domain for domain in key.of(host) if room[domain] < wanted]
        if domains:
            # Rules about hosts count all nodes of a host.
            most = rules.most_more(by_host, host.host, default_zone=zone, alone=alone) - on_hosts[host.host]
            most = min(most, wanted - min(room[domain] for domain in domains))
            fits = _fits(first, uuids, host, filters, deplete, int(most))
            on_hosts[host.host] += fits
            for domain in domains:
                room[domain] += fits
    return {
        domain: int(min(count, wanted, rules.most_more(key, domain, default_zone=zone, alone=alone)))
        for domain, count in room.items()
    }


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
