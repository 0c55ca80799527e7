"""Several requests in one step: all of them, or none; hardest first."""

import json
import random
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filtersched import (
    BaseHostFilter,
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

OPTIONS = {
    "weight_classes": ["RAMWeigher"],
    "enabled_filters": [
        *("RamFilter", "CoreFilter", "AggregateInstanceExtraSpecsFilter", "DifferentHostFilter"),
        *("ServerGroupAntiAffinityFilter", "ServerGroupAffinityFilter"),
    ],
    "ram_allocation_ratio": 1.0,
    "cpu_allocation_ratio": 1.0,
}
FAST, PLAIN = (FilterScheduler(make_conf(**OPTIONS), use_engine=use_engine) for use_engine in (True, False))


def host(name, memory_mb=8192, vcpus=8, **given):
    return HostState(name, total_usable_ram_mb=memory_mb, free_ram_mb=memory_mb, vcpus_total=vcpus, **given)


def spec(memory_mb=1024, vcpus=1, **given):
    return RequestSpec(Flavor(memory_mb=memory_mb, vcpus=vcpus), **given)


def hosts_of(placed):
    return [[selection.host for selection in selections] for selections in placed]


def test_each_request_has_its_selections_in_the_order_given():
    pool = HostPool([host("big", 16384), host("small", 2048)])
    web, db = spec(1024, num_instances=2), spec(12288)
    assert hosts_of(FAST.place_all([web, db], pool)) == [["big", "big"], ["big"]]
    assert len(pool["big"].instances) == 3


def test_what_fits_on_few_hosts_is_placed_before_what_fits_on_all():
    ssd = host("ssd", 65536, aggregates=[{"name": "fast", "metadata": {"ssd": "yes"}}])
    pool = HostPool([ssd, host("plain", 61440)])
    web = spec(61440)
    db = RequestSpec(Flavor(memory_mb=8192, vcpus=1, extra_specs={"aggregate_instance_extra_specs:ssd": "yes"}))
    assert hosts_of(FAST.place_all([web, db], pool)) == [["plain"], ["ssd"]]


def test_larger_requests_are_placed_before_smaller_ones():
    pool = HostPool([host("a", 8192), host("b", 7168)])
    assert hosts_of(FAST.place_all([spec(1024), spec(7168), spec(7168)], pool)) == [["a"], ["a"], ["b"]]


def test_if_one_request_cannot_be_placed_nothing_is():
    pool = HostPool([host("a"), host("b")])
    before, generation = [one.to_dict() for one in pool], pool["a"]._generation
    with pytest.raises(NoValidHost) as caught:
        FAST.place_all([spec(8192, num_instances=2), spec(1024)], pool)
    assert [one.to_dict() for one in pool] == before
    assert pool["a"]._generation == generation
    assert caught.value.request == 1


def test_the_refusal_says_which_request_it_is_about_and_counts_what_was_placed_before_it():
    pool = HostPool([host("a"), host("b")])
    with pytest.raises(NoValidHost) as caught:
        FAST.place_all([spec(8192, num_instances=2), spec(1024)], pool)
    assert str(caught.value) == (
        "No valid host was found. Request 2, instance 1 of 1: 2 hosts, 2 refused by RamFilter. "
        "Nearest: a lacks 1024 MB of RAM (free 0, asked 1024)."
    )
    assert str(caught.value.explanation.why("b")) == "b: RamFilter: lacks 1024 MB of RAM (free 0, asked 1024)"
    assert json.loads(json.dumps(caught.value.to_dict()))["request"] == 1


def test_the_members_of_a_group_in_other_requests_are_seen():
    pool = HostPool([host("a"), host("b")])
    group = InstanceGroup(uuid="web", policy="anti-affinity")
    placed = FAST.place_all([spec(instance_group=group), spec(2048, instance_group=group)], pool)
    assert sorted(one for each in hosts_of(placed) for one in each) == ["a", "b"]
    with pytest.raises(NoValidHost):
        FAST.place_all([spec(instance_group=group)], pool)


def test_a_hint_may_name_an_instance_of_another_request():
    pool = HostPool([host("a"), host("b")])
    first = spec(4096, instance_uuid="db")
    second = spec(1024, scheduler_hints={"different_host": ["db"]})
    (db,), (web,) = FAST.place_all([second, first], pool)[::-1]
    assert db.host != web.host


def test_an_exception_of_a_plug_in_leaves_nothing_behind():
    class FailingFilter(BaseHostFilter):
        def host_passes(self, host_state, spec):
            if spec.memory_mb == 1:
                raise LookupError("one")
            return True

    pool = HostPool([host("a")])
    scheduler = FilterScheduler(make_conf(), filters=[FailingFilter])
    with pytest.raises(LookupError):
        scheduler.place_all([spec(2), spec(1)], pool)
    assert pool["a"].instances == {}


@pytest.mark.parametrize(
    ("specs", "field"),
    [([], "specs"), ("same", "specs"), ([SimpleNamespace()], "spec")],
    ids=["none", "the same twice", "no request"],
)
def test_what_is_no_list_of_requests_is_refused_by_name(specs, field):
    same = spec()
    with pytest.raises(InvalidRequest) as caught:
        FAST.place_all([same, same] if specs == "same" else specs, HostPool([host("a")]))
    assert caught.value.field == field


def test_one_uuid_in_two_requests_is_refused():
    pool = HostPool([host("a")])
    with pytest.raises(InvalidRequest, match="i1"):
        FAST.place_all([spec(instance_uuid="i1"), spec(instance_uuid="i1")], pool)
    assert pool["a"].instances == {}


def test_hosts_must_be_in_a_pool():
    with pytest.raises(InvalidRequest, match="place_all"):
        FAST.place_all([spec()], [host("a")])


def restated(specs, pool, seed):
    """Place each alone, in the documented order; None if one finds no host."""

    def left(one):
        for_one = one.copy()
        for_one.num_instances = 1
        try:
            return PLAIN.select_destinations(for_one, pool)[0].explanation.left
        except NoValidHost:
            return 0

    def order(number):
        one = specs[number]
        return left(one), -one.memory_mb, -one.vcpus, -one.num_instances, number

    found = {}
    for number in sorted(range(len(specs)), key=order):
        try:
            found[number] = [one.host for one in PLAIN.place(specs[number], pool, seed=seed)]
        except NoValidHost:
            return None
    return [found[number] for number in range(len(specs))]


@settings(max_examples=80)
@given(st.integers(0, 2**32))
def test_requests_are_placed_as_one_after_another_hardest_first(number):
    chance = random.Random(number)
    groups = [None, None, InstanceGroup(uuid="g", policy=chance.choice(["affinity", "anti-affinity"]))]
    hosts = [host(f"h{nr}", chance.choice([2048, 4096, 8192]), chance.choice([2, 4, 8])) for nr in range(5)]
    specs = [
        spec(
            chance.choice([256, 1024, 2048]),
            chance.choice([1, 2]),
            num_instances=chance.choice([1, 1, 2, 3]),
            instance_group=chance.choice(groups),
        )
        for _ in range(chance.randint(1, 5))
    ]
    expected = restated(specs, HostPool(one.copy() for one in hosts), seed=7)
    pool = HostPool(hosts)
    for scheduler in (PLAIN, FAST):
        try:
            placed = scheduler.place_all(specs, pool, seed=7)
        except NoValidHost:
            assert expected is None
            assert all(not one.instances for one in pool)
        else:
            assert hosts_of(placed) == expected
            pool.release([one for each in placed for one in each])


def test_requests_that_filters_cannot_tell_apart_are_filtered_once_for_the_order():
    asked = []

    class RoomFilter(BaseHostFilter):
        host_reads = ("free_ram_mb",)
        spec_reads = ("memory_mb",)

        def host_passes(self, host_state, spec):
            asked.append(spec.memory_mb)
            return host_state.free_ram_mb >= spec.memory_mb

    pool = HostPool([host("a", 65536, 64), host("b", 32768, 64)])
    scheduler = FilterScheduler(make_conf(weight_classes="RAMWeigher"), filters=[RoomFilter])
    scheduler.place_all([spec(1024, project_id=f"p{number}") for number in range(20)], pool)
    # Once for each host to begin with; then for the host that was chosen before.
    assert len(asked) == 2 + 19


def test_project_counts_for_the_order_where_a_filter_reads_it():
    class ProjectFilter(BaseHostFilter):
        host_reads = ("host",)
        spec_reads = ("project_id",)

        def host_passes(self, host_state, spec):
            return spec.project_id != "p" or host_state.host == "a"

    pool = HostPool([host("a", 2048), host("b", 1024)])
    scheduler = FilterScheduler(make_conf(**OPTIONS), filters=["RamFilter", ProjectFilter])
    anyone, bound = spec(1024, project_id="q"), spec(1024, project_id="p")
    assert hosts_of(scheduler.place_all([anyone, anyone.copy(), bound], pool)) == [["a"], ["b"], ["a"]]


@pytest.mark.parametrize("reads", [("memory_mb", "instance_uuid"), None])
def test_requests_are_told_apart_where_a_filter_may_read_the_uuid(reads):
    class UuidFilter(BaseHostFilter):
        host_reads = None if reads is None else ("host",)
        spec_reads = reads or ()

        def host_passes(self, host_state, spec):
            return spec.instance_uuid != "bound" or host_state.host == "a"

    pool = HostPool([host("a", 2048), host("b", 2048)])
    scheduler = FilterScheduler(make_conf(**OPTIONS), filters=["RamFilter", UuidFilter])
    first, bound = spec(2048, instance_uuid="any"), spec(2048, instance_uuid="bound")
    assert hosts_of(scheduler.place_all([first, bound], pool)) == [["b"], ["a"]]


def test_hosts_beyond_reserved_places_count_where_those_do_not_pass():
    pool = HostPool([host("a", 2048), host("b", 4096), host("c", 4096)])
    scheduler = FilterScheduler(make_conf(**OPTIONS))
    scheduler.reserve(spec(2048, ignore_hosts=["b", "c"]), pool, 1, name="r", owners={"project_id": "p"})
    # Two hosts have room for the owner's request, none of them the one with its place; one for the other request.
    owned, bound = spec(4096, project_id="p"), spec(4096, scheduler_hints={"same": 1}, ignore_hosts=["c"])
    assert hosts_of(scheduler.place_all([owned, bound], pool)) == [["c"], ["b"]]
