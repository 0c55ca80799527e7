"""Laws of group rules: no decision breaks a rule, and none is refused while a host would do."""

from __future__ import annotations

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

CONF = make_conf(enabled_filters="RamFilter,GroupRulesFilter", weight_classes="RAMWeigher", ram_allocation_ratio=1.0)
SCHEDULERS = {use_engine: FilterScheduler(CONF, use_engine=use_engine) for use_engine in (True, False)}
GROUPS = ("web", "db", "cache")


class RackHost(HostState):
    """A host in a rack."""

    rack: str = ""


# The rack of each host, for how many more instances it has memory, and of which groups there are members.
HOSTS = st.tuples(
    st.sampled_from(("r1", "r2", "r3", "")), st.integers(0, 4), st.lists(st.sampled_from(GROUPS), max_size=2)
)
CLUSTERS = st.lists(HOSTS, min_size=1, max_size=7)
OTHER = st.fixed_dictionaries({"group": st.sampled_from(GROUPS), "domain": st.sampled_from(("host", "rack"))})
RULES = st.fixed_dictionaries(
    {},
    optional={
        "apart_from": st.lists(OTHER, max_size=2),
        "together_with": st.lists(OTHER, max_size=1),
        "together": st.sampled_from(("host", "rack")),
        "max_server_per_host": st.integers(1, 2),
    },
)
OWN = st.tuples(st.sampled_from((None, "affinity", "anti-affinity")), RULES)


class Oracle:
    """What rules allow, worked out by a look at every instance: no index, nothing kept."""

    def __init__(self, cluster, groups):
        self.racks = [rack for rack, _room, _members in cluster]
        self.room = [room for _rack, room, _members in cluster]
        self.placed = [(at, {group}) for at, (_rack, _room, members) in enumerate(cluster) for group in members]
        self.groups = groups

    def near(self, at, domain, group):
        """How many members of a group share the domain of a host, and how many there are at all."""
        where = [place for place, groups in self.placed if group in groups]
        if domain == "host":
            return where.count(at), len(where)
        inside = [place for place in where if self.racks[place]]
        return sum(self.racks[place] == self.racks[at] for place in inside), len(inside)

    def allows(self, at):
        """Whether the host in that place may have one more."""
        return self.room[at] > 0 and all(self.holds(at, *one) for one in self.groups.items())

    def holds(self, at, uuid, said):
        policy, rules = said
        together = [("host", uuid)] if policy == "affinity" else []
        together += [(rules["together"], uuid)] if "together" in rules else []
        together += [(one["domain"], one["group"]) for one in rules.get("together_with", ())]
        apart = [("host", uuid, rules.get("max_server_per_host", 1))] if policy == "anti-affinity" else []
        apart += [(one["domain"], one["group"], 1) for one in rules.get("apart_from", ())]
        if not self.racks[at] and any(one[0] == "rack" for one in (*together, *apart)):
            return False
        for domain, group in together:
            here, all_ = self.near(at, domain, group)
            if all_ and not here:
                return False
        return all(self.near(at, domain, group)[0] < most for domain, group, most in apart)

    def follow(self, selections):
        """Whether each of the hosts was allowed when it was chosen."""
        for selection in selections:
            at = int(selection.host[1:])
            if not self.allows(at):
                return False
            self.room[at] -= 1
            self.placed.append((at, set(self.groups)))
        return True


@settings(max_examples=300, deadline=None)
@given(CLUSTERS, OWN, st.none() | OWN, st.integers(1, 6), st.booleans(), st.booleans())
def test_no_decision_breaks_a_rule_or_is_refused_while_a_host_would_do(cluster, own, further, count, use_engine, keep):
    hosts = [
        RackHost(
            f"h{nr}",
            rack=rack,
            total_usable_ram_mb=1000,
            free_ram_mb=room * 100,
            instances={f"m{nr}-{at}": {"groups": [group]} for at, group in enumerate(groups)},
        )
        for nr, (rack, room, groups) in enumerate(cluster)
    ]
    groups = {"web": own} | ({} if further is None else {"db": further})
    first, *others = [InstanceGroup(uuid=uuid, policy=policy, rules=rules) for uuid, (policy, rules) in groups.items()]
    spec = RequestSpec(Flavor(memory_mb=100), num_instances=count, instance_group=first, instance_groups=others)
    oracle = Oracle(cluster, groups)
    offered = HostPool(hosts) if keep else hosts
    scheduler = SCHEDULERS[use_engine]
    try:
        chosen = scheduler.select_destinations(spec, offered)
    except NoValidHost as refusal:
        spec.num_instances = max(refusal.index, 1)
        fitted = scheduler.select_destinations(spec, offered) if refusal.index else ()
        assert oracle.follow(fitted)
        assert not any(oracle.allows(at) for at in range(len(hosts)))
    else:
        assert oracle.follow(chosen)
