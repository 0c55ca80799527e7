"""A pool made of columns decides as one made of objects, before and after its objects are asked for."""

from __future__ import annotations

import random
from datetime import datetime

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from filtersched.columns.column import NotVectorizable
from filtersched.hosts.host_pool import HostPool
from tests.differential.strategies import CONFIGURATIONS, HOST_VALUES, Draw, change, cluster, filter_names, request
from tests.differential.world import made_host, made_spec, made_uuids, outcome, schedulers, without_times

# What only an object of somebody's own class can have is not among columns.
_GIVEN = ("host", "nodename", *HOST_VALUES)


def columns_of(hosts, as_arrays):
    columns = {name: [host[name] for host in hosts] for name in _GIVEN}
    for name, values in columns.items():
        if as_arrays and len({type(value) for value in values} | {str}) == 2 and type(values[0]) in (int, float):
            columns[name] = np.array(values)
    return columns


def decided(scheduler, hosts, wanted, names, nr):
    """The outcome without what tells one pool from another, and the selections."""
    chosen = []

    def decide():
        chosen.extend(
            scheduler.select_destinations(
                made_spec(wanted),
                hosts,
                made_uuids(wanted, nr),
                filters=names,
                return_alternates=wanted.get("alternates", False),
                seed=wanted["seed"],
            )
        )
        return chosen

    seen = outcome(decide)
    if seen[0] == "placed":
        # The generation counts what happened to a pool before.
        seen = "placed", [(first[:4], *rest) for first, *rest in seen[1]]
    return seen, chosen


@settings(max_examples=300, phases=(Phase.explicit, Phase.generate))
@given(st.integers(0, 2**63))
def test_a_pool_of_columns_decides_as_a_pool_of_objects(number):
    draw = Draw(random.Random(number))
    hosts = [{name: host[name] for name in _GIVEN} for host in cluster(draw)]
    plain, fast = schedulers(draw.one(*CONFIGURATIONS))
    columns = columns_of(hosts, as_arrays=draw.rarely(2))
    names, nodenames = columns.pop("host"), columns.pop("nodename")
    of_columns = HostPool.from_columns(names, nodenames, **columns)
    of_objects = HostPool(made_host(host) for host in hosts)
    assert len(of_columns) == len(of_objects)
    # Metrics are noted with the time of the pool.
    of_columns.clock = of_objects.clock = lambda: datetime(2026, 1, 31, 12)
    for nr in range(3):
        wanted, filters = request(draw), filter_names(draw)
        expected, on_objects = decided(plain, of_objects, wanted, filters, nr)
        found, on_columns = decided(fast, of_columns, wanted, filters, nr)
        assert found == expected
        if on_columns and wanted.get("uuids", "new") == "new" and draw.rarely(2):
            of_objects.commit(on_objects)
            of_columns.commit(on_columns)
        if hosts and draw.rarely(2):
            record, (attribute, value) = draw.one(*hosts), change(draw)
            for pool in (of_objects, of_columns):
                setattr(pool[record["host"], record["nodename"]], attribute, value)
        if hosts and draw.rarely(6):
            record = hosts.pop()
            for pool in (of_objects, of_columns):
                pool.remove((record["host"], record["nodename"]))
    assert list(map(without_times, of_columns)) == list(map(without_times, of_objects))


def test_an_assignment_of_none_to_a_host_of_an_array_is_seen_as_missing():
    pool = HostPool.from_columns(["h0", "h1"], ram_allocation_ratio=np.array([1.5, 2.0]))
    pool["h0"].ram_allocation_ratio = None
    assert pool.rows.column("ram_allocation_ratio").missing.tolist() == [True, False]


@pytest.mark.parametrize("value", [0.5, 2**53 + 1, 2**70, 700])
def test_an_assignment_to_a_host_of_an_array_is_seen_as_it_is(value):
    pool = HostPool.from_columns(["h0", "h1"], free_ram_mb=np.array([1, 2]), num_io_ops=np.array([1, 2], dtype=np.int8))
    for attribute in ("free_ram_mb", "num_io_ops"):
        setattr(pool["h0"], attribute, value)
        codes = pool.rows.codes((attribute,))
        assert [codes.values[code] for code in codes.codes] == [value, 2]
        if value in (0.5, 700):
            assert pool.rows.column(attribute).values.tolist() == [value, 2]
        else:
            with pytest.raises(NotVectorizable):
                pool.rows.column(attribute)
