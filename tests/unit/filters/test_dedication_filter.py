"""DedicationFilter and DedicationWeigher, on both paths, against the rule as a plain loop."""

from __future__ import annotations

import random

import pytest

from filtersched import (
    Aggregate,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    Instance,
    InvalidHost,
    InvalidRequest,
    NoValidHost,
    RequestSpec,
    make_conf,
)

KEY = "filtersched:dedicated"
STRICT = Flavor(memory_mb=1, extra_specs={KEY: "strict"})
PREFERRED = Flavor(memory_mb=1, extra_specs={KEY: "preferred"})
SHARED = Flavor(memory_mb=1)


@pytest.fixture(params=[True, False], ids=["engine", "handlers"])
def use_engine(request):
    return request.param


def scheduler(use_engine, weighers="RAMWeigher", **options):
    conf = make_conf(enabled_filters="DedicationFilter", weight_classes=weighers, **options)
    return FilterScheduler(conf, use_engine=use_engine)


def host(name, *instances, dedicated=None, free=8):
    aggregates = [] if dedicated is None else [Aggregate("pool", {KEY: dedicated})]
    records = {f"{name}-{nr}": Instance(f"{name}-{nr}", project_id=project, flavor=flavor)
               for nr, (project, flavor) in enumerate(instances)}
    return HostState(name, free_ram_mb=free, total_usable_ram_mb=8, instances=records, num_instances=len(records),
                     aggregates=aggregates)


def passing(scheduler, spec, hosts):
    return [one.host for one in hosts if not scheduler.explain(spec, one).refused_by]


HOSTS = [
    host("empty"),
    host("own", ("p1", SHARED)),
    host("other", ("p2", SHARED)),
    host("kept", ("p2", STRICT)),
    host("own-kept", ("p1", STRICT)),
    host("pool-empty", dedicated="strict"),
    host("pool-own", ("p1", SHARED), dedicated="strict"),
    host("pool-other", ("p2", SHARED), dedicated="strict"),
    host("pool-soft", ("p2", SHARED), dedicated="preferred"),
    host("unknown", (None, SHARED)),
    host("unknown-kept", (None, STRICT)),
]
THERE = "it has 1 instances of other projects, such as"
FOR_ALL = ["empty", "own", "own-kept", "pool-empty", "pool-own"]
SHAREABLE = ["empty", "own", "other", "own-kept", "pool-empty", "pool-own", "pool-soft", "unknown"]


@pytest.mark.parametrize(("flavor", "left"), [(SHARED, SHAREABLE), (PREFERRED, SHAREABLE), (STRICT, FOR_ALL)])
def test_hosts_of_one_project_are_kept_from_others(use_engine, flavor, left):
    assert passing(scheduler(use_engine), RequestSpec(flavor, project_id="p1"), HOSTS) == left


def test_a_request_without_a_project_is_another_than_all(use_engine):
    left = passing(scheduler(use_engine), RequestSpec(STRICT), HOSTS)
    assert left == ["empty", "pool-empty"]


def test_the_first_project_keeps_a_host_until_its_last_instance_is_gone(use_engine):
    pool = HostPool([host("h1", dedicated="strict")])
    placing = scheduler(use_engine)
    mine = [placing.place(RequestSpec(SHARED, project_id="p1"), pool)[0] for _ in range(2)]
    for selection in mine:
        with pytest.raises(NoValidHost):
            placing.place(RequestSpec(SHARED, project_id="p2"), pool)
        pool.release(selection)
    assert placing.place(RequestSpec(SHARED, project_id="p2"), pool)[0].host == "h1"


def test_instances_of_one_request_share_a_host(use_engine):
    pool = HostPool([host("h1", dedicated="strict")])
    chosen = scheduler(use_engine).place(RequestSpec(STRICT, project_id="p1", num_instances=3), pool)
    assert [one.host for one in chosen] == ["h1", "h1", "h1"]


@pytest.mark.parametrize(
    ("name", "flavor", "said"),
    [
        ("kept", SHARED, "project 'p2' keeps it by the flavor of instance kept-0"),
        ("pool-other", SHARED, f"is in a dedicated aggregate: {THERE} pool-other-0 of 'p2'"),
        ("other", STRICT, f"the flavor wants a host alone: {THERE} other-0 of 'p2'"),
    ],
)
def test_a_refusal_says_who_keeps_the_host(use_engine, name, flavor, said):
    (one,) = [one for one in HOSTS if one.host == name]
    (verdict,) = scheduler(use_engine).explain(RequestSpec(flavor, project_id="p1"), one).verdicts
    assert str(verdict) == f"DedicationFilter: {said}"


def test_a_wrong_word_in_a_flavor_is_an_error(use_engine):
    spec = RequestSpec(Flavor(extra_specs={KEY: "yes"}))
    with pytest.raises(InvalidRequest, match=r"filtersched:dedicated must be 'strict' or 'preferred', not 'yes'"):
        scheduler(use_engine).select_destinations(spec, [host("a"), host("b")])


def test_a_wrong_word_in_an_aggregate_is_an_error_that_names_it(use_engine):
    hosts = [host("a", dedicated="yes"), host("b")]
    with pytest.raises(InvalidHost, match=r"aggregate 'pool': filtersched:dedicated must be 'strict'"):
        scheduler(use_engine).select_destinations(RequestSpec(), hosts)


def literally(spec, one):
    """The rule as one plain loop over the instances."""
    strict = any(aggregate.metadata.get(KEY) == "strict" for aggregate in one.aggregates)
    strict = strict or spec.flavor.extra_specs.get(KEY) == "strict"
    others = 0
    for instance in one.instances.values():
        if instance.project_id is None or instance.project_id != spec.project_id:
            others += 1
            strict = strict or instance.flavor.extra_specs.get(KEY) == "strict"
    return others == 0 or not strict


def test_random_hosts_are_refused_as_the_plain_rule_says(use_engine):
    chance = random.Random(20260131)
    flavors, projects = (SHARED, PREFERRED, STRICT), ("p1", "p2", "p3", None)
    placing = scheduler(use_engine)
    for _round in range(40):
        hosts = []
        for nr in range(12):
            instances = [(chance.choice(projects), chance.choice(flavors)) for _ in range(chance.choice((0, 1, 1, 3)))]
            hosts.append(host(f"h{nr}", *instances, dedicated=chance.choice((None, None, "strict", "preferred"))))
        spec = RequestSpec(chance.choice(flavors), project_id=chance.choice(projects), num_instances=1)
        expected = [one.host for one in hosts if literally(spec, one)]
        try:
            alternates = placing.select_destinations(spec, hosts, return_alternates=True)
            steps = alternates[0].explanation.left
        except NoValidHost:
            steps = 0
        assert passing(placing, spec, hosts) == expected
        assert steps == len(expected)


def test_the_preferred_form_weighs(use_engine):
    weighing = scheduler(use_engine, "DedicationWeigher", dedication_weight_multiplier=1.0)
    hosts = [host("full", ("p2", SHARED), ("p2", SHARED)), host("some", ("p2", SHARED)), host("own", ("p1", SHARED))]
    for flavor, chosen in ((PREFERRED, "own"), (SHARED, "full")):
        (selection,) = weighing.select_destinations(RequestSpec(flavor, project_id="p1"), hosts)
        assert selection.host == chosen


def test_an_aggregate_may_prefer_too(use_engine):
    weighing = scheduler(use_engine, "DedicationWeigher", dedication_weight_multiplier=1.0)
    hosts = [host("other", ("p2", SHARED), dedicated="preferred"), host("own", ("p1", SHARED), dedicated="preferred")]
    assert weighing.select_destinations(RequestSpec(SHARED, project_id="p1"), hosts)[0].host == "own"


def test_by_default_the_weigher_changes_nothing(use_engine):
    weighing = scheduler(use_engine, "all_weighers")
    hosts = [host("other", ("p2", SHARED), free=8), host("own", ("p1", SHARED), free=4)]
    assert weighing.select_destinations(RequestSpec(PREFERRED, project_id="p1"), hosts)[0].host == "other"
