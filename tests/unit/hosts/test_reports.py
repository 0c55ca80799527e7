"""HostPool.report: what hosts measure, beside what was committed."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from filtersched import (
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    Instance,
    InvalidHost,
    RequestSpec,
    host_attribute,
    make_conf,
)

START = datetime(2026, 1, 2, 12)
FLAVOR = Flavor(memory_mb=100, vcpus=1, root_gb=1)


class Clock:
    """A time that goes on by a second at each look."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def pool() -> HostPool:
    pool = HostPool(
        [
            HostState(
                name,
                total_usable_ram_mb=1000,
                free_ram_mb=1000,
                vcpus_total=8,
                total_usable_disk_gb=10,
                free_disk_mb=10240,
            )
            for name in ("a", "b")
        ]
    )
    pool.clock = Clock()
    return pool


@pytest.fixture(scope="module")
def scheduler() -> FilterScheduler:
    return FilterScheduler(make_conf(enabled_filters="RamFilter", weight_classes="RAMWeigher"))


def place(scheduler, pool, uuid, host="a"):
    scheduler.place(RequestSpec(FLAVOR, force_hosts=[host]), pool, [uuid])


def test_listed_instances_are_in_the_figures_and_others_on_top(pool, scheduler):
    place(scheduler, pool, "i1")
    place(scheduler, pool, "i2")
    assert pool.report("a", free_ram_mb=850, vcpus_used=1, instances=["i1"]).accepted
    assert (pool["a"].free_ram_mb, pool["a"].vcpus_used) == (750, 2)


def test_without_a_list_those_committed_after_the_measurement_are_on_top(pool, scheduler):
    place(scheduler, pool, "i1")
    measured = pool.clock()
    place(scheduler, pool, "i2")
    pool.report("a", free_ram_mb=880, observed_at=measured)
    assert pool["a"].free_ram_mb == 780


def test_figure_that_is_not_reported_stays(pool, scheduler):
    place(scheduler, pool, "i1")
    pool.report("a", free_disk_mb=5000, instances=[])
    assert (pool["a"].free_ram_mb, pool["a"].free_disk_mb, pool["a"].vcpus_used) == (900, 3976, 1)


def test_release_after_a_report_makes_nothing_out_of_nothing(pool, scheduler):
    place(scheduler, pool, "i1")
    pool.report("a", free_ram_mb=1000, instances=[])
    pool.release("i1")
    assert pool["a"].free_ram_mb == 1000


def test_report_that_is_older_than_a_release_is_corrected(pool, scheduler):
    place(scheduler, pool, "i1")
    pool.report("a", free_ram_mb=900, instances=["i1"])
    measured = pool.clock()
    pool.release("i1")
    pool.report("a", free_ram_mb=900, vcpus_used=1, observed_at=measured, instances=["i1"])
    assert (pool["a"].free_ram_mb, pool["a"].vcpus_used, dict(pool["a"].instances)) == (1000, 0, {})
    pool.report("a", free_ram_mb=990, instances=[])
    assert pool["a"].free_ram_mb == 990


def test_older_report_is_ignored_and_says_so(pool):
    late = pool.clock()
    assert pool.report("a", free_ram_mb=500, observed_at=late).accepted
    assert not pool.report("a", free_ram_mb=400, observed_at=late - timedelta(seconds=1)).accepted
    assert pool["a"].free_ram_mb == 500
    assert pool.report("b", free_ram_mb=400, observed_at=late - timedelta(seconds=1)).accepted


def test_host_that_is_added_anew_has_reported_nothing_yet(pool):
    late = pool.clock()
    pool.report("a", free_ram_mb=500, observed_at=late)
    pool.add(pool.remove("a"))
    assert pool.report("a", free_ram_mb=400, observed_at=late - timedelta(seconds=1)).accepted


def test_missing_instances_are_named_in_the_same_order_in_every_process(pool):
    uuids = [f"i{at}" for at in range(20)]
    pool.report("a", instances=uuids)
    assert pool.report("a", instances=[]).missing == tuple(sorted(uuids))


def test_instance_that_a_later_list_misses_stays_counted_and_is_named(pool, scheduler):
    place(scheduler, pool, "i1")
    assert pool.report("a", free_ram_mb=900, instances=["i1"]).missing == ()
    assert pool.report("a", free_ram_mb=1000, instances=[]).missing == ("i1",)
    assert (pool["a"].free_ram_mb, list(pool["a"].instances)) == (900, ["i1"])


def test_unknown_instance_is_adopted(pool):
    report = pool.report("a", free_ram_mb=700, instances=[Instance("new", flavor=Flavor(memory_mb=300))])
    assert (report.adopted, pool["a"].free_ram_mb) == (("new",), 700)
    pool.release("new")
    assert pool["a"].free_ram_mb == 1000


def test_instance_that_is_on_another_host_is_named_and_stays_there(pool, scheduler):
    place(scheduler, pool, "i1", host="b")
    assert pool.report("a", free_ram_mb=900, instances=["i1"]).elsewhere == ("i1",)
    assert pool.host_of("i1").host == "b"


def test_reported_operations_replace_those_that_commits_counted(pool, scheduler):
    place(scheduler, pool, "i1")
    place(scheduler, pool, "i2")
    pool.report("a", num_io_ops=0, instances=["i1"])
    assert pool["a"].num_io_ops == 1
    pool.release("i1")
    assert pool["a"].num_io_ops == 1
    pool.release("i2")
    assert pool["a"].num_io_ops == 0


def test_any_attribute_may_be_reported(pool):
    pool.report("a", capabilities={"gpu": 1}, stats={"num_vm_active": 3})
    assert (pool["a"].capabilities, pool["a"].stats) == ({"gpu": 1}, {"num_vm_active": 3})


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"free_ram": 5}, "free_ram"),
        ({"free_ram_mb": "many"}, "free_ram_mb"),
        ({"observed_at": "noon"}, "observed_at"),
        ({"instances": 5}, "instances"),
        ({"limits": {}}, "limits"),
        ({"host": "z"}, "keeps its name"),
    ],
)
def test_wrong_report_is_refused_by_name_and_changes_nothing(pool, figures, said):
    before = pool["a"].to_dict(), pool.generation
    with pytest.raises(InvalidHost, match=said):
        pool.report("a", **{"vcpus_used": 3, **figures})
    assert (pool["a"].to_dict(), pool.generation) == before


def test_report_of_an_unknown_host_is_a_key_error(pool):
    with pytest.raises(KeyError):
        pool.report("z", free_ram_mb=5)


class Licensed(HostState):
    licences = 4

    def consume_from_request(self, spec):
        super().consume_from_request(spec)
        self.licences -= 1
        return {"licences": 1}

    def release_instance(self, instance):
        super().release_instance(instance)
        self.licences += instance.consumed["licences"]


def test_figures_of_a_class_of_ones_own_are_corrected_too(scheduler):
    pool = HostPool([Licensed("a", total_usable_ram_mb=1000, free_ram_mb=1000)])
    place(scheduler, pool, "i1")
    pool.report("a", licences=4, instances=[])
    assert pool["a"].licences == 3


def test_report_of_a_clock_that_is_ahead_counts_as_made_now(pool):
    now = pool.clock()
    assert pool.report("a", free_ram_mb=500, observed_at=now.replace(year=now.year + 900)).accepted
    pool.clock = lambda: now + timedelta(seconds=1)
    assert pool.report("a", free_ram_mb=400).accepted
    assert pool["a"].free_ram_mb == 400


class SeatsHost(HostState):
    """A host with seats of licences, used by product."""

    seats_used: dict = {}

    def consume_from_request(self, spec):
        super().consume_from_request(spec)
        self.seats_used = {**self.seats_used, "db": self.seats_used.get("db", 0) + 2}

    def release_instance(self, instance):
        super().release_instance(instance)
        self.seats_used = {**self.seats_used, "db": self.seats_used.get("db", 0) - 2}


@pytest.mark.parametrize(
    ("reported", "expected"),
    [({"db": 5, "web": 1}, {"db": 7, "web": 1}), ({"web": 1}, {"web": 1, "db": 2}), ({}, {"db": 2})],
)
def test_instance_that_a_report_misses_is_on_top_of_each_item_of_a_mapping(scheduler, reported, expected):
    pool = HostPool([SeatsHost("a", total_usable_ram_mb=1000, free_ram_mb=1000)])
    place(scheduler, pool, "i1")
    pool.report("a", seats_used=reported, instances=[])
    assert pool["a"].seats_used == expected


def test_instance_that_left_since_a_report_is_taken_off_each_item_of_a_mapping(scheduler):
    pool = HostPool([SeatsHost("a", total_usable_ram_mb=1000, free_ram_mb=1000)])
    pool.clock = Clock()
    place(scheduler, pool, "i1")
    measured = pool.clock()
    pool.release("i1")
    pool.report("a", seats_used={"db": 2, "web": 1}, observed_at=measured)
    assert pool["a"].seats_used == {"db": 0, "web": 1}


def amounts(value):
    """Amounts of zero or more."""
    if min(value, default=0) < 0:
        raise ValueError("zero or more each")
    return tuple(value)


class DevicesHost(HostState):
    """A host with devices, of which an instance takes 400 of the first with room."""

    free_of_each: tuple[int, ...] = host_attribute(default=(), check=amounts)

    def consume_from_request(self, spec):
        super().consume_from_request(spec)
        at = next(at for at, free in enumerate(self.free_of_each) if free >= 400)
        self._take(at, 400)
        return {"device": at}

    def release_instance(self, instance):
        super().release_instance(instance)
        self._take(instance.consumed["device"], -400)

    def _take(self, at, amount):
        free = list(self.free_of_each)
        free[at] -= amount
        self.free_of_each = tuple(free)


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        ((500, 1000), (100, 1000)),
        ((400, 200), (0, 200)),
        # Not with the instance, and not without it.
        ((300, 1000), (300, 1000)),
        ((500,), (500,)),
        ((), ()),
    ],
)
def test_instance_that_a_report_misses_is_on_top_of_each_item_of_a_list(scheduler, reported, expected):
    pool = HostPool([DevicesHost("a", total_usable_ram_mb=1000, free_ram_mb=1000, free_of_each=(500, 1000))])
    place(scheduler, pool, "i1")
    assert pool["a"].free_of_each == (100, 1000)
    pool.report("a", free_of_each=reported, instances=[])
    assert pool["a"].free_of_each == expected


def test_instance_that_left_since_a_report_is_taken_off_each_item_of_a_list(scheduler):
    pool = HostPool([DevicesHost("a", total_usable_ram_mb=1000, free_ram_mb=1000, free_of_each=(500, 1000))])
    pool.clock = Clock()
    place(scheduler, pool, "i1")
    measured = pool.clock()
    pool.release("i1")
    pool.report("a", free_of_each=(100, 700), observed_at=measured)
    assert pool["a"].free_of_each == (500, 700)
