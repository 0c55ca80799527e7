"""InstanceGroup while a decision places one instance after another."""

from __future__ import annotations

import copy
import pickle
import tracemalloc

import pytest

from filtersched import FilterScheduler, Flavor, HostPool, HostState, InstanceGroup, RequestSpec, make_conf
from filtersched.filters.server_group_anti_affinity_filter import ServerGroupAntiAffinityFilter

GROUP = InstanceGroup(uuid="web", hosts=["a"], members=["u1", "u2"])


def test_two_groups_that_go_on_from_one_keep_their_own_hosts():
    first, second = GROUP.with_host("b"), GROUP.with_host("c")
    third, fourth = second.with_host("d"), second.with_host("e")
    assert [one.hosts for one in (GROUP, first, second, third, fourth)] == [
        ("a",),
        ("a", "b"),
        ("a", "c"),
        ("a", "c", "d"),
        ("a", "c", "e"),
    ]


@pytest.mark.parametrize("again", [copy.deepcopy, copy.copy, lambda group: pickle.loads(pickle.dumps(group))])
def test_group_with_a_host_more_is_copied_whole(again):
    assert again(GROUP.with_host("b")) == InstanceGroup(uuid="web", hosts=["a", "b"], members=["u1", "u2"])


def test_group_knows_that_it_has_hosts_before_and_after_they_are_read():
    group = InstanceGroup(uuid="web").with_host("b")
    assert (InstanceGroup(uuid="web").has_hosts, group.has_hosts, group.hosts, group.has_hosts) == (
        False,
        True,
        ("b",),
        True,
    )


def test_groups_of_many_instances_share_the_list_of_their_hosts():
    tracemalloc.start()
    groups = [InstanceGroup(uuid="web")]
    for number in range(5000):
        groups.append(groups[-1].with_host(f"h{number}"))
    size, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # A list of its own for each would be 100 MB.
    assert size < 5_000_000


class TwoOfThreeFilter(ServerGroupAntiAffinityFilter):
    """Refuse all but two hosts once one instance is placed, whatever the class that it derives from tells."""

    def host_passes(self, host_state, spec):
        group = spec.instance_group
        return super().host_passes(host_state, spec) & (not group.hosts or len(group.hosts) % 2 == 1)


@pytest.mark.parametrize("use_engine", [True, False])
def test_filter_derived_from_one_that_tells_whom_it_refuses_decides_by_its_own_rule(use_engine):
    pool = HostPool(HostState(f"h{at}", free_ram_mb=1000 - at) for at in range(4))
    scheduler = FilterScheduler(make_conf(enabled_filters="", weight_classes="RAMWeigher"), use_engine=use_engine)
    group = InstanceGroup(uuid="web", policy="anti-affinity")
    spec = RequestSpec(Flavor(memory_mb=1), num_instances=2, instance_group=group)
    chosen = scheduler.select_destinations(spec, pool, filters=[TwoOfThreeFilter()])
    assert [one.host for one in chosen] == ["h0", "h1"]


@pytest.mark.parametrize("use_engine", [True, False])
def test_instance_that_is_on_a_host_may_stay_while_others_of_its_request_are_placed(use_engine):
    scheduler = FilterScheduler(
        make_conf(enabled_filters="ServerGroupAntiAffinityFilter", weight_classes="RAMWeigher"), use_engine=use_engine
    )
    pool = HostPool(
        HostState(f"h{at}", free_ram_mb=1000 - 500 * at, instances={one: {"groups": ["web"]} for one in members})
        for at, members in enumerate((("u2", "m1"), ()))
    )
    group = InstanceGroup(uuid="web", policy="anti-affinity", rules={"max_server_per_host": 3})
    spec = RequestSpec(Flavor(memory_mb=1), num_instances=3, instance_group=group)
    chosen = scheduler.select_destinations(spec, pool, ["u1", "u2", "u3"])
    assert [one.host for one in chosen] == ["h0", "h0", "h1"]
