"""plan_preemption: the cheapest victims, or why there are none."""

from __future__ import annotations

import itertools
import random

import pytest

from filtersched import FilterScheduler, HostPool, InvalidRequest, NoValidHost, RequestSpec, make_conf
from filtersched.planning import plan_preemption
from tests.unit.planning.running import host, instance


@pytest.fixture(scope="module")
def scheduler():
    return FilterScheduler(make_conf(enabled_filters="RamFilter,CoreFilter,GroupRulesFilter"))


def asking(ram, **more):
    return RequestSpec(flavor={"memory_mb": ram, "vcpus": 1}, **more)


def victims(plan):
    return [one.instance_uuid for one in plan.victims]


def test_lowest_priority_goes_before_fewest(scheduler):
    pool = HostPool(
        [
            host("a", instance("a1", 4096, priority=1), instance("a2", 4096, priority=1)),
            host("b", instance("b1", 8192, priority=2)),
        ]
    )
    plan = plan_preemption(scheduler, asking(8192), pool, priority=5)
    assert (victims(plan), plan.hosts, plan.reached) == (["a1", "a2"], ("a",), True)


def test_fewest_go_before_youngest(scheduler):
    pool = HostPool(
        [
            host("a", *(instance(f"a{at}", 4096, created_at="2026-03-01") for at in (1, 2))),
            host("b", instance("b1", 8192, created_at="2026-01-01")),
        ]
    )
    assert victims(plan_preemption(scheduler, asking(8192), pool, priority=1)) == ["b1"]


def test_youngest_goes_first_among_equals(scheduler):
    times = {"i1": "2026-01-01", "i2": "2026-03-01", "i3": None}
    pool = HostPool([host("a", *(instance(name, 2048, created_at=when) for name, when in times.items()), ram=6144)])
    assert victims(plan_preemption(scheduler, asking(2048), pool, priority=1)) == ["i2"]


def test_instances_of_the_same_priority_are_no_victims(scheduler):
    pool = HostPool([host("a", instance("i1", 8192, priority=3))])
    plan = plan_preemption(scheduler, asking(1024), pool, priority=3)
    assert (plan.reached, plan.victims) == (False, ())
    assert plan.reason.startswith("No instance has a priority below 3")


def test_request_that_passes_has_no_victims(scheduler):
    plan = plan_preemption(scheduler, asking(1024), HostPool([host("a", instance("i1"))]), priority=3)
    assert (plan.reached, plan.victims, plan.hosts) == (True, (), ("a",))


def test_reason_says_why_no_victims_help(scheduler):
    pool = HostPool([host("a", instance("i1"))])
    plan = plan_preemption(scheduler, asking(9000), pool, priority=3)
    assert plan.reached is False
    assert "Even without all of them: No valid host was found." in plan.reason


def test_nothing_is_released(scheduler):
    pool = HostPool([host("a", instance("i1", 8192))])
    before = [one.to_dict() for one in pool]
    assert victims(plan_preemption(scheduler, asking(1024), pool, priority=1)) == ["i1"]
    assert [one.to_dict() for one in pool] == before


def test_member_of_a_group_gives_way_to_one_that_must_be_apart(scheduler):
    pool = HostPool([host("a", instance("i1", groups=["g"])), host("b", instance("i2", 8192, priority=9))])
    spec = asking(1024, instance_group={"uuid": "g", "policy": "anti-affinity"})
    assert victims(plan_preemption(scheduler, spec, pool, priority=5)) == ["i1"]


def test_victims_in_a_large_pool_are_on_one_host(scheduler):
    on = {row: [instance(f"i{row}-{at}", 2048, priority=row) for at in range(4)] for row in range(5)}
    pool = HostPool([host(f"h{row}", *there) for row, there in on.items()])
    plan = plan_preemption(scheduler, asking(4096), pool, priority=9)
    assert ([one.priority for one in plan.victims], plan.hosts) == ([0, 0], ("h0",))
    several = plan_preemption(scheduler, asking(4096, num_instances=3), pool, priority=9)
    assert sorted(several.hosts) == ["h0", "h0", "h1"]


@pytest.mark.parametrize(("given", "field"), [({"priority": 1.5}, "priority"), ({"spec": "web"}, "spec")])
def test_what_makes_no_sense_is_named(scheduler, given, field):
    pool = HostPool([host("a", instance("i1"))])
    with pytest.raises(InvalidRequest) as raised:
        plan_preemption(scheduler, given.get("spec", asking(1)), pool, priority=given.get("priority", 1))
    assert raised.value.field == field


def test_plan_as_data(scheduler):
    pool = HostPool([host("a", instance("i1", 8192, created_at="2026-01-01"))])
    data = plan_preemption(scheduler, asking(1024), pool, priority=1).to_dict()
    assert data["victims"] == [
        {"instance_uuid": "i1", "host": "a", "nodename": "a", "priority": 0, "created_at": "2026-01-01T00:00:00"}
    ]


def random_pool(draw):
    names = itertools.count()

    def some(free):
        while free >= 1024 and draw.random() < 0.9:
            ram = draw.choice((1024, 2048, 3072))
            if ram <= free:
                free -= ram
                yield instance(
                    f"i{next(names)}",
                    ram,
                    priority=draw.randrange(3),
                    created_at=f"2026-01-0{draw.randint(1, 9)}",
                    groups=draw.choice(([], [], ["g"])),
                )

    return [(f"h{row}", list(itertools.islice(some(4096), 3)), 4096) for row in range(3)]


def test_victims_are_the_cheapest_of_all_sets(scheduler):
    for seed in range(25):
        draw = random.Random(seed)
        described = random_pool(draw)
        count = draw.choice((1, 1, 2))
        group = draw.choice((None, {"uuid": "g", "policy": "anti-affinity"}))
        spec = asking(draw.choice((2048, 3072, 4096)), num_instances=count, instance_group=group)
        pool = HostPool([host(name, *there, ram=ram) for name, there, ram in described])
        plan = plan_preemption(scheduler, spec, pool, priority=2)
        possible = [one for _name, there, _ram in described for one in there if one["priority"] < 2]
        best = None
        for some in itertools.chain.from_iterable(
            itertools.combinations(possible, size) for size in range(len(possible) + 1)
        ):
            gone = {one["uuid"] for one in some}
            stay = [(name, [one for one in there if one["uuid"] not in gone], ram) for name, there, ram in described]
            left = [host(name, *there, ram=ram) for name, there, ram in stay]
            price = price_of(some)
            if (best is None or price < best[0]) and fits(scheduler, spec, left):
                best = (price, gone)
        assert (best is not None) == plan.reached
        if best is not None:
            assert set(victims(plan)) == best[1]


def test_victims_in_a_large_pool_are_the_cheapest_of_all_sets_on_one_host():
    scheduler = FilterScheduler(make_conf(enabled_filters="RamFilter"))
    for seed in range(15):
        draw = random.Random(f"large {seed}")
        on = {
            f"h{row}": [
                instance(f"i{row}-{at}", draw.choice((512, 1024, 2048)), 0, priority=draw.randrange(3), created_at=when)
                for at, when in enumerate(f"2026-01-0{draw.randint(1, 9)}" for _ in range(6))
            ]
            for row in range(3)
        }
        used = {name: sum(one["flavor"]["memory_mb"] for one in there) for name, there in on.items()}
        pool = HostPool([host(name, *there, ram=used[name]) for name, there in on.items()])
        plan = plan_preemption(scheduler, RequestSpec(flavor={"memory_mb": 2560}), pool, priority=3)
        sets = (
            some
            for there in on.values()
            for size in range(1, 7)
            for some in itertools.combinations(there, size)
            if sum(one["flavor"]["memory_mb"] for one in some) >= 2560
        )
        assert set(victims(plan)) == {one["uuid"] for one in min(sets, key=price_of)}


def price_of(some):
    """The order of sets: highest priority, how many, the other priorities, then the oldest as young as possible."""
    if not some:
        return (-1, 0, [], (), [])
    ages = sorted(int(one["created_at"][-1]) for one in some)
    priorities = sorted((one["priority"] for one in some), reverse=True)
    return priorities[0], len(some), priorities, tuple(-age for age in ages), sorted(one["uuid"] for one in some)


def fits(scheduler, spec, hosts):
    try:
        scheduler.select_destinations(spec, HostPool(hosts))
    except NoValidHost:
        return False
    return True
