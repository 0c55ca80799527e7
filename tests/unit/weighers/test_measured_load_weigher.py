"""MeasuredLoadWeigher: what a host reported, and what was placed since."""

import math
import random
import statistics
from datetime import datetime, timedelta

import pytest

from filtersched import (
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InvalidHost,
    InvalidRequest,
    RequestSpec,
    make_conf,
)

NOON = datetime(2026, 1, 31, 12)


@pytest.fixture(params=[True, False], ids=["engine", "handlers"])
def use_engine(request):
    return request.param


def scheduler(use_engine=True, classes="MeasuredLoadWeigher", **options):
    options = {"measured_load_weight_multiplier": 1.0, **options}
    return FilterScheduler(
        make_conf(enabled_filters="AllHostsFilter", weight_classes=classes, **options), use_engine=use_engine
    )


def spec(vcpus=1, count=1):
    return RequestSpec(Flavor(vcpus=vcpus), num_instances=count)


def pool_of(*loads):
    pool = HostPool(HostState(f"h{at}", metrics={"cpu.percent": load}) for at, load in enumerate(loads))
    pool.clock = lambda: NOON
    return pool


def loads_of(made, pool):
    (weigher,) = made.weighers
    return [-weigher._weigh_object(host, spec()) for host in pool]


def hosts(selections):
    return [one.host for one in selections]


def test_twelve_instances_do_not_all_go_to_the_host_that_is_five_points_better(use_engine):
    pool = pool_of(40, *[45] * 11)
    chosen = hosts(scheduler(use_engine).select_destinations(spec(count=12), pool))
    assert chosen == ["h0", "h0", "h0", *(f"h{at}" for at in range(1, 10))]
    greedy = scheduler(use_engine, "MetricsWeigher", metrics_weight_setting="cpu.percent=-1.0")
    greedy = greedy.select_destinations(spec(count=12), pool)
    assert hosts(greedy) == ["h0"] * 12


def test_twelve_requests_one_after_another_spread_as_one_request_does(use_engine):
    together, apart = pool_of(40, 45, 47, 48), pool_of(40, 45, 47, 48)
    made = scheduler(use_engine)
    made.place(spec(count=12), together)
    for _ in range(12):
        made.place(spec(), apart)
    assert sorted(loads_of(made, together)) == sorted(loads_of(made, apart)) == [50, 51, 51, 52]


def test_load_is_the_mean_and_a_share_of_the_deviation_of_the_last_reports():
    pool, made = pool_of(50, 50), scheduler(measured_load_reports=4, measured_load_deviation_share=0.5)
    made.select_destinations(spec(), pool)
    for load in (90, 10, 30, 10, 30):
        pool.report("h0", metrics={"cpu.percent": load})
    assert pool["h0"].metric_history == {"cpu.percent": [10, 30, 10, 30]}
    assert loads_of(made, pool) == [20 + 0.5 * 10, 50]


def test_report_measures_what_was_placed_before_it_and_not_what_came_after():
    pool, made = pool_of(50), scheduler()
    made.place(spec(4), pool)
    assert loads_of(made, pool) == [50 + 2 * 4]
    pool.clock = lambda: NOON + timedelta(minutes=2)
    made.place(spec(8), pool)
    pool.report("h0", metrics={"cpu.percent": 60}, observed_at=NOON + timedelta(minutes=1))
    assert loads_of(made, pool) == [60 + 2 * 8]
    pool.report("h0", free_ram_mb=5)
    assert loads_of(made, pool) == [60 + 2 * 8]


def test_instance_that_leaves_is_expected_to_add_nothing_if_it_was_not_measured_yet():
    pool, made = pool_of(50), scheduler()
    (measured,) = made.place(spec(4), pool)
    pool.clock = lambda: NOON + timedelta(minutes=1)
    pool.report("h0", metrics={"cpu.percent": 60})
    pool.clock = lambda: NOON + timedelta(minutes=2)
    (later,) = made.place(spec(8), pool)
    pool.release(measured)
    assert loads_of(made, pool) == [60 + 2 * 8]
    pool.release(later.instance_uuid)
    assert loads_of(made, pool) == [60]


@pytest.mark.parametrize("assign", [False, True])
def test_new_metrics_of_a_host_count_as_a_report(assign):
    pool, made = pool_of(50), scheduler()
    made.place(spec(4), pool)
    if assign:
        pool["h0"].metrics = {"cpu.percent": 30}
    else:
        pool.update("h0", metrics={"cpu.percent": 30})
    assert pool["h0"].metric_history == {"cpu.percent": [30]}
    assert loads_of(made, pool) == [30]


def test_older_report_is_not_remembered():
    pool, made = pool_of(50), scheduler()
    pool.keep_metrics({"cpu.percent": 3})
    pool.report("h0", metrics={"cpu.percent": 30})
    pool.report("h0", metrics={"cpu.percent": 90}, observed_at=NOON - timedelta(minutes=1))
    assert loads_of(made, pool) == [30]


def test_host_whose_last_report_lacks_the_metric_has_the_load_of_the_option(use_engine):
    made = scheduler(use_engine, measured_load_unknown=45.0)
    pool = pool_of(40, 50)
    pool.keep_metrics({"cpu.percent": 3})
    pool.report("h0", metrics={"cpu.percent": 20})
    pool.report("h0", metrics={"net": 1})
    assert loads_of(made, pool) == [45, 50]
    assert hosts(made.select_destinations(spec(), pool)) == ["h0"]


@pytest.mark.parametrize("options", [{"measured_load_weight_multiplier": 0.0}, {"measured_load_metric": ""}])
def test_pool_keeps_nothing_for_a_weigher_that_has_no_say(options):
    pool, made = pool_of(50), scheduler(**options)
    made.place(spec(), pool)
    pool.report("h0", metrics={"cpu.percent": 60})
    assert pool.kept_metrics == {}
    assert pool["h0"].metric_history == {}
    assert pool["h0"].measured_at is None


def test_two_schedulers_keep_the_longer_of_what_they_want():
    pool = pool_of(50)
    scheduler(measured_load_reports=3).select_destinations(spec(), pool)
    short = scheduler(measured_load_reports=2)
    short.select_destinations(spec(), pool)
    for load in (10, 20, 40, 60):
        pool.report("h0", metrics={"cpu.percent": load})
    assert pool["h0"].metric_history == {"cpu.percent": [20, 40, 60]}
    assert loads_of(short, pool) == [50 + 0.5 * 10]


def test_saved_pool_goes_on_with_what_it_remembers(tmp_path):
    pool, made = pool_of(50, 60), scheduler(measured_load_reports=3)
    made.place(spec(), pool)
    for load in (10, 30):
        pool.report("h1", metrics={"cpu.percent": load})
    made.place(spec(2), pool)
    pool.save(tmp_path / "pool")
    loaded = HostPool.load(tmp_path / "pool")
    assert loads_of(made, loaded) == loads_of(made, pool) == [50 + 2, 20 + 0.5 * 10 + 2 * 2]
    loaded.clock = pool.clock
    for one in (pool, loaded):
        one.report("h1", metrics={"cpu.percent": 20})
    assert loaded["h1"].metric_history == pool["h1"].metric_history == {"cpu.percent": [10, 30, 20]}


@pytest.mark.parametrize("kept", [5, {"cpu": 0}, {"cpu": True}, {"cpu": 1001}, {"": 1}, {1: 1}])
def test_wrong_metrics_to_keep_are_refused_by_field(kept):
    with pytest.raises(InvalidRequest) as caught:
        pool_of(50).keep_metrics(kept)
    assert caught.value.field == "metrics"


@pytest.mark.parametrize("history", [5, {"cpu": 5}, {"cpu": ["a"]}, {1: [1]}, {"cpu": [math.nan]}])
def test_history_that_cannot_be_is_an_error_by_host_and_attribute(history):
    with pytest.raises(InvalidHost) as caught:
        HostState("a", metric_history=history)
    assert (caught.value.host, caught.value.attribute) == ("a", "metric_history")


def plainly(host, seen, since, reports, share, per_vcpu):
    """The load of a host by the rule: `seen` are its values, `since` the vCPUs placed after the last."""
    if not seen:
        return 100.0
    last = seen[-reports:]
    return statistics.fmean(last) + share * statistics.pstdev(last) + per_vcpu * since


@pytest.mark.parametrize("seed", range(20))
def test_random_reports_and_placements_weigh_what_the_plain_rule_says(use_engine, seed):
    rng = random.Random(seed)
    reports, share, per_vcpu = rng.choice([1, 2, 5]), rng.choice([0.0, 0.5, 2.0]), rng.choice([0.0, 0.5, 3.0])
    made = scheduler(
        use_engine,
        measured_load_reports=reports,
        measured_load_deviation_share=share,
        measured_load_per_vcpu=per_vcpu,
    )
    pool = HostPool(HostState(f"h{at}") for at in range(5))
    pool.keep_metrics({"cpu.percent": reports})
    now = [NOON]
    pool.clock = lambda: now[0]
    seen = {host.host: [] for host in pool}
    # When the last report of each host was made; and what is where, how large, and since when.
    measured, placed = {}, {}

    def expected():
        loads = {}
        for host in pool:
            here = [one for one in placed.values() if one[0] == host.host]
            since = sum(vcpus for _host, vcpus, when in here if when > measured.get(host.host, NOON))
            loads[host.host] = plainly(host, seen[host.host], since, reports, share, per_vcpu)
        return loads

    for _ in range(40):
        now[0] += timedelta(seconds=10)
        act = rng.randrange(4)
        if act == 0:
            name = f"h{rng.randrange(5)}"
            when = now[0] - timedelta(seconds=rng.choice([0, 0, 15]))
            if when >= measured.get(name, NOON):
                measured[name] = when
                seen[name].append(rng.randrange(0, 100))
                pool.report(name, metrics={"cpu.percent": seen[name][-1]}, observed_at=when)
        elif act == 1 and placed:
            uuid = rng.choice(sorted(placed))
            del placed[uuid]
            pool.release(uuid)
        else:
            vcpus = rng.choice([1, 2, 4])
            for selection in made.place(spec(vcpus, rng.choice([1, 3])), pool):
                loads = expected()
                # Ties go to any; the weights are equal then.
                assert loads[selection.host] == pytest.approx(min(loads.values()))
                placed[selection.instance_uuid] = (selection.host, vcpus, now[0])
        assert loads_of(made, pool) == pytest.approx(list(expected().values()))
