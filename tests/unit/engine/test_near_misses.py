"""Near misses found on columns: the same as by asking every filter about every host, and few are asked."""

import random
import sys

import pytest

from filtersched import HostPool, HostState, NoValidHost, RequestSpec
from filtersched.columns.column import HostColumns
from filtersched.filters.base import BaseHostFilter
from filtersched.filters.ram_filter import RamFilter
from filtersched.results.verdict import Shortage
from tests.unit.made_schedulers import scheduler_maker


class ThirdFilter(BaseHostFilter):
    """Undeclared: refuse every third host, with a shortage, with nothing missing, or by raising."""

    def host_passes(self, host_state, spec):
        return int(host_state.host[1:]) % 3 != 0

    def rejection_reason(self, host_state, spec):
        if host_state.host.endswith("9"):
            raise LookupError("broken")
        return Shortage("luck", need=4, have=int(host_state.host[1:]) % 8)


class FewOperationsFilter(BaseHostFilter):
    """Declared: refuse by value, with a shortage that columns know nothing of."""

    host_reads = ("num_io_ops",)

    def host_passes(self, host_state, spec):
        return host_state.num_io_ops < 3

    def rejection_reason(self, host_state, spec):
        return Shortage("calm", need=host_state.num_io_ops, have=2)


class TalkativeRamFilter(RamFilter):
    """A derived class for whose reason the words of its base do not hold."""

    host_reads = RamFilter.host_reads
    spec_reads = RamFilter.spec_reads
    columnar = True

    def rejection_reason(self, host_state, spec):
        return f"{host_state.host} has not enough"


class CountedFilter(BaseHostFilter):
    """Refuse nobody, and count who is asked about."""

    asked = 0

    def host_passes(self, host_state, spec):
        CountedFilter.asked += 1
        return True


class CountedColumnsFilter(BaseHostFilter):
    """Refuse nobody, on columns, and count how often single hosts are asked about."""

    host_reads = ("vcpus_total",)
    columnar = True
    asked = 0

    def host_passes(self, host_state, spec):
        CountedColumnsFilter.asked += not isinstance(host_state, HostColumns)
        return host_state.vcpus_total >= 0


MODULE = sys.modules[__name__]
plain = scheduler_maker(MODULE, use_engine=False)
fast = scheduler_maker(MODULE, use_engine=True)

STACKS = [
    "RamFilter",
    "RamFilter,CoreFilter,DiskFilter",
    "AvailabilityZoneFilter,RamFilter,CoreFilter",
    "ComputeFilter,FewOperationsFilter,DiskFilter,RamFilter",
    "ThirdFilter,RamFilter,AvailabilityZoneFilter",
    "TalkativeRamFilter,CoreFilter,ThirdFilter",
    "RamFilter,ExactCoreFilter,ServerGroupAntiAffinityFilter",
]


def cluster(seed, count=60):
    chance = random.Random(seed)
    return [
        HostState(
            f"h{nr}",
            total_usable_ram_mb=chance.choice([4096, 8192, 8192.5]),
            free_ram_mb=chance.choice([-64, 512, 1024, 4096]),
            ram_allocation_ratio=chance.choice([None, 1.0, 1.5]),
            vcpus_total=chance.choice([0, 4, 8]),
            vcpus_used=chance.randrange(9),
            free_disk_mb=chance.randrange(0, 40_000, 999),
            total_usable_disk_gb=40,
            num_io_ops=chance.randrange(6),
            instances={f"i{nr}": {}} if chance.random() < 0.5 else {},
            service={"disabled": chance.random() < 0.2, "last_seen_up": "2026-01-31T12:00:00"},
            aggregates=[{"name": "z", "metadata": {"availability_zone": chance.choice(["az1", "az2"])}}],
        )
        for nr in range(count)
    ]


def request(seed, **changed):
    chance = random.Random(seed)
    return RequestSpec(
        **{
            "flavor": {
                "memory_mb": chance.choice([0, 700, 5000, 9000, 90_000]),
                "vcpus": chance.choice([1, 6, 20]),
                "root_gb": chance.choice([0, 30, 50]),
            },
            "availability_zone": chance.choice([None, "az1", "az9"]),
            "instance_group": {"policy": "anti-affinity", "uuid": "g", "members": ["i3", "i5"], "hosts": []},
            "now": "2026-01-31T12:00:10",
            "num_instances": chance.choice([1, 1, 3, 30]),
        }
        | changed
    )


def refusal(scheduler, hosts, spec, **how):
    try:
        scheduler.select_destinations(spec, hosts, seed=1, **how)
    except NoValidHost as problem:
        return problem
    return None


@pytest.mark.slow
@pytest.mark.parametrize("make", [HostPool, list])
@pytest.mark.parametrize("filters", STACKS)
@pytest.mark.parametrize("limit", [1, 4, 99])
def test_near_misses_are_those_of_asking_every_filter(filters, make, limit):
    compared = 0
    for seed in range(12):
        found = [refusal(made(filters), make(cluster(seed)), request(seed)) for made in (plain, fast)]
        if None in found:
            assert found == [None, None]
            continue
        compared += 1
        slow, quick = (one.explanation.near_misses(limit) for one in found)
        assert quick == slow
        assert [one.missing_share for one in quick] == [one.missing_share for one in slow]
        assert str(found[1]) == str(found[0])
    assert compared > 2


@pytest.mark.parametrize("filters", STACKS)
def test_near_misses_are_of_the_hosts_as_they_are_now(filters):
    compared = 0
    for seed in range(12):
        found = []
        for made in (plain, fast):
            pool = HostPool(cluster(seed))
            problem = refusal(made(filters), pool, request(seed))
            pool.update("h7", free_ram_mb=3000, num_io_ops=0)
            pool.remove("h2")
            pool.add(HostState("h99", total_usable_ram_mb=99_999, free_ram_mb=99_999))
            pool["h9"].vcpus_used = 0
            found.append(problem)
        if None not in found:
            compared += 1
            slow, quick = (one.explanation.near_misses(5) for one in found)
            assert quick == slow
    assert compared > 2


def test_near_misses_of_a_choice_with_every_weight_are_found_too():
    found = [
        made("RamFilter,CoreFilter").select_destinations(
            request(1, flavor={"memory_mb": 700, "vcpus": 2}, num_instances=1), HostPool(cluster(3)), explain="full"
        )
        for made in (plain, fast)
    ]
    slow, quick = (one[0].explanation.near_misses(9) for one in found)
    assert quick == slow
    assert len(quick) == 9


def test_few_of_many_refused_hosts_are_asked_about():
    pool = HostPool(cluster(5, count=2000))
    problem = refusal(fast("RamFilter,CoreFilter,CountedFilter"), pool, request(1, flavor={"memory_mb": 10**6}))
    CountedFilter.asked = 0
    assert str(problem).endswith(" MB of RAM (free 8192.25, asked 1000000).")
    assert CountedFilter.asked < 40


def test_no_filter_is_asked_about_hosts_that_it_is_known_to_pass():
    pool = HostPool(cluster(5, count=200))
    problem = refusal(fast("CountedColumnsFilter,RamFilter"), pool, request(1, flavor={"memory_mb": 10**6}))
    CountedColumnsFilter.asked = 0
    assert [one.passed for one in problem.explanation.near_misses(1)[0].verdicts] == [True, False]
    assert CountedColumnsFilter.asked == 0


def test_few_are_asked_about_where_every_host_is_refused_by_value():
    pool = HostPool(cluster(5, count=2000))
    problem = refusal(
        fast("AvailabilityZoneFilter,RamFilter,CountedFilter"),
        pool,
        request(1, flavor={"memory_mb": 10**6}, availability_zone="az9"),
    )
    CountedFilter.asked = 0
    assert "Nearest: h" in str(problem)
    assert CountedFilter.asked < 60


def test_no_more_hosts_are_compared_than_by_asking(monkeypatch):
    found = []
    for made in (plain, fast):
        problem = refusal(made("AvailabilityZoneFilter,RamFilter"), HostPool(cluster(2)), request(2, **ZONE))
        with monkeypatch.context() as few:
            few.setattr("filtersched.results.explanation.MOST_ASKED", 20)
            few.setattr("filtersched.engine.near_misses.MOST_ASKED", 20)
            found.append(problem.explanation.near_misses(99))
    assert len(found[0]) == 20
    assert found[1] == found[0]


ZONE = {"availability_zone": "az1", "flavor": {"memory_mb": 10**6}}


def test_shortage_with_nothing_missing_counts_nothing():
    (verdicts,) = refusal(plain("ThirdFilter"), [HostState("h6")], RequestSpec()).explanation.near_misses()
    assert verdicts.verdicts[0].reason == Shortage("luck", need=4, have=6)
    assert verdicts.missing_share == 0.0


def test_nothing_refused_is_nothing_near():
    problem = refusal(fast("RamFilter"), HostPool(), RequestSpec())
    assert problem.explanation.near_misses() == []
