"""TopologySpreadFilter, on both paths: limits per domain, what counts, and what a request may say."""

from __future__ import annotations

import pickle
from collections import Counter

import pytest

from filtersched import (
    CommitConflict,
    Filtered,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InstanceGroup,
    InvalidRequest,
    NoValidHost,
    RequestSpec,
    make_conf,
)
from filtersched.results.verdict import Shortage

FLAVOR = Flavor(memory_mb=100, vcpus=1)
CONF = {"enabled_filters": "RamFilter,TopologySpreadFilter", "weight_classes": "RAMWeigher"}


class RackHost(HostState):
    """A host in a rack."""

    rack: str = ""


def host(name: str, rack: str = "", ram: int = 10000, **attributes) -> RackHost:
    return RackHost(name, rack=rack, total_usable_ram_mb=ram, free_ram_mb=ram, vcpus_total=64, **attributes)


def members(*uuids: str, group: str = "web", project: str = "p1"):
    return {uuid: {"groups": [group], "project_id": project} for uuid in uuids}


@pytest.fixture(params=[True, False], ids=["engine", "handlers"])
def scheduler(request) -> FilterScheduler:
    return FilterScheduler(make_conf(**CONF), use_engine=request.param)


def spec(rules=None, count=1, **attributes) -> RequestSpec:
    group = None if rules is None else InstanceGroup(uuid="web", rules=rules)
    return RequestSpec(FLAVOR, num_instances=count, instance_group=group, **attributes)


def racks(selections) -> dict[str, int]:
    return dict(Counter(one.host_state.rack for one in selections))


THREE_RACKS = [("a", "r1", 10000), ("b", "r1", 9000), ("c", "r2", 8000), ("d", "r2", 7000), ("e", "r3", 6000)]


@pytest.fixture
def hosts() -> list[RackHost]:
    return [host(*one) for one in THREE_RACKS]


# -- limits ------------------------------------------------------------------------------------


def test_rack_gets_no_more_than_max_per_domain(hosts, scheduler):
    placed = scheduler.select_destinations(spec({"spread": "rack", "max_per_domain": 2}, 6), hosts)
    assert racks(placed) == {"r1": 2, "r2": 2, "r3": 2}


def test_refusal_says_what_the_rack_has_and_how_many_it_may(hosts, scheduler):
    with pytest.raises(NoValidHost) as caught:
        scheduler.select_destinations(spec({"spread": "rack", "max_per_domain": 2}, 7), hosts)
    verdict = caught.value.explanation.why("a").refused_by[0]
    assert str(verdict) == "TopologySpreadFilter: rack 'r1' has 2 of group 'web', at most 2"
    assert (verdict.reason.need, verdict.reason.have) == (3, 2)
    assert caught.value.explanation.refused["TopologySpreadFilter"] == 5


def test_skew_is_measured_from_the_emptiest_rack_and_hosts_come_back(hosts, scheduler):
    placed = scheduler.select_destinations(spec({"spread": "rack", "max_skew": 1}, 9), hosts)
    assert racks(placed) == {"r1": 3, "r2": 3, "r3": 3}
    assert all(len({one.host_state.rack for one in placed[at : at + 3]}) == 3 for at in (0, 3, 6))


def test_skew_of_two_lets_a_rack_be_two_ahead(hosts, scheduler):
    placed = scheduler.select_destinations(spec({"spread": "rack", "max_skew": 2}, 3), hosts)
    assert racks(placed) == {"r1": 2, "r2": 1}


def test_refusal_for_skew_names_the_emptiest(hosts, scheduler):
    hosts[4].total_usable_ram_mb = 50
    with pytest.raises(NoValidHost) as caught:
        scheduler.select_destinations(spec({"spread": "rack", "max_skew": 1}, 3), hosts)
    said = "rack 'r1' has 1 of group 'web', at most 1 (max_skew 1, the emptiest has 0)"
    assert caught.value.explanation.why("a").refused_by[0].reason.sentence == said


def test_shares_divide_the_instances_and_the_others_share_the_rest(scheduler):
    pool = [host("a", "r1"), host("b", "r2"), host("c", "r3"), host("d", "r4")]
    placed = scheduler.select_destinations(spec({"spread": "rack", "shares": {"r1": 50, "r2": 30}}, 10), pool)
    assert racks(placed) == {"r1": 5, "r2": 3, "r3": 1, "r4": 1}


def test_share_is_rounded_up(scheduler):
    pool = [host("a", "r1"), host("b", "r2")]
    rules = {"spread": "rack", "shares": {"r1": 50, "r2": 50}}
    assert racks(scheduler.select_destinations(spec(rules, 3), pool)) in ({"r1": 2, "r2": 1}, {"r1": 1, "r2": 2})
    with pytest.raises(NoValidHost) as caught:
        scheduler.select_destinations(spec({"spread": "rack", "shares": {"r1": 50, "r2": 0}}, 3), pool)
    said = "rack 'r2' has 0 of group 'web', at most 0 (0% of 3)"
    assert caught.value.explanation.why("b").refused_by[0].reason.sentence == said


def test_several_rules_all_hold(scheduler):
    pool = [
        host("a", "r1", aggregates=[{"name": "x", "metadata": {"power": "north"}}]),
        host("b", "r2", aggregates=[{"name": "x", "metadata": {"power": "north"}}]),
        host("c", "r3", aggregates=[{"name": "y", "metadata": {"power": "south"}}]),
    ]
    rules = [{"spread": "rack", "max_per_domain": 2}, {"spread": "aggregate:power", "max_per_domain": 2}]
    placed = scheduler.select_destinations(spec(rules, 4), pool)
    assert Counter(one.host for one in placed)["c"] == 2
    with pytest.raises(NoValidHost):
        scheduler.select_destinations(spec(rules, 5), pool)


def test_rule_without_a_limit_refuses_nobody(scheduler):
    assert len(scheduler.select_destinations(spec({"spread": "rack"}, 3), [host("a")])) == 3


# -- domains -----------------------------------------------------------------------------------


def test_zone_is_a_domain_and_has_a_default(scheduler):
    pool = [host("a", aggregates=[{"name": "x", "metadata": {"availability_zone": "az1"}}]), host("b")]
    placed = scheduler.select_destinations(spec({"spread": "zone", "max_per_domain": 1}, 2), pool)
    assert sorted(one.host for one in placed) == ["a", "b"]
    with pytest.raises(NoValidHost) as caught:
        scheduler.select_destinations(spec({"spread": "zone", "max_per_domain": 1}, 3), pool)
    said = "zone 'nova' has 1 of group 'web', at most 1"
    assert caught.value.explanation.why("b").refused_by[0].reason.sentence == said


def test_host_in_several_domains_needs_room_in_each(scheduler):
    both = host("a", aggregates=[{"name": "x", "metadata": {"row": "1, 2"}}])
    pool = [both, host("b", ram=9000, aggregates=[{"name": "y", "metadata": {"row": "1"}}])]
    placed = scheduler.select_destinations(spec({"spread": "aggregate:row", "max_per_domain": 1}), pool)
    assert placed[0].host == "a"
    with pytest.raises(NoValidHost):
        scheduler.select_destinations(spec({"spread": "aggregate:row", "max_per_domain": 1}, 2), pool)


def test_host_without_a_domain_is_refused_where_there_is_a_limit(scheduler):
    with pytest.raises(NoValidHost) as caught:
        scheduler.select_destinations(spec({"spread": "rack", "max_per_domain": 1}), [host("a")])
    said = "is in no rack, over which group 'web' must be spread"
    assert caught.value.explanation.why("a").refused_by[0].reason.sentence == said


def test_attribute_that_only_some_hosts_have_is_a_domain(scheduler):
    tagged, other = HostState("a", total_usable_ram_mb=1000, free_ram_mb=1000), host("b")
    tagged.power = 7
    placed = scheduler.select_destinations(spec({"spread": "power", "max_per_domain": 1}), HostPool([tagged, other]))
    assert placed[0].host == "a"


def test_emptiest_rack_is_one_that_the_request_allows(hosts, scheduler):
    placed = scheduler.select_destinations(spec({"spread": "rack", "max_skew": 1}, 4, ignore_hosts=["e"]), hosts)
    assert racks(placed) == {"r1": 2, "r2": 2}


def test_emptiest_rack_is_in_the_zone_of_the_request(scheduler):
    in_zone = {"aggregates": [{"name": "x", "metadata": {"availability_zone": "az1"}}]}
    pool = HostPool([host("a", "r1", **in_zone), host("b", "r2", **in_zone), host("c", "r3", 20000)])
    conf = make_conf(**{**CONF, "enabled_filters": "TopologySpreadFilter,AvailabilityZoneFilter"})
    zoned = FilterScheduler(conf, use_engine=scheduler._engine is not None)
    placed = zoned.select_destinations(spec({"spread": "rack", "max_skew": 1}, 4, availability_zone="az1"), pool)
    assert racks(placed) == {"r1": 2, "r2": 2}


def test_host_that_comes_back_was_asked_by_filters_that_run_once(scheduler):
    in_zone = {"aggregates": [{"name": "x", "metadata": {"availability_zone": "az1"}}]}
    pool = HostPool(
        [
            host("a", "r1", 1000, **in_zone, instances=members("m1")),
            host("b", "r1", 20000, instances=members("m2")),
            host("c", "r2", 900, **in_zone),
        ]
    )
    conf = make_conf(**{**CONF, "enabled_filters": "TopologySpreadFilter,AvailabilityZoneFilter"})
    zoned = FilterScheduler(conf, use_engine=scheduler._engine is not None)
    placed = zoned.select_destinations(spec({"spread": "rack", "max_skew": 1}, 4, availability_zone="az1"), pool)
    assert {one.host for one in placed} == {"a", "c"}


# -- what counts -------------------------------------------------------------------------------


def test_members_that_the_pool_knows_count(scheduler):
    pool = HostPool([host("a", "r1", instances=members("m1", "m2")), host("b", "r2", 5000)])
    placed = scheduler.place(spec({"spread": "rack", "max_per_domain": 2}, 2), pool)
    assert [one.host for one in placed] == ["b", "b"]
    with pytest.raises(NoValidHost):
        scheduler.place(spec({"spread": "rack", "max_per_domain": 2}), pool)
    pool.release("m1")
    assert scheduler.place(spec({"spread": "rack", "max_per_domain": 2}), pool)[0].host == "a"


def test_hosts_that_the_request_lists_count_once_for_each_member(scheduler):
    group = InstanceGroup(rules={"spread": "rack", "max_per_domain": 2}, hosts=["a", "a"], members=["m1", "m2"])
    pool = [host("a", "r1"), host("b", "r2", 5000)]
    placed = scheduler.select_destinations(RequestSpec(FLAVOR, instance_group=group), pool)
    assert placed[0].host == "b"


def test_instance_that_moves_does_not_count_where_it_is(scheduler):
    pool = HostPool([host("a", "r1", instances=members("m1")), host("b", "r2", 5000, instances=members("m2"))])
    moved = spec({"spread": "rack", "max_per_domain": 1})
    assert scheduler.place(moved, pool, ["m1"], move=True)[0].host == "a"


def test_without_a_group_the_instances_of_the_project_count(scheduler):
    other = host("b", "r2", 5000, instances=members("m2", project="p2"))
    pool = HostPool([host("a", "r1", instances=members("m1")), other])
    hinted = {"scheduler_hints": {"filtersched:spread": "rack max_per_domain=1"}}
    assert scheduler.place(spec(project_id="p1", **hinted), pool)[0].host == "b"
    with pytest.raises(NoValidHost) as caught:
        scheduler.place(spec(project_id="p1", **hinted), pool)
    said = "rack 'r1' has 1 of project 'p1', at most 1"
    assert caught.value.explanation.why("a").refused_by[0].reason.sentence == said


def test_spread_of_nobody_knows_whom_is_an_error_that_names_what_is_missing(scheduler):
    hinted = spec(scheduler_hints={"filtersched:spread": "rack max_per_domain=1"})
    with pytest.raises(InvalidRequest, match="neither an instance_group nor a project_id") as caught:
        scheduler.select_destinations(hinted, [host("a", "r1")])
    assert caught.value.field == "project_id"


def test_flavor_asks_by_its_extra_spec_and_no_other_filter_minds(scheduler):
    flavor = Flavor(memory_mb=100, extra_specs={"filtersched:spread": "rack max_per_domain=1; zone max_skew=9"})
    names = ("AggregateInstanceExtraSpecsFilter", "ComputeCapabilitiesFilter", "ResourceFilter", "TraitsFilter")
    conf = make_conf(enabled_filters=[*names, "TrustedFilter", "TopologySpreadFilter"])
    asked = RequestSpec(flavor, num_instances=2, project_id="p1")
    use_engine = scheduler._engine is not None
    placed = FilterScheduler(conf, use_engine=use_engine).select_destinations(asked, [host("a", "r1"), host("b", "r2")])
    assert sorted(one.host for one in placed) == ["a", "b"]


def test_decision_committed_late_counts_what_came_meanwhile(hosts, scheduler):
    pool = HostPool(hosts)
    early = scheduler.select_destinations(spec({"spread": "rack", "max_per_domain": 1}), pool)
    scheduler.place(spec({"spread": "rack", "max_per_domain": 1}), pool)
    with pytest.raises(CommitConflict, match="rack 'r1' has 1 of group 'web', at most 1"):
        scheduler.commit(early, pool)


def test_decision_for_several_committed_late_keeps_its_shares(scheduler):
    pool = HostPool([host("a", "r1"), host("b", "r2")])
    early = scheduler.select_destinations(spec({"spread": "rack", "shares": {"r1": 50, "r2": 50}}, 4), pool)
    pool["a"].free_ram_mb -= 1
    scheduler.commit(early, pool)
    assert len(pool.members("web")) == 4


def test_selection_leaves_the_hosts_behind_when_it_is_pickled(hosts, scheduler):
    placed = scheduler.select_destinations(spec({"spread": "rack", "max_skew": 1}, 2), hosts)
    read_back = pickle.loads(pickle.dumps(placed))
    assert [one.host for one in read_back] == [one.host for one in placed]
    assert read_back[0].spec.member_hosts == ()


def test_reason_that_leaves_the_process_keeps_its_sentence_and_numbers(hosts, scheduler):
    with pytest.raises(NoValidHost) as caught:
        scheduler.select_destinations(spec({"spread": "rack", "max_per_domain": 1}, 4), hosts)
    nearest = pickle.loads(pickle.dumps(caught.value)).explanation.near_misses()[0]
    assert nearest.verdicts[-1].reason == Shortage(
        "room in the domain", 2, 1, sentence="rack 'r1' has 1 of group 'web', at most 1"
    )


def test_hosts_come_back_to_a_driver_with_a_rule_of_its_own(hosts):
    class WithoutA(FilterScheduler):
        """A driver that never uses one of the hosts."""

        def filter(self, hosts, spec, index, filters):
            passed = super().filter(hosts, spec, index, filters)
            return Filtered.of(passed, [host for host in passed if host.host != "a"], "without a")

    placed = WithoutA(make_conf(**CONF)).select_destinations(spec({"spread": "rack", "max_skew": 1}, 9), hosts)
    assert racks(placed) == {"r1": 3, "r2": 3, "r3": 3}
    assert "a" not in {one.host for one in placed}


def test_spread_that_nothing_in_use_obeys_is_named(scheduler):
    plain = FilterScheduler(make_conf(enabled_filters="RamFilter", weight_classes="RAMWeigher"))
    asked = spec({"spread": "rack", "max_skew": 1}, scheduler_hints={"filtersched:spread": "rack"})
    unread = {one.field: one.would_read for one in plain.unread(asked)}
    assert unread["instance_group.spread"] == ("TopologySpreadFilter", "TopologySpreadWeigher")
    assert {"instance_group.spread", "scheduler_hints.filtersched:spread"}.isdisjoint(
        one.field for one in scheduler.unread(asked)
    )
