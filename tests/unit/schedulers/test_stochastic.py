"""StochasticScheduler: hosts drawn in proportion to their weights, with and without the engine."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from filtersched import (
    Flavor,
    HostPool,
    HostState,
    NoValidHost,
    RequestSpec,
    StochasticScheduler,
    make_conf,
    scheduler_from,
)

NOTHING = RequestSpec(Flavor(memory_mb=0))


def host(name, free_ram_mb, **attributes):
    return HostState(name, total_usable_ram_mb=65536, free_ram_mb=free_ram_mb, **attributes)


@pytest.fixture(params=[True, False], ids=["engine", "handlers"])
def make(request):
    def made(filters="", weighers="RAMWeigher", **options):
        conf = make_conf(enabled_filters=filters, weight_classes=weighers, **options)
        return StochasticScheduler(conf, use_engine=request.param)

    return made


def drawn(scheduler, hosts, count=6000, spec=NOTHING):
    """How often each host is chosen in so many decisions, their seeds drawn from one generator."""
    seeds = random.Random(2024)
    decided = (scheduler.select_destinations(spec, hosts, seed=seeds.getrandbits(63)) for _ in range(count))
    return Counter(one.host for (one,) in decided)


def chi_square(found, shares):
    total = sum(found.values())
    expected = {name: total * share / sum(shares.values()) for name, share in shares.items()}
    return sum((found[name] - wanted) ** 2 / wanted for name, wanted in expected.items())


@pytest.mark.slow
def test_hosts_of_the_weights_1_2_and_3_are_drawn_1_to_2_to_3(make):
    pool = HostPool([host("one", 100), host("two", 200), host("three", 300)])
    found = drawn(make(), pool)
    # With two degrees of freedom, 13.82 is passed once in a thousand tests.
    assert chi_square(found, {"one": 1, "two": 2, "three": 3}) < 13.82


def test_normalised_weights_would_be_other_proportions(make):
    # 200 of 300 to 300 of 300, and not 0 to 1.
    found = drawn(make(), HostPool([host("two", 200), host("three", 300)]), 2000)
    assert chi_square(found, {"two": 2, "three": 3}) < 10.83


@pytest.mark.slow
def test_negative_weights_are_shifted_until_the_least_is_0(make):
    pool = HostPool([host("one", 100), host("two", 200), host("four", 400)])
    found = drawn(make(ram_weight_multiplier=-1.0), pool, 3000)
    # -100, -200 and -400 become 300, 200 and 0.
    assert found["four"] == 0
    assert chi_square(found, {"one": 3, "two": 2}) < 10.83


@pytest.mark.slow
@pytest.mark.parametrize("weighers", ["RAMWeigher", ""])
def test_equal_weights_are_a_fair_draw(make, weighers):
    pool = HostPool([host(name, 100) for name in "abc"])
    assert chi_square(drawn(make("", weighers), pool, 3000), {"a": 1, "b": 1, "c": 1}) < 13.82


def test_weight_is_the_sum_of_multiplier_times_raw_weight(make):
    scheduler = make("", "RAMWeigher,IoOpsWeigher", ram_weight_multiplier=0.5, io_ops_weight_multiplier=-2.0)
    (selection,) = scheduler.select_destinations(NOTHING, [host("a", 100, num_io_ops=3)])
    assert selection.weight == 44.0
    assert [(share.raw, share.multiplier, share.contribution) for share in selection.explanation.shares] == [
        (100.0, 0.5, 50.0),
        (3.0, -2.0, -6.0),
    ]


def test_only_hosts_that_filters_let_pass_are_drawn(make):
    pool = HostPool([host("full", 60000, vcpus_total=1, vcpus_used=16), host("free", 1, vcpus_total=1)])
    spec = RequestSpec(Flavor(vcpus=1))
    assert drawn(make("CoreFilter"), pool, 50, spec) == {"free": 50}


def test_no_host_is_a_refusal_as_always(make):
    with pytest.raises(NoValidHost, match="1 refused by RamFilter"):
        make("RamFilter").select_destinations(RequestSpec(Flavor(memory_mb=10**6)), [host("a", 1)])


def test_hosts_are_depleted_between_instances(make):
    # Whichever host is drawn first has the weight 0 then.
    spec = RequestSpec(Flavor(memory_mb=100), num_instances=2)
    hosts = [host("a", 100), host("b", 100)]
    for seed in range(30):
        chosen = make().select_destinations(spec, hosts, seed=seed)
        assert {one.host for one in chosen} == {"a", "b"}


def test_seed_of_a_decision_replays_it(make):
    pool = HostPool([host(f"h{nr}", 100 + nr) for nr in range(20)])
    spec = RequestSpec(Flavor(memory_mb=1), num_instances=8)
    first = make().select_destinations(spec, pool)
    again = make().select_destinations(spec, pool, seed=first[0].seed)
    assert [one.host for one in again] == [one.host for one in first]
    assert len({one.host for one in first}) > 1


def test_subset_size_and_shuffle_change_nothing(make):
    pool = HostPool([host(f"h{nr}", 100 + nr // 2) for nr in range(20)])
    other = make(host_subset_size=3, shuffle_best_same_weighed_hosts=True)
    assert drawn(other, pool, 50) == drawn(make(), pool, 50)


def test_alternates_are_the_other_hosts_by_weight(make):
    pool = HostPool([host("a", 1), host("b", 2), host("c", 3), host("d", 4)])
    for seed in range(10):
        (selection,) = make().select_destinations(NOTHING, pool, seed=seed, return_alternates=True)
        others = [name for name in "dcba" if name != selection.host]
        assert [other.host for other in selection.alternates] == others[:2]


def test_engine_draws_what_the_handlers_draw():
    conf = make_conf(weight_classes="RAMWeigher,CPUWeigher,IoOpsWeigher", enabled_filters="RamFilter,CoreFilter")
    chance = random.Random(7)
    hosts = [
        host(f"h{nr}", chance.randrange(8192), vcpus_total=32, vcpus_used=chance.randrange(32)) for nr in range(60)
    ]
    pool = HostPool(hosts)
    spec = RequestSpec(Flavor(memory_mb=300, vcpus=2), num_instances=25)
    for seed in range(5):
        plain, fast = (
            [
                (one.host, one.weight)
                for one in StochasticScheduler(conf, use_engine=engine).select_destinations(spec, pool, seed=seed)
            ]
            for engine in (False, True)
        )
        assert fast == plain


@pytest.mark.parametrize("driver", ["StochasticScheduler", "stochastic_scheduler"])
def test_driver_is_chosen_by_name(driver):
    assert type(scheduler_from(make_conf(scheduler_driver=driver))) is StochasticScheduler
