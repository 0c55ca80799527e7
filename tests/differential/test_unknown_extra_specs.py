"""Extra specs that no host knows have the same cached answers, until a host knows them."""

import random

import pytest

from filtersched import FilterScheduler, Flavor, HostPool, HostState, RequestSpec, make_conf
from filtersched.engine.filtering import Verdicts
from filtersched.engine.plugin_evaluator import evaluator
from filtersched.engine.request_keys import RequestKeys
from filtersched.filters.base import BaseHostFilter
from filtersched.filters.compute_capabilities_filter import ComputeCapabilitiesFilter
from filtersched.filters.compute_filter import ComputeFilter

NAMES = ("gpu", "disk", "fast", "cores")
KEYS = (*NAMES, *(f"capabilities:{name}" for name in NAMES), "capabilities:gpu:model", "a:b", "_x")
VALUES = ("1", "2", ">= 2", "<or> 1 <or> 2", "== x", "s== 1", "<in> 1")


class Host(HostState):
    """A host that may be given any attribute."""


def pool_of(hosts):
    return HostPool(Host(f"h{nr}", **host) for nr, host in enumerate(hosts))


def answer(scheduler, pool, extra_specs):
    """The hosts that pass, or what was raised."""
    try:
        chosen = scheduler.select_destinations(RequestSpec(Flavor(extra_specs=extra_specs)), pool, seed=1)
        return [(one.host, one.explanation.step_counts()) for one in chosen]
    except Exception as problem:
        return type(problem), str(problem)


@pytest.mark.parametrize("seed", range(4))
def test_engine_and_handlers_agree_while_hosts_learn_and_forget_names(seed):
    chance = random.Random(seed)
    filters = ["ComputeFilter", "ComputeCapabilitiesFilter"]
    made = [FilterScheduler(make_conf(enabled_filters=filters), use_engine=on) for on in (True, False)]
    pools = [pool_of([{} for _ in range(6)]) for _ in made]
    for _ in range(80):
        host, name = f"h{chance.randrange(6)}", chance.choice(NAMES)
        value = chance.choice([{}, {name: "1"}, {name: 2}, {name: "text"}])
        change = chance.choice(["stats", "capabilities", "attribute", "none"])
        for pool in pools:
            if change == "attribute":
                setattr(pool[host], name, value.get(name))
            elif change != "none":
                pool.update(host, **{change: value})
        extra_specs = {key: chance.choice(VALUES) for key in chance.sample(KEYS, chance.randrange(3))}
        assert answer(made[0], pools[0], extra_specs) == answer(made[1], pools[1], extra_specs)


@pytest.mark.parametrize("kind", [ComputeFilter, ComputeCapabilitiesFilter])
def test_extra_specs_that_no_host_knows_have_one_key(kind):
    rows = pool_of([{"stats": {"known": 1}, "capabilities": {"known": 1}}]).rows
    asked = evaluator(kind(), "host_passes", BaseHostFilter, (), Verdicts())
    keys = [
        asked.key(RequestKeys(RequestSpec(Flavor(extra_specs=extra_specs)), rows))
        for extra_specs in ({"acme_1": "1"}, {"acme_2": ">= 2"}, {"known": "1"}, {"capabilities:acme_1": "1"}, {})
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4
