"""Repairing what units answer, balancers, and what is asked of the library's units."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filtersched.ovirt import answers
from filtersched.ovirt.balancers import EvenVmDistribution, MemoryDistribution
from filtersched.ovirt.documents import Known, parse
from filtersched.ovirt.errors import OvirtError, UnitError

MIB = 1 << 20
VM = "33333333-3333-4333-8333-333333333333"
RAW = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=8,
)


@settings(deadline=None)
@given(RAW)
def test_a_filter_answer_is_a_part_of_the_hosts_or_a_unit_error(raw):
    try:
        passed = answers.passed_hosts(raw, ["a", "b", "c"])
    except UnitError:
        return
    assert passed == [host for host in "abc" if host in raw]


@settings(deadline=None)
@given(RAW | st.lists(st.tuples(st.sampled_from("abx"), st.integers() | st.floats() | st.text())))
def test_scores_are_ints_of_32_bits_for_asked_hosts_or_a_unit_error(raw):
    try:
        scored, _said = answers.scores(raw, ["a", "b"])
    except UnitError:
        return
    assert scored.keys() <= {"a", "b"}
    assert all(type(score) is int and -(2**31) <= score < 2**31 for score in scored.values())


@settings(deadline=None)
@given(RAW | st.tuples(st.just(VM), RAW))
def test_a_migration_is_nothing_or_a_uuid_and_asked_hosts(raw):
    try:
        vm, hosts, _said = answers.migration(raw, ["a", "b"])
    except UnitError:
        return
    assert (vm == "" and hosts == []) or (vm == VM and set(hosts) <= {"a", "b"})


@pytest.mark.parametrize("nothing", [[], (), {}, "", None, ("", []), ["  ", ["a"]]])
def test_a_balancer_may_say_nothing_in_many_ways(nothing):
    assert answers.migration(nothing, ["a"]) == ("", [], [])


def test_of_several_vms_the_first_is_used_and_that_is_said():
    vm, hosts, said = answers.migration({VM: ["a"], "44444444-3333-4333-8333-333333333333": ["a"]}, ["a"])
    assert (vm, hosts, said) == (VM, ["a"], ["answered 2 VMs, of which only the first is used"])


def test_scores_may_be_a_map():
    assert answers.scores({"b": 2, "a": 1}, ["a", "b"]) == ({"b": 2, "a": 1}, [])


def test_a_unit_error_carries_the_unit():
    error = OvirtError("broken", unit="Memory")
    assert (str(error), error.unit) == ("broken", "Memory")


def known(hosts: dict[str, tuple[int, int, str]], vms: dict[str, list[tuple[str, int]]]) -> Known:
    """Hosts as id -> (MiB, MiB free, state), VMs as host -> [(id, MiB)]."""
    elements = {
        id: parse(
            f"<host id='{id}'><memory>{memory * MIB}</memory>"
            f"<max_scheduling_memory>{free * MIB}</max_scheduling_memory><status>{state}</status></host>"
        )
        for id, (memory, free, state) in hosts.items()
    }
    running = {
        host: [parse(f"<vm id='{id}'><memory>{memory * MIB}</memory><status>up</status></vm>") for id, memory in some]
        for host, some in vms.items()
    }
    return Known(hosts, elements=elements, running=running)


def balance(balancer, given: Known, **properties: str):
    running = {host: given.running_on(host) for host in given.hosts}
    return balancer.balance(given.entities(), running, properties)


FULL, EMPTY = (8192, 0, "up"), (8192, 8192, "up")


def three(count: int) -> list[tuple[str, int]]:
    return [(f"v{number}", 100 + number) for number in range(count)]


@pytest.mark.parametrize(
    ("high", "threshold", "moved"),
    [("3", "3", ("v0", ["b"])), ("3", "4", ("", [])), ("4", "3", ("", [])), ("0", "0", ("v0", ["b"]))],
)
def test_even_distribution_moves_at_the_counts_set_and_not_below(high, threshold, moved):
    given = known({"a": FULL, "b": EMPTY}, {"a": three(3)})
    assert balance(EvenVmDistribution(), given, HighVmCount=high, MigrationThreshold=threshold) == moved


def test_even_distribution_never_swaps_the_roles_of_two_hosts():
    given = known({"a": EMPTY, "b": EMPTY}, {"a": three(2), "b": three(1)})
    assert balance(EvenVmDistribution(), given, HighVmCount="0", MigrationThreshold="0") == ("", [])


def test_hosts_that_are_not_up_or_have_no_room_are_no_targets():
    hosts = {"a": FULL, "b": (8192, 8192, "maintenance"), "c": (8192, 99, "up"), "d": (8192, 100, "up")}
    given = known(hosts, {"a": three(9)})
    assert balance(EvenVmDistribution(), given, HighVmCount="5", MigrationThreshold="5") == ("v0", ["d"])


def test_a_pinned_vm_stays():
    given = known({"a": FULL, "b": EMPTY}, {})
    placed = "<placement_policy><affinity>{}</affinity></placement_policy>"
    given.running = {
        "a": [
            parse(f"<vm id='{id}'><memory>1</memory><status>up</status>{placed.format(id)}</vm>")
            for id in ("pinned", "user_migratable", "migratable")
        ]
    }
    assert balance(EvenVmDistribution(), given, HighVmCount="2", MigrationThreshold="2") == ("migratable", ["b"])


@pytest.mark.parametrize(("percent", "moved"), [("79", ("v0", ["b"])), ("80", ("", [])), ("", ("", []))])
def test_memory_distribution_moves_above_the_share_set(percent, moved):
    given = known({"a": (1000, 200, "up"), "b": (1000, 900, "up")}, {"a": three(2)})
    assert balance(MemoryDistribution(), given, MaxUsedMemoryPercent=percent) == moved


def test_memory_distribution_never_overfills_the_target():
    given = known({"a": (1000, 100, "up"), "b": (1000, 299, "up")}, {"a": three(1)})
    assert balance(MemoryDistribution(), given, MaxUsedMemoryPercent="80") == ("", [])


@pytest.mark.parametrize("balancer", [EvenVmDistribution(), MemoryDistribution()])
def test_balancers_of_no_hosts_move_nothing(balancer):
    assert balance(balancer, known({}, {})) == ("", [])


def test_a_property_that_is_no_number_is_a_unit_error():
    with pytest.raises(UnitError, match="HighVmCount is 'many'"):
        balance(EvenVmDistribution(), known({"a": FULL}, {}), HighVmCount="many")
