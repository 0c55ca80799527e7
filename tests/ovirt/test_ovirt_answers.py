"""Repairing what units answer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filtersched.ovirt import answers
from filtersched.ovirt.errors import UnitError

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
        passed, _notes = answers.passed_hosts(raw, ["a", "b", "c"])
    except UnitError:
        return
    assert passed == [host for host in "abc" if host in raw]


@settings(deadline=None)
@given(RAW | st.lists(st.tuples(st.sampled_from("abx"), st.integers() | st.floats() | st.text())))
def test_scores_are_ints_of_32_bits_for_all_asked_hosts_or_a_unit_error(raw):
    try:
        scored, _notes, _usable = answers.scores(raw, ["a", "b"], 1000)
    except UnitError:
        return
    assert list(scored) == ["a", "b"]
    assert all(type(score) is int and -(2**31) <= score < 2**31 for score in scored.values())


@settings(deadline=None)
@given(RAW | st.tuples(st.just(VM), RAW))
def test_a_migration_is_nothing_or_a_uuid_and_asked_hosts(raw):
    try:
        (vm, hosts), _notes = answers.migration(raw, ["a", "b"])
    except UnitError:
        return
    assert (vm == "" and hosts == []) or (vm == VM and set(hosts) <= {"a", "b"})


@pytest.mark.parametrize("nothing", [[], (), {}, "", None, ("", []), ["  ", ["a"]]])
def test_a_balancer_may_say_nothing_in_many_ways(nothing):
    assert answers.migration(nothing, ["a"]) == (("", []), [])


def test_of_several_vms_the_first_is_used_and_that_is_said():
    moved, said = answers.migration({VM: ["a"], "44444444-3333-4333-8333-333333333333": ["a"]}, ["a"])
    assert (moved, said) == ((VM, ["a"]), ["answered 2 VMs, of which only the first is used"])


def test_scores_may_be_a_map():
    assert answers.scores({"b": 2, "a": 1}, ["a", "b"], 1000) == ({"b": 2, "a": 1}, [], True)


