"""Laws of a spread: no decision exceeds a limit, and none is refused while a host would do."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from filtersched import (
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InstanceGroup,
    NoValidHost,
    RequestSpec,
    make_conf,
)

CONF = make_conf(
    enabled_filters="RamFilter,TopologySpreadFilter", weight_classes="RAMWeigher", ram_allocation_ratio=1.0
)
SCHEDULERS = {use_engine: FilterScheduler(CONF, use_engine=use_engine) for use_engine in (True, False)}
RACKS = ("r1", "r2", "r3", "r4")


class RackHost(HostState):
    """A host in a rack."""

    rack: str = ""


# The rack of each host, for how many more instances it has memory, and how many members are there.
HOSTS = st.tuples(st.sampled_from((*RACKS, "")), st.integers(0, 5), st.integers(0, 2))
CLUSTERS = st.lists(HOSTS, min_size=1, max_size=8)
LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "max_per_domain": st.integers(1, 4),
        "max_skew": st.integers(1, 3),
        "shares": st.dictionaries(st.sampled_from(RACKS), st.sampled_from((0, 10, 25)), min_size=1),
    },
).filter(bool)


class Oracle:
    """What a spread allows, worked out by counting: no index, nothing kept."""

    def __init__(self, cluster, limits, placing):
        self.racks = [rack for rack, _room, _members in cluster]
        self.room = [room for _rack, room, _members in cluster]
        self.placed = [rack for rack, _room, members in cluster for _ in range(members)]
        self.limits = limits
        self.total = sum(members for _rack, _room, members in cluster) + placing

    def allows(self, at):
        """Whether the host in that place may have one more."""
        rack = self.racks[at]
        if not self.room[at] or not rack:
            return False
        counts = Counter(self.placed)
        domains = set(filter(None, self.racks))
        after = counts[rack] + 1
        if after > self.limits.get("max_per_domain", after):
            return False
        if "max_skew" in self.limits and after - min(counts[one] for one in domains) > self.limits["max_skew"]:
            return False
        if "shares" in self.limits:
            shares = self.limits["shares"]
            others = len(domains - set(shares))
            share = shares[rack] if rack in shares else (100 - sum(shares.values())) / others
            # The whole number of instances that is at least the share.
            return after < share * self.total / 100 + 1
        return True

    def follow(self, selections):
        """Whether each of the hosts was allowed when it was chosen."""
        for selection in selections:
            at = int(selection.host[1:])
            if not self.allows(at):
                return False
            self.room[at] -= 1
            self.placed.append(self.racks[at])
        return True


@settings(max_examples=300, deadline=None)
@given(CLUSTERS, LIMITS, st.integers(1, 12), st.booleans(), st.booleans())
def test_no_decision_exceeds_a_limit_or_is_refused_while_a_host_would_do(cluster, limits, count, use_engine, keep):
    hosts = [
        RackHost(
            f"h{nr}",
            rack=rack,
            total_usable_ram_mb=1000,
            free_ram_mb=room * 100,
            instances={f"m{nr}-{member}": {"groups": ["web"]} for member in range(members)},
        )
        for nr, (rack, room, members) in enumerate(cluster)
    ]
    spec = RequestSpec(
        Flavor(memory_mb=100),
        num_instances=count,
        instance_group=InstanceGroup(uuid="web", rules={"spread": "rack", **limits}),
    )
    oracle = Oracle(cluster, limits, count)
    offered = HostPool(hosts) if keep else hosts
    scheduler = SCHEDULERS[use_engine]
    try:
        chosen = scheduler.select_destinations(spec, offered)
    except NoValidHost as refusal:
        if refusal.index and "shares" in limits:
            # With fewer instances the shares would be others.
            return
        spec.num_instances = max(refusal.index, 1)
        fitted = scheduler.select_destinations(spec, offered) if refusal.index else ()
        assert oracle.follow(fitted)
        assert not any(oracle.allows(at) for at in range(len(hosts)))
    else:
        assert oracle.follow(chosen)
