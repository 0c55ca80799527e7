"""What a pool keeps for look-ups follows every change of its hosts, and hosts that come and go."""

import random

import pytest

from filtersched.columns.column import Column, NotVectorizable
from filtersched.hosts import look_ups
from filtersched.hosts.domains import DomainKey
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState

LOOK_UPS = [
    look_ups.Item("stats", "a"),
    look_ups.Item("stats", "a", float),
    look_ups.Item("capabilities", "b"),
    look_ups.HasKey("stats", "a"),
    look_ups.HasKey("capabilities", "b"),
    look_ups.HasAttribute("acme"),
    look_ups.HasAttribute("stats"),
    look_ups.HasAttribute("copy"),
    look_ups.HasAttribute("nobody"),
    look_ups.IsNode((("h1", None), ("h2", "h2"), ("h3", "other"))),
    look_ups.InstancesWith("project_id", "p"),
    look_ups.InstancesWith("project_id", None),
    look_ups.InstancesWith("instance_type_id", 1),
    look_ups.InstancesWith("user_id", "nobody"),
    look_ups.Instances(),
]


def parts(chance):
    return {
        "stats": chance.choice([{}, {"a": 1}, {"a": 2.5, "c": 1}, {"a": None}, {"c": "x"}]),
        "capabilities": chance.choice([{}, {"b": True}, {"b": 3}, {"b": "text"}]),
        "instances": {
            f"i{chance.randrange(10**6)}": {
                "project_id": chance.choice(["p", "q", None]),
                "instance_type_id": chance.choice([1, 2, "1", None]),
            }
            for _ in range(chance.randrange(6))
        },
    }


def answer(look_up, pool):
    """The answers of all hosts on columns; None where columns cannot tell."""
    try:
        found = pool.rows.look_up(look_up)
    except NotVectorizable:
        return None
    if type(found) is not Column:
        return [found] * len(pool)
    missing = [False] * len(pool) if found.missing is None else found.missing.tolist()
    return [None if gap else value for value, gap in zip(found.values.tolist(), missing, strict=True)]


@pytest.mark.parametrize("seed", range(12))
def test_look_up_on_columns_is_that_of_each_host_after_every_change(seed):
    chance = random.Random(seed)
    pool = HostPool(HostState(f"h{nr}", **parts(chance)) for nr in range(chance.choice([1, 5, 30])))
    told = 0
    for nr in range(60):
        for look_up in chance.sample(LOOK_UPS, 6):
            found = answer(look_up, pool)
            if found is not None:
                told += 1
                assert found == [look_up.of(host) for host in pool]
        for _ in range(chance.choice([0, 1, 2, 9])):
            host = chance.choice(list(pool))
            kind = chance.randrange(6)
            if kind == 0:
                pool.add(HostState(f"n{nr}-{chance.random()}", **parts(chance)))
            elif kind == 1 and len(pool) > 1:
                pool.remove(host.host)
            elif kind == 2:
                host.acme = 1
            else:
                pool.update(host.host, **dict(chance.sample(sorted(parts(chance).items()), 2)))
    assert told > 200


asked_about = []


def noted(value):
    asked_about.append(value)
    return value


def test_what_is_kept_outlives_hosts_that_come_and_go():
    pool = HostPool(HostState(f"h{nr}", stats={"a": nr}) for nr in range(5))
    look_up = look_ups.Item("stats", "a", noted)
    pool.rows.look_up(look_up)
    asked_about.clear()
    pool.add(HostState("n", stats={"a": 7}))
    pool.remove("h1")
    assert pool.rows.look_up(look_up).values.tolist() == [0, 2, 3, 4, 7]
    assert asked_about == [7]


def test_services_that_differ_in_their_heartbeats_are_told_apart_by_their_zones_only():
    services = [{"last_seen_up": f"2026-01-31T12:00:{nr:02}", "availability_zone": f"az{nr % 2}"} for nr in range(60)]
    pool = HostPool(HostState(f"h{nr}", service=service) for nr, service in enumerate(services))
    key = DomainKey("zone", "nova")
    assert key.of_codes(pool.rows.codes(key.names)).each == [("az0",), ("az1",)]


def test_an_item_of_what_has_none_is_asked_of_each_host():
    rows = HostPool([HostState("h1", metrics={"load": 1}), HostState("h2")]).rows
    with pytest.raises(NotVectorizable):
        rows.look_up(look_ups.Item("metrics", "load"))
    assert look_ups.may_have(rows, "metrics", "load")
