"""Rows of hosts: columns, codes and indexes that follow every change."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filtersched import FilterScheduler, Flavor, RequestSpec, make_conf
from filtersched.columns.column import EXACT, Column, NotVectorizable
from filtersched.columns.distinct_values import as_column
from filtersched.hosts import look_ups, recipes
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState
from filtersched.hosts.row_changes import MISSING


def a_pool(*free, **attributes):
    return HostPool(HostState(f"h{nr}", free_ram_mb=each, **attributes) for nr, each in enumerate(free))


def test_numbers_become_a_column_of_floats():
    column = as_column([1, 2.5, -3])
    assert column.values.dtype == np.float64
    assert column.values.tolist() == [1.0, 2.5, -3.0]
    assert column.missing is None


def test_truth_values_become_a_column_of_truth_values():
    column = as_column([True, False])
    assert column.values.dtype == np.bool_
    assert column.values.tolist() == [True, False]


def test_none_is_missing():
    column = as_column([None, 2, None])
    assert column.missing.tolist() == [True, False, True]
    assert column.filled(7).values.tolist() == [7.0, 2.0, 7.0]


@pytest.mark.parametrize("values", [["a"], [1, "a"], [1, True], [int(EXACT)], [-int(EXACT), 1.0], [10**400], [], [[1]]])
def test_what_a_column_cannot_hold_exactly_is_no_column(values):
    with pytest.raises(NotVectorizable):
        as_column(values)


def test_the_largest_exact_number_is_held():
    assert as_column([2**53 - 1]).values.tolist() == [2**53 - 1]


def test_a_column_follows_assignments():
    pool = a_pool(1, 2, 3)
    assert pool.rows.column("free_ram_mb").values.tolist() == [1, 2, 3]
    pool["h1"].free_ram_mb = 20
    pool["h1"].num_io_ops = 4
    assert pool.rows.column("free_ram_mb").values.tolist() == [1, 20, 3]
    assert pool.rows.column("num_io_ops").values.tolist() == [0, 4, 0]


def test_a_column_becomes_none_and_one_again_as_values_do():
    pool = HostPool([HostState("h0", vcpus_total=1), HostState("h1", vcpus_total=2)])
    assert pool.rows.column("vcpus_total").values.tolist() == [1, 2]
    pool["h0"].vcpus_total = 2**53 + 1
    with pytest.raises(NotVectorizable):
        pool.rows.column("vcpus_total")
    pool["h0"].vcpus_total = None
    assert pool.rows.column("vcpus_total").missing.tolist() == [True, False]
    pool["h0"].vcpus_total = 5
    assert pool.rows.column("vcpus_total").values.tolist() == [5, 2]


def test_an_attribute_that_some_host_does_not_have_is_no_column_and_its_absence_has_a_code():
    pool = a_pool(1, 2)
    pool["h0"].gpus = 1
    with pytest.raises(NotVectorizable):
        pool.rows.column("gpus")
    codes = pool.rows.codes(("gpus",))
    assert [codes.values[code] for code in codes.codes] == [1, MISSING]
    with pytest.raises(NotVectorizable):
        pool.rows.of_each("gpus", abs)
    pool["h1"].gpus = 2
    assert [codes.values[code] for code in pool.rows.codes(("gpus",)).codes] == [1, 2]
    assert pool.rows.of_each("gpus", abs).values.tolist() == [1, 2]
    assert pool.rows.column("gpus").values.tolist() == [1, 2]


def test_codes_tell_apart_what_code_can_tell_apart():
    pool = a_pool(1, 1.0, 2, 1)
    codes = pool.rows.codes(("free_ram_mb",))
    assert codes.codes.tolist() == [0, 1, 2, 0]
    assert [repr(value) for value in codes.values] == ["1", "1.0", "2"]


def test_index_of_instances_is_kept_where_a_host_reports_before_an_instance_leaves():
    pool = a_pool(1, 3)
    (placed,) = FilterScheduler(make_conf()).place(RequestSpec(Flavor()), pool)
    index = pool.rows.current(recipes.instance_index)
    pool.update("h0", free_ram_mb=2)
    pool.release(placed)
    assert pool.rows.current(recipes.instance_index) is index
    assert list(index.rows(placed.instance_uuid)) == []


def test_no_attributes_have_no_codes():
    assert a_pool(1).rows.codes(()) is None


def test_codes_of_several_attributes_follow_assignments():
    pool = a_pool(1, 1, 1, hypervisor_type="kvm", topic="compute")
    read = ("hypervisor_type", "topic")
    assert pool.rows.codes(read).codes.tolist() == [0, 0, 0]
    pool["h1"].topic = "volume"
    pool["h2"].hypervisor_type = "xen"
    codes = pool.rows.codes(read)
    assert [codes.values[code] for code in codes.codes] == [("kvm", "compute"), ("kvm", "volume"), ("xen", "compute")]
    pool["h1"].topic = "compute"
    codes = pool.rows.codes(read)
    assert codes.codes[1] == codes.codes[0]


def test_values_that_no_host_has_any_more_do_not_pile_up():
    pool = a_pool(1, 2)
    for number in range(1000):
        pool["h0"].service = {"last_seen_up": None, "report_count": number}
        codes = pool.rows.codes(("service",))
        assert codes.values[codes.codes[0]]["report_count"] == number
    assert len(codes.values) == 3


def test_rows_that_come_and_go_are_rows_of_columns_too():
    pool = a_pool(1, 2, 3)
    assert pool.rows.column("free_ram_mb").values.tolist() == [1, 2, 3]
    pool.remove("h1")
    pool.add(HostState("new", free_ram_mb=9))
    assert pool.rows.column("free_ram_mb").values.tolist() == [1, 3, 9]
    named = look_ups.IsNode(tuple((name, None) for name in ("new", "h1", "h2")))
    assert pool.rows.look_up(named).values.tolist() == [False, True, True]


def test_hosts_are_found_by_name_with_and_without_regard_to_case():
    pool = HostPool([HostState("A", "n1"), HostState("a", "n2"), HostState("A", "n3"), HostState("b")])
    assert pool.rows.rows_named("A") == [0, 2]
    assert pool.rows.rows_named("B") == []
    assert pool.rows.rows_named_like("a") == [0, 1, 2]


class Halved(HostState):
    """A host that computes an attribute from another."""

    @property
    def half(self):
        return self.free_ram_mb / 2


def test_what_hosts_of_a_pool_from_columns_compute_follows_what_they_are_given():
    pool = HostPool.from_columns(["a", "b"], host_class=Halved, free_ram_mb=[2, 4])
    assert pool.rows.column("half").values.tolist() == [1.0, 2.0]
    pool["a"].free_ram_mb = 8
    assert pool.rows.column("half").values.tolist() == [4.0, 2.0]


def test_what_they_compute_follows_when_another_host_has_gone():
    pool = HostPool.from_columns(["a", "b"], host_class=Halved, free_ram_mb=[2, 4])
    assert pool.rows.column("half").values.tolist() == [1.0, 2.0]
    pool.remove("b")
    pool["a"].free_ram_mb = 8
    assert pool.rows.column("half").values.tolist() == [4.0]


def test_instances_are_counted_where_they_are_now():
    pool = a_pool(1, 2, instances=("i1", "i2"))
    assert pool.rows.count_instances(["i1", "i2", "i1", "i9"]).values.tolist() == [2, 2]
    pool["h0"].instances = ("i9",)
    assert pool.rows.count_instances(("i1", "i9")).values.tolist() == [1, 1]
    assert list(pool.rows.rows_with("i9")) == [0]


def test_marks_are_read_back_each_once_until_there_were_too_many():
    pool = a_pool(1, 2)
    then = pool.rows.change_count
    pool["h1"].free_ram_mb = 5
    pool["h1"].free_ram_mb = 6
    assert list(pool.rows.dirty_rows_since(then, frozenset(("free_ram_mb",)))) == [1]
    assert list(pool.rows.dirty_rows_since(pool.rows.change_count, None)) == []
    for value in range(40_000):
        pool["h0"].free_ram_mb = value
    assert pool.rows.dirty_rows_since(pool.rows.change_count - 16_384, None) == [0]
    assert pool.rows.dirty_rows_since(then, None) is None


def test_a_column_with_gaps_is_the_same_array_after_an_assignment():
    pool = HostPool([HostState("h0", ram_allocation_ratio=2.0), HostState("h1"), HostState("h2")])
    before = pool.rows.column("ram_allocation_ratio").values
    pool["h1"].ram_allocation_ratio = 3.0
    pool["h0"].ram_allocation_ratio = None
    after = pool.rows.column("ram_allocation_ratio")
    assert after.values is before
    assert after.filled(1.0).values.tolist() == [1.0, 3.0, 1.0]


def seen(rows):
    """All that caches of the rows answer, gaps as None."""

    def listed(make):
        try:
            found = make()
        except NotVectorizable:
            return None
        if not isinstance(found, Column):
            return [found] * len(rows)
        gaps = found.missing if found.missing is not None else [False] * len(rows)
        return [None if gap else value for value, gap in zip(found.values.tolist(), gaps, strict=True)]

    codes = [rows.codes((name,)) for name in ("hypervisor_type", "gpus")] + [rows.codes(("topic", "hypervisor_type"))]
    return (
        [listed(lambda name=name: rows.column(name)) for name in ("free_ram_mb", "vcpus_total", "gpus")],
        [repr([one.values[code] for code in one.codes.tolist()]) for one in codes if one is not None],
        listed(lambda: rows.of_each("hypervisor_type", length)),
        listed(lambda: rows.of_each("topic", length)),
        listed(lambda: rows.of_each("hypervisor_type", measured)),
        [rows.host_names().called(row) for row in range(len(rows))],
        [rows.rows_named(f"h{nr}") for nr in range(12)],
        [sorted(rows.rows_with(uuid)) for uuid in ("i1", "i2", "i3")],
        listed(lambda: rows.count_instances(("i1", "i2"))),
    )


def measured(text):
    """A number, a truth value, or an exception for one value."""
    if text == "qemu":
        raise LookupError("qemu")
    return text == "kvm" if text in ("kvm", "?") else len(text)


def length(text):
    return None if text == "?" else len(text)


VALUES = {
    "free_ram_mb": st.sampled_from((1, 2.5, 2**53)),
    "vcpus_total": st.sampled_from((None, None, 4)),
    "hypervisor_type": st.sampled_from(("kvm", "xen", "?", "qemu")),
    "topic": st.sampled_from(("compute", "volume")),
    "instances": st.sampled_from(({}, {"i1": {}}, {"i1": {}, "i2": {}}, {"i3": {}})),
    "gpus": st.sampled_from((1, 2)),
}
HOST = st.fixed_dictionaries({}, optional=VALUES)
STEPS = st.one_of(
    st.tuples(st.just("add"), HOST),
    st.tuples(st.just("remove"), st.integers(0, 9)),
    st.tuples(st.just("set"), st.integers(0, 9), HOST),
    st.just(("ask",)),
)


@given(st.lists(HOST, max_size=4), st.lists(STEPS, max_size=12))
def test_caches_of_hosts_that_come_go_and_change_are_those_of_new_rows(first, steps):
    def made(nr, values):
        known = {name: value for name, value in values.items() if name != "gpus"}
        host = HostState(f"h{nr}", **known)
        if "gpus" in values:
            host.gpus = values["gpus"]
        return host

    pool = HostPool(made(nr, values) for nr, values in enumerate(first))
    count = len(first)
    for kind, *arguments in [("ask",), *steps, ("ask",)]:
        hosts = list(pool)
        if kind == "add":
            pool.add(made(count, arguments[0]))
            count += 1
        elif kind == "ask":
            assert seen(pool.rows) == seen(HostRows(hosts))
        elif hosts and kind == "remove":
            pool.remove(hosts[arguments[0] % len(hosts)].host)
        elif hosts:
            for name, value in arguments[1].items():
                setattr(hosts[arguments[0] % len(hosts)], name, value)


def test_hosts_and_nodes_are_found_by_name_wherever_others_came_and_went():
    chance = random.Random(5)
    pool = HostPool(HostState(f"h{nr}") for nr in range(6))
    for step in range(60):
        hosts = list(pool)
        if len(hosts) > 3 and chance.random() < 0.5:
            gone = chance.choice(hosts)
            pool.remove((gone.host, gone.nodename))
        else:
            pool.add(HostState(f"h{chance.randrange(9)}", f"node{step}"))
        hosts = list(pool)
        found = {name: pool.rows.rows_named(name) for name in (f"h{nr}" for nr in range(9))}
        assert found == {name: [row for row, host in enumerate(hosts) if host.host == name] for name in found}
        assert [pool.rows.row_of(host.host, host.nodename) for host in hosts] == list(range(len(hosts)))
        assert pool.rows.host_names().several == {name for name, rows in found.items() if len(rows) > 1}
