"""Requests that wait: which changes wake them, in which order, and who is held room for."""

import random
from datetime import datetime, timedelta

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
    PendingRequests,
    PluginNotFound,
    RequestSpec,
    make_conf,
)

NOW = datetime(2026, 1, 31, 12)
OPTIONS = {
    "enabled_filters": ["RamFilter", "ComputeFilter", "DifferentHostFilter", "ServerGroupAntiAffinityFilter"],
    "weight_classes": ["RAMWeigher"],
    "ram_allocation_ratio": 1.0,
}
SCHEDULER = FilterScheduler(make_conf(**OPTIONS))


def host(name, memory_mb=4096, **given):
    service = {"last_seen_up": NOW, "disabled": False}
    return HostState(name, total_usable_ram_mb=memory_mb, free_ram_mb=memory_mb, **{"service": service, **given})


def pool_of(*hosts):
    pool = HostPool(hosts)
    pool.clock = lambda: NOW
    return pool


def spec(memory_mb=4096, **given):
    return RequestSpec(Flavor(memory_mb=memory_mb), **{"now": NOW, **given})


def placed(pending):
    return [(one.request, [each.host for each in one.selections]) for one in pending.run()]


def full_pool(scheduler=SCHEDULER):
    """Two hosts, each taken whole by one instance: "old-a" and "old-b"."""
    pool = pool_of(host("a"), host("b"))
    for name in ("old-a", "old-b"):
        scheduler.place(spec(), pool, [name])
    return pool


def test_a_request_waits_until_a_host_has_room():
    pool = full_pool()
    pending = PendingRequests(SCHEDULER, pool)
    request = pending.add(spec())
    assert pending.run() == []
    assert "lacks 4096 MB of RAM" in str(request)
    pool.release("old-a")
    assert len(placed(pending)) == 1
    assert len(pending) == 0


def test_a_change_of_what_no_filter_read_wakes_nobody():
    pool = full_pool()
    pending = PendingRequests(SCHEDULER, pool)
    request = pending.add(spec())
    pending.run()
    pool.update("a", num_io_ops=3, failed_builds=1)
    assert placed(pending) == []
    assert request.tries == 1


def test_a_change_that_still_leaves_too_little_wakes_nobody():
    pool = full_pool()
    pending = PendingRequests(SCHEDULER, pool)
    request = pending.add(spec())
    pending.run()
    pool.update("a", free_ram_mb=4095)
    pending.run()
    assert request.tries == 1
    pool.update("a", free_ram_mb=4096)
    assert placed(pending) == [(request, ["a"])]


def test_a_change_of_a_host_that_another_filter_refused_wakes_nobody():
    pool = pool_of(host("small", 1024), host("down", service={"last_seen_up": NOW - timedelta(hours=1)}))
    pending = PendingRequests(SCHEDULER, pool)
    request = pending.add(spec())
    pending.run()
    pool.update("small", service={"last_seen_up": NOW - timedelta(seconds=1)})
    pool.update("down", free_ram_mb=4095)
    pool.update("down", free_ram_mb=4096)
    pending.run()
    assert request.tries == 1
    pool.update("down", service={"last_seen_up": NOW})
    assert placed(pending) == [(request, ["down"])]


def test_a_host_that_comes_wakes_all():
    pool = pool_of()
    pending = PendingRequests(SCHEDULER, pool)
    request = pending.add(spec())
    assert placed(pending) == []
    pool.add(host("new"))
    assert placed(pending) == [(request, ["new"])]


def test_any_change_wakes_a_request_that_a_filter_without_a_declaration_refused():
    class DayFilter(BaseHostFilter):
        def host_passes(self, host_state, spec):
            return host_state.num_io_ops == 5

    scheduler = FilterScheduler(make_conf(), filters=[DayFilter])
    pool = pool_of(host("a"), host("b"))
    pending = PendingRequests(scheduler, pool)
    request = pending.add(spec())
    pending.run()
    pool.update("b", failed_builds=1)
    pending.run()
    assert request.tries == 2
    pending.run()
    assert request.tries == 2


def test_a_third_partys_declaration_says_what_wakes():
    class RackFilter(BaseHostFilter):
        host_reads = ("num_io_ops",)

        def host_passes(self, host_state, spec):
            return host_state.num_io_ops == 5

    scheduler = FilterScheduler(make_conf(), filters=[RackFilter])
    pool = pool_of(host("a"), host("b"))
    pending = PendingRequests(scheduler, pool)
    request = pending.add(spec())
    pending.run()
    pool.update("b", failed_builds=1)
    pending.run()
    assert request.tries == 1
    pool.update("b", num_io_ops=5)
    assert placed(pending) == [(request, ["b"])]


def test_time_alone_wakes_where_a_filter_says_that_it_may_change_its_answer():
    pool = pool_of(host("ahead", service={"last_seen_up": NOW + timedelta(seconds=90)}))
    pending = PendingRequests(FilterScheduler(make_conf(enabled_filters=["ComputeFilter"])), pool)
    request = pending.add(RequestSpec(Flavor(memory_mb=1)))
    assert placed(pending) == []
    pool.clock = lambda: NOW + timedelta(seconds=10)
    pending.run()
    assert request.tries == 1
    pool.clock = lambda: NOW + timedelta(seconds=40)
    pending.run()
    assert request.tries == 2


def test_all_requests_are_tried_on_demand():
    pending = PendingRequests(SCHEDULER, full_pool())
    request = pending.add(spec())
    pending.run()
    pending.run(all_requests=True)
    assert request.tries == 2


def test_a_group_wakes_when_an_instance_of_another_host_leaves():
    group = InstanceGroup(uuid="web", policy="anti-affinity")
    pool = pool_of(host("a"))
    SCHEDULER.place(spec(1, instance_group=group), pool, ["web-1"])
    pending = PendingRequests(SCHEDULER, pool)
    request = pending.add(spec(1, instance_group=group))
    assert placed(pending) == []
    pool.release("web-1")
    assert placed(pending) == [(request, ["a"])]


def test_higher_priority_comes_first_and_then_the_older():
    pool = full_pool()
    pending = PendingRequests(SCHEDULER, pool)
    older, younger, urgent = (pending.add(spec(), priority=priority) for priority in (1, 1, 7))
    assert list(pending) == [urgent, older, younger]
    pool.release("old-a")
    assert [request for request, _hosts in placed(pending)] == [urgent]
    pool.release("old-b")
    assert [request for request, _hosts in placed(pending)] == [older]


def test_a_request_that_is_passed_too_often_has_a_host_held_for_it():
    pool = pool_of(host("a"))
    pool.update("a", free_ram_mb=2048)
    pending = PendingRequests(SCHEDULER, pool, hold_after=1)
    large, first, _second = pending.add(spec(4096)), pending.add(spec(1024)), pending.add(spec(1024))
    assert placed(pending) == [(first, ["a"])]
    assert large.passed == 1
    pool.update("a", free_ram_mb=2048)
    assert placed(pending) == []
    pool.update("a", free_ram_mb=4096)
    assert placed(pending) == [(large, ["a"])]


def test_a_request_that_was_kept_off_is_tried_again_when_nothing_is_held():
    pool = pool_of(host("a", 2048))
    pending = PendingRequests(SCHEDULER, pool, hold_after=2)
    waiting, first, second = pending.add(spec(4096)), pending.add(spec(1024)), pending.add(spec(1024))
    assert [request for request, _hosts in placed(pending)] == [first, second]
    third = pending.add(spec(256))
    pool.report("a", free_ram_mb=512)
    assert placed(pending) == []
    pending.cancel(waiting)
    assert placed(pending) == [(third, ["a"])]


def test_a_cancelled_request_waits_no_longer():
    pending = PendingRequests(SCHEDULER, full_pool())
    request = pending.add(spec())
    pending.cancel(request)
    assert (len(pending), request in pending) == (0, False)
    with pytest.raises(InvalidRequest, match="does not wait"):
        pending.cancel(request)


def test_a_plug_in_that_raises_does_not_keep_others_waiting():
    class FailingFilter(BaseHostFilter):
        def host_passes(self, host_state, spec):
            if spec.memory_mb == 1:
                raise LookupError("one")
            return True

    pool = pool_of(host("a"))
    pending = PendingRequests(FilterScheduler(make_conf(), filters=[FailingFilter]), pool)
    failing, other = pending.add(spec(1)), pending.add(spec(2))
    assert placed(pending) == [(other, ["a"])]
    assert isinstance(failing.problem, LookupError)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (lambda: PendingRequests(SCHEDULER, [host("a")]), "pool"),
        (lambda: PendingRequests(SCHEDULER, HostPool(), hold_after=0), "hold_after"),
        (lambda: PendingRequests(SCHEDULER, HostPool()).add("web"), "spec"),
        (lambda: PendingRequests(SCHEDULER, HostPool()).add(spec(), priority="high"), "priority"),
    ],
    ids=["no pool", "hold after none", "no request", "a priority in words"],
)
def test_what_makes_no_sense_is_refused_by_name(wrong, field):
    with pytest.raises(InvalidRequest) as caught:
        wrong()
    assert caught.value.field == field


def test_an_unknown_filter_is_refused_when_the_request_is_added():
    with pytest.raises(PluginNotFound):
        PendingRequests(SCHEDULER, HostPool()).add(spec(), filters=["NoFilter"])


# -- the law: the same as trying all ---------------------------------------------------------------

LAW = FilterScheduler(
    make_conf(
        enabled_filters=[
            *("ComputeFilter", "RamFilter", "IoOpsFilter", "DifferentHostFilter", "SameHostFilter"),
            *("ServerGroupAntiAffinityFilter", "ServerGroupAffinityFilter", "TopologySpreadFilter"),
        ],
        max_io_ops_per_host=2,
        ram_allocation_ratio=1.0,
        weight_classes=["RAMWeigher", "IoOpsWeigher"],
    )
)
# What requests ask for, and what happens: stories of one theme have more to decide.
GROUPS = {
    "apart": InstanceGroup(uuid="apart", policy="anti-affinity"),
    "together": InstanceGroup(uuid="together", policy="affinity"),
    "spread": InstanceGroup(uuid="spread", policy="soft-affinity", rules={"spread": "hypervisor_type", "max_skew": 1}),
}
EVENTS = {
    "room": ("release", "ram", "io", "add", "remove"),
    "time": ("seen", "seen", "nothing", "nothing", "release"),
    "holding": ("ram", "release", "cancel"),
    **dict.fromkeys(("apart", "together", "spread"), ("release", "release", "ram", "add", "remove", "nothing")),
    "hints": ("release", "ram", "nothing"),
}


def happen(kind, chance, queue, time):
    """One thing that happens, the same to queues in the same state."""
    pool, at = queue.pool, chance.random()
    hosts = list(pool)
    one = hosts[int(at * len(hosts))]
    uuids = sorted(uuid for each in hosts for uuid in each.instances)
    if kind == "release" and uuids:
        pool.release(uuids[int(at * len(uuids))])
    elif kind == "ram":
        pool.report(one.host, free_ram_mb=chance.choice([0, 1024, 2048]), observed_at=time)
    elif kind == "io":
        pool.update(one.host, num_io_ops=chance.randrange(4))
    elif kind == "seen":
        pool.update(one.host, service={"last_seen_up": time + timedelta(seconds=chance.choice([-90, -40, 0, 80, 130]))})
    elif kind == "add":
        pool.add(host(f"n{time:%M%S}", 2048, hypervisor_type=f"r{chance.randrange(3)}"))
    elif kind == "remove" and len(hosts) > 2:
        pool.remove(one.host)
    elif kind == "cancel" and len(queue):
        queue.cancel(next(iter(queue)))


def asked(theme, chance, step):
    """A request of a story."""
    count = chance.choice([1, 1, 2])
    hints = {}
    if theme == "hints":
        hints = chance.choice([{"different_host": [f"i{step - 1}-0"]}, {"same_host": [f"i{step - 2}-0"]}])
    return RequestSpec(
        Flavor(memory_mb=chance.choice([1024, 2048] if theme in ("room", "holding") else [64, 1024])),
        instance_group=GROUPS.get(theme),
        scheduler_hints=hints,
        instance_uuids=[f"i{step}-{nr}" for nr in range(count)],
    )


@settings(max_examples=150)
@given(st.integers(0, 2**32))
def test_the_same_requests_are_placed_as_by_trying_all_of_them_every_time(number):
    chance = random.Random(number)
    theme = chance.choice(list(EVENTS))
    hosts = [host(f"h{nr}", 2048, hypervisor_type=f"r{nr % 2}") for nr in range(chance.choice([2, 3]))]
    queues = [
        PendingRequests(LAW, pool_of(*(one.copy() for one in hosts)), hold_after=1 if theme == "holding" else None)
        for _ in range(2)
    ]
    time = NOW
    for step in range(15):
        time += timedelta(seconds=chance.choice([1, 40]))
        wanted = [asked(theme, chance, step)] if chance.random() < 0.5 else []
        kind, seed, priority = chance.choice(EVENTS[theme]), chance.random(), chance.randrange(2)
        for queue in queues:
            queue.pool.clock = lambda time=time: time
            happen(kind, random.Random(seed), queue, time)
            for spec in wanted:
                queue.add(spec, priority=priority)
        lazy, eager = queues[0].run(), queues[1].run(all_requests=True)
        assert list(map(where, lazy)) == list(map(where, eager))


def where(one):
    return [(each.instance_uuid, each.host) for each in one.selections]
