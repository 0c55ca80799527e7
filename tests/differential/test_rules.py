"""The library decides as the literal restatement of the rules does: hosts, order, weights, everything."""

import os
import random

import pytest
from hypothesis import HealthCheck, given, settings

from filtersched.hosts.host_pool import HostPool
from tests.differential import cases, oracle

# How many cases are made; more by FILTERSCHED_EXAMPLES=100000.
EXAMPLES = int(os.environ.get("FILTERSCHED_EXAMPLES", "4000"))
BATCHES = 8


def by_the_rules(case):
    expected = oracle.decide(case)
    if "failed" in expected:
        # A refusal tells of the instance that found no host, and of no other.
        expected["steps"] = expected["steps"][-1:]
    return expected


def assert_agree(made, use_engine):
    for case, scheduler in made:
        if cases.decide(case, scheduler=scheduler) != by_the_rules(case):
            small = cases.smaller(case, lambda one: afresh(one, use_engine) != by_the_rules(one))
            assert afresh(small, use_engine) == by_the_rules(small), small
            assert cases.decide(case, scheduler=scheduler) == by_the_rules(case), case


def afresh(case, use_engine):
    """What the library decides with a scheduler that has decided nothing before."""
    return cases.decide(case, scheduler=cases.scheduler_of(case["conf"], use_engine))


with_and_without_engine = pytest.mark.parametrize("use_engine", [False, True], ids=["handlers", "engine"])


@with_and_without_engine
@settings(max_examples=max(100, EXAMPLES // 40), deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases.cases())
def test_what_hypothesis_makes_up_is_decided_by_the_rules(use_engine, case):
    assert afresh(case, use_engine) == by_the_rules(case)


@with_and_without_engine
@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_list_of_hosts_is_decided_by_the_rules(use_engine, batch):
    made = cases.make_cases(random.Random(batch), EXAMPLES // BATCHES, use_engine=use_engine)
    assert_agree(made, use_engine)


@with_and_without_engine
def test_larger_clusters_and_requests_are_decided_by_the_rules(use_engine):
    made = cases.make_cases(
        random.Random(99), EXAMPLES // 20, use_engine=use_engine, largest=60, most_instances=40
    )
    assert_agree(made, use_engine)


def test_the_cases_are_worth_deciding():
    outcomes = [oracle.decide(case) for case in (cases.make_case(random.Random(nr)) for nr in range(1000))]
    placed = [one for one in outcomes if "chosen" in one]
    assert len(placed) > 400
    assert sum(1 for one in placed if len({host["host"] for host in one["chosen"]}) > 1) > 150
    assert sum(1 for one in placed if any(host["weight"] for host in one["chosen"])) > 250
    assert sum(1 for one in placed if any(host["alternates"] for host in one["chosen"])) > 100
    assert sum(1 for one in outcomes if one.get("failed", 0) > 0) > 20
    ran = [step for one in outcomes for steps in one["steps"] for step in steps]
    assert {step[0] for step in ran if 0 < step[2] < step[1]} == set(oracle.FILTERS) - {"AllHostsFilter"}


@pytest.mark.parametrize("batch", range(2))
def test_a_decision_without_a_seed_is_replayed_by_the_one_it_recorded(batch):
    for case, scheduler in cases.make_cases(random.Random(batch), EXAMPLES // 16):
        decided = cases.decide({**case, "seed": None}, scheduler=scheduler)
        if "chosen" in decided:
            assert decided == by_the_rules({**case, "seed": decided.pop("seed")})


@with_and_without_engine
@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_pool_is_decided_by_the_rules_through_commits_releases_and_changes(use_engine, batch):
    chance = random.Random(1000 + batch)
    decided = 0
    while decided < EXAMPLES // BATCHES:
        first = cases.make_case(chance, largest=10)
        facts = list({(host["host"], host["nodename"]): host for host in first["hosts"]}.values())
        pool = HostPool(cases.hosts_of({"hosts": facts}))
        scheduler = cases.scheduler_of(first["conf"], use_engine)
        kept = []
        for nr in range(12):
            decided += 1
            facts = _something_happens(chance, facts, pool, kept)
            request = _unlike_any_before(cases.make_case(chance)["request"], nr)
            case = {"hosts": facts, "request": request, "conf": first["conf"], "seed": nr}
            assert cases.decide(case, pool, scheduler) == by_the_rules(case)
            assert [_facts(host) for host in pool] == [_as_kept(host) for host in facts]
            facts = _place(case, pool, scheduler, kept)


def _unlike_any_before(request, nr):
    """The request with instances of its own names, since an instance is somewhere once."""
    count = len(request["uuids"]) or request["num_instances"]
    return {**request, "uuids": [f"r{nr}-{at}" for at in range(count)]}


def _place(case, pool, scheduler, kept):
    """Place the request of a case, if it can be; returns the hosts as they are then."""
    decision = oracle.decide(case)
    if "failed" in decision:
        return case["hosts"]
    uuids = case["request"]["uuids"]
    spec = cases.spec_of(case["request"])
    selections = scheduler.place(spec, pool, uuids, seed=case["seed"])
    kept.append((selections, case["request"], decision["chosen"]))
    return oracle.committed(case["hosts"], case["request"], decision["chosen"], uuids)


def _something_happens(chance, facts, pool, kept):
    """Instances leave, or hosts change by plain assignment; returns the hosts as they are then."""
    if kept and chance.random() < 0.3:
        selections, request, chosen = kept.pop(chance.randrange(len(kept)))
        pool.release(selections)
        facts = oracle.released(facts, request, chosen, request["uuids"])
    changes = {
        "free_ram_mb": (0, 2048),
        "vcpus_total": (0, 4),
        "num_io_ops": (0, 5),
        "cpu_allocation_ratio": (None, 2.0),
        "aggregates": ([], [{"name": "new", "metadata": {"ram_weight_multiplier": "-3", "availability_zone": "az1"}}]),
        "service": ({}, {"disabled": True}),
    }
    changed = []
    for host in facts:
        if chance.random() < 0.1:
            name = chance.choice(sorted(changes))
            value = chance.choice(changes[name])
            setattr(pool[host["host"], host["nodename"]], name, value)
            host = {**host, name: value}
        changed.append(host)
    return changed


_COUNTED = ("host", "nodename", "free_ram_mb", "free_disk_mb", "vcpus_used", "num_instances", "num_io_ops")


def _facts(host):
    return [getattr(host, name) for name in _COUNTED] + [sorted(host.instances)]


def _as_kept(host):
    return [host[name] for name in _COUNTED] + [sorted(host["instances"])]
