"""How many instances fit: counts, compared with placing one by one on the plain handlers, and what survives."""

from __future__ import annotations

import itertools
import random

import pytest

from filtersched import (
    Aggregate,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    Instance,
    InvalidRequest,
    NoValidHost,
    RequestSpec,
    make_conf,
)
from filtersched.planning import capacity

SMALL = Flavor(name="small", memory_mb=1024, vcpus=1)
WIDE = Flavor(name="wide", memory_mb=1024, vcpus=4)


class RackHost(HostState):
    """A host in a rack."""

    rack: str | None = None


def conf(**options):
    defaults = {"enabled_filters": "RamFilter,CoreFilter", "ram_allocation_ratio": 1.0, "cpu_allocation_ratio": 1.0}
    return make_conf(**{**defaults, **options})


@pytest.fixture(scope="module")
def scheduler():
    return FilterScheduler(conf())


def host(name, ram_gb, vcpus, *, zone=None, **facts):
    facts["aggregates"] = [Aggregate(zone, {"availability_zone": zone})] if zone else []
    ram = ram_gb * 1024
    return RackHost(name, total_usable_ram_mb=ram, free_ram_mb=ram, vcpus_total=vcpus, **facts)


@pytest.fixture
def pool():
    return HostPool([host("a", 8, 4, zone="z1"), host("b", 4, 8, zone="z2"), host("c", 2, 2)])


def of_one(found):
    (one,) = found.alone
    return one


def test_instances_are_counted_in_all_and_by_zone(scheduler, pool):
    found = of_one(capacity(scheduler, pool, [SMALL]))
    assert (found.count, found.by_zone, found.by_flavor) == (10, {"": 2, "z1": 4, "z2": 4}, {"small": 10})


def test_the_pool_stays_as_it_is(scheduler, pool):
    before = [one.to_dict() for one in pool]
    capacity(scheduler, pool, [SMALL, WIDE], mix=(1, 1), survive="host")
    assert [one.to_dict() for one in pool] == before


def test_what_ends_it_is_named_with_what_is_stranded(scheduler, pool):
    found = of_one(capacity(scheduler, pool, [WIDE]))
    assert found.count == 3
    assert (found.ended_by, found.resource, found.refused_by) == ("CoreFilter", "vcpus", {"CoreFilter": 3})
    assert found.short_of == {"ram_mb": 0, "vcpus": 3}
    assert found.nearest == "c lacks 2 vCPUs (free 2, asked 4)"
    assert found.stranded["ram_mb"] == (7 + 2 + 2) * 1024
    assert found.stranded["vcpus"] == 0.0


def test_a_mix_keeps_the_shares_until_one_is_refused(scheduler, pool):
    found = capacity(scheduler, pool, [SMALL, WIDE], mix=(2, 1)).mix
    assert found.by_flavor == {"small": 5, "wide": 2}
    assert found.ended_by == "CoreFilter"


def test_until_stops_early_and_nothing_ended_it(scheduler, pool):
    found = of_one(capacity(scheduler, pool, [SMALL], until=3))
    assert (found.count, found.ended_by, found.refused_by) == (3, None, {})


def test_without_a_filter_that_looks_at_what_is_taken_the_search_stops_soon(scheduler, pool):
    empty = of_one(capacity(scheduler, pool, [Flavor(name="empty")]))
    forced = of_one(capacity(scheduler, pool, [RequestSpec(SMALL, force_hosts=["a"])]))
    assert [(one.count, one.is_open, one.ended_by) for one in (empty, forced)] == [(1000, True, None)] * 2
    assert of_one(capacity(scheduler, pool, [SMALL])).is_open is False


def test_hosts_that_the_request_excludes_do_not_end_it(scheduler):
    pool = HostPool([host("a", 8, 8), host("b", 8, 8), host("c", 2, 2)])
    found = of_one(capacity(scheduler, pool, [RequestSpec(SMALL, ignore_hosts=["a", "b"])]))
    assert (found.count, found.ended_by) == (2, "RamFilter")


def test_alike_instances_survive_where_the_others_have_room_for_the_largest_host(scheduler, pool):
    found = of_one(capacity(scheduler, pool, [SMALL], survive="host")).survival
    assert (found.count, found.worst, found.is_exact) == (6, "a", True)


def test_a_rack_that_fails_takes_all_its_hosts():
    racks = {"a": "r1", "b": "r1", "c": "r2", "d": "r3"}
    pool = HostPool([host(name, 4, 8, rack=rack) for name, rack in racks.items()])
    found = of_one(capacity(FilterScheduler(conf()), pool, [SMALL], survive="rack")).survival
    assert (found.count, found.worst) == (8, "r1")


def test_what_runs_already_must_find_a_place_too(scheduler):
    pool = HostPool([host("a", 4, 8), host("b", 4, 8)])
    scheduler.place(RequestSpec(Flavor(memory_mb=3072)), pool)
    found = of_one(capacity(scheduler, pool, [SMALL], survive="host"))
    assert found.count == 5
    # b must take the 3 GiB of a.
    assert (found.survival.count, found.survival.is_exact) == (1, False)


def test_instances_of_unknown_flavor_are_counted_and_not_moved(scheduler):
    pool = HostPool([host("a", 4, 8, instances={"x": Instance("x")}), host("b", 4, 8)])
    found = of_one(capacity(scheduler, pool, [SMALL], survive="host")).survival
    assert (found.count, found.not_moved) == (4, 1)


def test_hosts_to_buy_are_as_few_as_are_enough(scheduler, pool):
    found = of_one(capacity(scheduler, pool, [SMALL], until=23, buy=host("new", 4, 4)))
    assert (found.count, found.to_buy) == (10, 4)
    assert of_one(capacity(scheduler, pool, [SMALL], until=10, buy=host("new", 4, 4))).to_buy == 0
    assert of_one(capacity(scheduler, pool, [WIDE], until=9, buy=host("new", 4, 2))).to_buy is None


def test_hosts_to_buy_for_a_demand_that_survives(scheduler, pool):
    found = of_one(capacity(scheduler, pool, [SMALL], until=10, buy=host("new", 4, 4), survive="host"))
    assert (found.survival.count, found.to_buy) == (6, 1)


def test_a_profile_decides(pool):
    made = FilterScheduler(conf(profiles={"loose": {"cpu_allocation_ratio": 2.0}}))
    assert of_one(capacity(made, pool, [WIDE], profile="loose")).count == 6


@pytest.mark.parametrize(
    ("how", "field"),
    [
        ({"flavors": []}, "flavors"),
        ({"flavors": [SMALL, SMALL]}, "flavors"),
        ({"mix": (1, 2)}, "mix"),
        ({"mix": (0,)}, "mix"),
        ({"until": 0}, "until"),
        ({"survive": "rak"}, "survive"),
        ({"survive": 3}, "survive"),
        ({"flavors": "small"}, "flavors"),
        ({"buy": "x", "until": 3}, "buy"),
        ({"buy": HostState("x")}, "until"),
    ],
)
def test_bad_input_names_the_argument(scheduler, pool, how, field):
    with pytest.raises(InvalidRequest) as caught:
        capacity(scheduler, pool, **{"flavors": [SMALL], **how})
    assert caught.value.field == field


# -- against placing one by one, and trying all ---------------------------------------------------------


def drawn(number):
    """Hosts, flavors and filters of a random small cluster."""
    chance = random.Random(number)
    filters = chance.choice(("RamFilter,CoreFilter", "RamFilter,CoreFilter,NumInstancesFilter,IoOpsFilter"))
    options = {
        "enabled_filters": filters,
        "ram_allocation_ratio": chance.choice((1.0, 1.5)),
        "max_instances_per_host": 5,
        "ram_weight_multiplier": chance.choice((1.0, -1.0)),
    }
    hosts = [
        host(f"h{number}", chance.randint(1, 8), chance.randint(1, 8), zone=chance.choice((None, "z1", "z2")))
        for number in range(chance.randint(2, 5))
    ]
    flavors = [
        Flavor(name=name, memory_mb=512 * chance.randint(1, 5), vcpus=chance.randint(1, 3)) for name in ("one", "two")
    ]
    return options, hosts, flavors


def one_by_one(plain, pool, flavors, *, ignore=()):
    """The flavors placed in their order by the plain handlers until one is refused: the hosts."""
    found = []
    for flavor in flavors:
        try:
            (selection,) = plain.place(RequestSpec(flavor, ignore_hosts=list(ignore)), pool)
        except NoValidHost:
            break
        found.append(selection.host)
    return found


@pytest.mark.parametrize("number", range(8))
def test_counts_are_those_of_placing_one_by_one_on_the_plain_handlers(number):
    options, hosts, flavors = drawn(number)
    plain = FilterScheduler(conf(**options), use_engine=False)
    found = capacity(FilterScheduler(conf(**options)), HostPool(hosts), flavors, mix=(2, 1))
    for flavor, kind in zip(flavors, found.alone, strict=True):
        pool = HostPool(one.copy() for one in hosts)
        assert kind.count == len(one_by_one(plain, pool, itertools.repeat(flavor)))
    one, two = flavors
    pool = HostPool(each.copy() for each in hosts)
    assert found.mix.count == len(one_by_one(plain, pool, itertools.cycle((one, two, one))))


@pytest.mark.parametrize("number", range(8))
def test_alike_instances_that_survive_are_as_many_as_trying_every_number_finds(number):
    options, hosts, (flavor, _two) = drawn(number)
    plain = FilterScheduler(conf(**options), use_engine=False)
    found = of_one(capacity(FilterScheduler(conf(**options)), HostPool(hosts), [flavor], survive="host"))

    def survives(count):
        for failed in hosts:
            pool = HostPool(one.copy() for one in hosts)
            lost = one_by_one(plain, pool, itertools.repeat(flavor, count)).count(failed.host)
            if len(one_by_one(plain, pool, itertools.repeat(flavor, lost), ignore=[failed.host])) < lost:
                return False
        return True

    tried = [survives(count) for count in range(found.count + 1)]
    assert tried == [count <= found.survival.count for count in range(found.count + 1)]


def fits_somehow(lost, room):
    """Whether the sizes fit in the room of some hosts, by trying all."""
    if not lost:
        return True
    (ram, vcpus), *others = lost
    return any(
        fits_somehow(others, [*room[:at], (free_ram - ram, free_vcpus - vcpus), *room[at + 1 :]])
        for at, (free_ram, free_vcpus) in enumerate(room)
        if free_ram >= ram and free_vcpus >= vcpus
    )


@pytest.mark.parametrize("number", range(6))
def test_a_mix_never_promises_to_survive_where_no_packing_would(number):
    _options, hosts, flavors = drawn(number)
    plain = FilterScheduler(conf(), use_engine=False)
    survival = capacity(FilterScheduler(conf()), HostPool(hosts), flavors, mix=(1, 1), survive="host").mix.survival
    assert survival.is_exact is False
    pool = HostPool(one.copy() for one in hosts)
    placed = one_by_one(plain, pool, itertools.islice(itertools.cycle(flavors), survival.count))
    sizes = [(one.memory_mb, one.vcpus) for one in itertools.islice(itertools.cycle(flavors), len(placed))]
    for failed in hosts:
        lost = sorted((size for size, where in zip(sizes, placed, strict=True) if where == failed.host), reverse=True)
        room = [(one.free_ram_mb, one.vcpus_total - one.vcpus_used) for one in pool if one.host != failed.host]
        assert fits_somehow(lost, room)
