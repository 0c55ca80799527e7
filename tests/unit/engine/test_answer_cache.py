"""Answers that are kept are never old, and are asked for again only where something changed."""

import numpy as np
import pytest

from filtersched import (
    BaseHostFilter,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    NoValidHost,
    RequestSpec,
    make_conf,
)
from filtersched.columns.column import either, of_each
from filtersched.columns.frozen import typed_key
from filtersched.engine import answer_cache
from filtersched.engine.filtering import Rooms
from filtersched.filters.capacity import CapacityFilter
from filtersched.hosts.host_rows import HostRows

ASKED = []


class RackFilter(BaseHostFilter):
    """Asked once for each rack, and noting for which."""

    host_reads = ("hypervisor_type",)
    spec_reads = ("memory_mb",)

    def host_passes(self, host_state, spec):
        ASKED.append(host_state.hypervisor_type)
        if host_state.hypervisor_type == "bad":
            raise LookupError("bad")
        return host_state.hypervisor_type != "full"


class LicenceFilter(CapacityFilter):
    """Enough licences, as many as IO operations are free of eight; noting each time it counts them."""

    host_reads = ("num_io_ops", "topic")
    spec_reads = ("memory_mb",)
    columnar = True
    what = "licences"

    def needed(self, spec):
        return spec.memory_mb

    def total(self, host):
        ASKED.append("total")
        return 8 - host.num_io_ops

    def used(self, host):
        return 0

    def ratio(self, host):
        return 1

    def room(self, host):
        return either(of_each(host, "topic", is_volume), 9, super().room(host))


def is_volume(topic):
    return topic == "volume"


class LargeFilter(BaseHostFilter):
    """Refuses the hosts of one rack."""

    def host_passes(self, host_state, spec):
        return host_state.hypervisor_type != "bad"


@pytest.fixture
def asked():
    ASKED.clear()
    return ASKED


def scheduler_of(*filters):
    names = [one.__name__ for one in filters]
    available = [f"{__name__}.{name}" for name in names]
    return FilterScheduler(
        make_conf(scheduler_available_filters=available, scheduler_default_filters=names, scheduler_weight_classes=[])
    )


def a_pool(*racks):
    return HostPool(HostState(f"h{nr}", hypervisor_type=rack) for nr, rack in enumerate(racks))


def first(scheduler, pool, memory_mb=1):
    return scheduler.select_destinations(RequestSpec(Flavor(memory_mb)), pool)[0].host


def test_room_is_computed_once_for_all_requests_and_again_for_hosts_that_changed(asked):
    scheduler = scheduler_of(LicenceFilter)
    pool = HostPool(HostState(f"h{nr}", num_io_ops=nr, topic="volume" if nr == 7 else "compute") for nr in range(8))
    assert [len(scheduler.select_destinations(RequestSpec(Flavor(size)), pool)) for size in (1, 2, 3)] == [1, 1, 1]
    assert first(scheduler, pool, memory_mb=8) == "h0"
    # `total` is read once for a room.
    assert len(asked) == 1
    pool["h0"].num_io_ops = 1
    assert first(scheduler, pool, memory_mb=8) == "h7"
    assert first(scheduler, pool, memory_mb=7) == "h0"
    assert len(asked) == 2


def test_each_value_is_asked_about_once_for_each_kind_of_request(asked):
    scheduler, pool = scheduler_of(RackFilter), a_pool("a", "b", "a", "a")
    assert [first(scheduler, pool) for _ in range(3)] == ["h0", "h0", "h0"]
    assert asked == ["a", "b"]
    assert first(scheduler, pool, memory_mb=2) == "h0"
    assert asked == ["a", "b", "a", "b"]


def test_only_hosts_that_changed_are_asked_about_after_a_change(asked):
    scheduler, pool = scheduler_of(RackFilter), a_pool("a", "b", "a")
    first(scheduler, pool)
    asked.clear()
    pool["h1"].hypervisor_type = "a"
    pool["h1"].num_instances = 3
    assert first(scheduler, pool) == "h0"
    assert asked == ["a"]
    asked.clear()
    pool["h0"].hypervisor_type = "full"
    assert first(scheduler, pool) == "h1"
    assert asked == ["full"]


def test_a_move_asks_again_only_about_the_host_that_is_left(asked):
    scheduler = scheduler_of(RackFilter)
    pool = HostPool(HostState(f"h{nr}", hypervisor_type=f"rack{nr}") for nr in range(200))
    spec = RequestSpec(Flavor(1))
    (placed,) = scheduler.place(spec, pool)
    for _ in range(2):
        # A kind of request is asked about host by host at first.
        first(scheduler, pool)
    asked.clear()
    scheduler.place(spec, pool, [placed.instance_uuid], move=True)
    assert asked == [f"rack{placed.host[1:]}"]


def test_an_exception_is_raised_only_while_a_host_in_play_has_the_value():
    scheduler, pool = scheduler_of(LargeFilter, RackFilter), a_pool("bad", "a")
    assert first(scheduler, pool) == "h1"
    alone = scheduler_of(RackFilter)
    with pytest.raises(LookupError) as caught:
        first(alone, pool)
    assert "h0" in caught.value.__notes__[0]
    pool["h0"].hypervisor_type = "b"
    assert first(alone, pool) == "h0"
    pool["h1"].hypervisor_type = "bad"
    with pytest.raises(LookupError):
        first(alone, pool)


def test_hosts_that_come_and_go_are_seen():
    scheduler, pool = scheduler_of(RackFilter), a_pool("full", "a")
    assert first(scheduler, pool) == "h1"
    pool.remove("h0")
    assert first(scheduler, pool) == "h1"
    pool.remove("h1")
    with pytest.raises(NoValidHost):
        first(scheduler, pool)
    pool.add(HostState("new", hypervisor_type="a"))
    assert first(scheduler, pool) == "new"


def test_a_key_keeps_the_object_that_it_is_of_alive():
    class Unknown:
        pass

    keys = {typed_key(Unknown()) for _ in range(50)}
    assert len(keys) == 50
    same = Unknown()
    assert typed_key(same) == typed_key(same)


@pytest.mark.parametrize("name", ["RamFilter", "NumInstancesFilter"])
def test_a_filter_that_is_given_other_options_is_asked_anew(name):
    scheduler = FilterScheduler(make_conf(scheduler_default_filters=[name], scheduler_weight_classes=[]))
    pool = HostPool([HostState("h", total_usable_ram_mb=100, free_ram_mb=40, num_instances=3)])
    assert first(scheduler, pool, memory_mb=60) == "h"
    scheduler.filters[0].bind({"ram_allocation_ratio": 1.0, "max_instances_per_host": 3})
    with pytest.raises(NoValidHost):
        first(scheduler, pool, memory_mb=60)


def test_a_weigher_that_is_given_another_multiplier_weighs_anew():
    scheduler = FilterScheduler(make_conf(scheduler_default_filters=[], scheduler_weight_classes=["RAMWeigher"]))
    pool = HostPool(HostState(f"h{ram}", free_ram_mb=ram) for ram in (1, 3, 2))
    assert [first(scheduler, pool) for _ in range(3)] == ["h3", "h3", "h3"]
    scheduler.weighers[0].bind({"ram_weight_multiplier": -1.0})
    assert [first(scheduler, pool) for _ in range(3)] == ["h1", "h1", "h1"]


def test_a_pool_too_large_for_the_usual_limit_keeps_its_answers_all_the_same(asked, monkeypatch):
    monkeypatch.setattr(answer_cache, "_BYTES", 0)
    scheduler, pool = scheduler_of(LicenceFilter, RackFilter), a_pool("a", "b", "a")
    first(scheduler, pool)
    asked.clear()
    pool["h2"].num_instances = 1
    assert first(scheduler, pool) == "h0"
    assert asked == []


def test_a_need_that_all_rooms_met_is_compared_again_once_a_room_is_smaller():
    rooms = answer_cache.CachedAnswers(np.array([4.0, 8.0]), Rooms(), HostRows(map(HostState, "ab")), frozenset())
    assert rooms.passes(3.0) is True
    rooms.set_row(0, 2.0)
    assert rooms.passes(3.0).tolist() == [False, True]
    assert rooms.passes(2.0) is True


def test_answers_follow_each_changed_host_or_all_anew_after_more_changes_than_that_is_worth(asked):
    scheduler = scheduler_of(LicenceFilter)
    pool = HostPool(HostState(f"h{nr}", num_io_ops=0, topic="compute") for nr in range(12))
    assert first(scheduler, pool) == "h0"
    for changes, chosen, reads in ((8, "h8", 8), (9, "h9", 1)):
        asked.clear()
        for nr in range(changes):
            pool[f"h{nr}"].num_io_ops = 8
        assert first(scheduler, pool) == chosen
        assert len(asked) == reads
        for nr in range(changes):
            pool[f"h{nr}"].num_io_ops = 0
        assert first(scheduler, pool) == "h0"


def test_whom_a_filter_refused_is_read_later_as_it_was_then():
    scheduler = FilterScheduler(make_conf(scheduler_default_filters=["IoOpsFilter"], scheduler_weight_classes=[]))
    pool = HostPool(HostState(f"h{nr}", num_io_ops=9 if nr == 3 else 0) for nr in range(4))
    explained = []
    for io_ops in (0, 0, 9, 9, 0):
        pool["h2"].num_io_ops = io_ops
        explained.append(scheduler.select_destinations(RequestSpec(), pool)[0].explanation)
    refused = [[host for step in one.steps for host in step.refused] for one in explained]
    assert refused == [["h3"], ["h3"], ["h2", "h3"], ["h2", "h3"], ["h3"]]
