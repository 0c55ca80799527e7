"""A profile decides as the plain handlers of a configuration do whose main values are the profile's.

A story is a pool and some requests in a row, each of which chooses one of three configurations.
"""

import random

import pytest

from filtersched import HostPool, NoValidHost
from tests.differential import cases

STORIES = 80
KEY = "filtersched:profile"


def answer(scheduler, spec, pool, case, **how):
    """What is decided, and committed."""
    try:
        chosen = scheduler.select_destinations(
            spec, pool, case["request"]["uuids"], return_alternates=True, seed=case["seed"], **how
        )
    except NoValidHost as refusal:
        return None, refusal.index, refusal.explanation.refused
    pool.commit(chosen)
    return [(one.host, one.nodename, one.weight, one.limits, one.alternates) for one in chosen], len(chosen), None


@pytest.mark.parametrize("part", range(4))
def test_requests_that_choose_profiles_are_decided_as_by_the_plain_handlers(part):
    chance = random.Random(f"profiles {part}")
    placed = 0
    for _story in range(STORIES // 4):
        drawn = [cases.make_case(chance) for _ in range(6)]
        confs = {"default": drawn[0]["conf"], "one": drawn[1]["conf"], "two": drawn[2]["conf"]}
        scheduler = cases.scheduler_of(confs["default"], profiles={name: confs[name] for name in ("one", "two")})
        plain = {name: cases.scheduler_of(conf, use_engine=False) for name, conf in confs.items()}
        hosts = {(one["host"], one["nodename"]): one for one in drawn[0]["hosts"]}.values()
        pool, other = (HostPool(cases.hosts_of({"hosts": hosts})) for _ in range(2))
        for number, case in enumerate(drawn):
            name, how = chance.choice(list(confs)), {}
            uuids = [f"{number}-{uuid}" for uuid in case["request"]["uuids"]]
            case = {**case, "request": {**case["request"], "uuids": uuids}}
            asked = cases.spec_of(case["request"])
            way = chance.randrange(3)
            if way == 0:
                how = {"profile": name}
            elif way == 1:
                flavor = dict(asked.flavor)
                asked.flavor = {**flavor, "extra_specs": {**flavor.get("extra_specs", {}), KEY: name}}
            else:
                asked.scheduler_hints = {**asked.scheduler_hints, KEY: name}
            expected = answer(plain[name], cases.spec_of(case["request"]), other, case)
            assert answer(scheduler, asked, pool, case, **how) == expected
            placed += expected[0] is not None
    assert placed > STORIES // 4
