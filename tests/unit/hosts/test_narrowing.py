"""Narrowing: destination, ignored and forced hosts."""

from __future__ import annotations

import pytest

from filtersched import Destination, HostState, RequestSpec
from filtersched.hosts.narrowing import narrow, skips_filters

HOSTS = [
    HostState("Cmp1", "n1", cell_uuid="c1"),
    HostState("Cmp1", "n2", cell_uuid="c1"),
    HostState("cmp2", "n1", cell_uuid="c2"),
    HostState("cmp3", cell_uuid="c2"),
]


def left(**attributes) -> list[str]:
    return [f"{host.host}/{host.nodename}" for host in narrow(HOSTS, RequestSpec(**attributes))]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, ["Cmp1/n1", "Cmp1/n2", "cmp2/n1", "cmp3/cmp3"]),
        ({"ignore_hosts": []}, ["Cmp1/n1", "Cmp1/n2", "cmp2/n1", "cmp3/cmp3"]),
        # Names are compared whole and without regard to case; every node of the host goes.
        ({"ignore_hosts": ["cMP1"]}, ["cmp2/n1", "cmp3/cmp3"]),
        ({"ignore_hosts": ["cmp"]}, ["Cmp1/n1", "Cmp1/n2", "cmp2/n1", "cmp3/cmp3"]),
        ({"ignore_hosts": ["cmp*"]}, ["Cmp1/n1", "Cmp1/n2", "cmp2/n1", "cmp3/cmp3"]),
        ({"ignore_hosts": ["n1"]}, ["Cmp1/n1", "Cmp1/n2", "cmp2/n1", "cmp3/cmp3"]),
        ({"ignore_hosts": ["cmp1", "cmp2", "cmp3"]}, []),
        ({"force_hosts": ["CMP1"]}, ["Cmp1/n1", "Cmp1/n2"]),
        ({"force_hosts": ["cmp3", "cmp2"]}, ["cmp2/n1", "cmp3/cmp3"]),
        ({"force_hosts": ["cmp9"]}, []),
        # Nodes are compared with regard to case.
        ({"force_nodes": ["n1"]}, ["Cmp1/n1", "cmp2/n1"]),
        ({"force_nodes": ["N1"]}, []),
        ({"force_hosts": ["cmp1"], "force_nodes": ["n2"]}, ["Cmp1/n2"]),
        ({"force_hosts": ["cmp3"], "force_nodes": ["n1"]}, []),
        # Ignoring beats forcing.
        ({"force_hosts": ["cmp1", "cmp2"], "ignore_hosts": ["cmp1"]}, ["cmp2/n1"]),
        ({"requested_destination": Destination("Cmp1")}, ["Cmp1/n1", "Cmp1/n2"]),
        ({"requested_destination": Destination("cmp1")}, []),
        ({"requested_destination": Destination("Cmp1", "n2")}, ["Cmp1/n2"]),
        ({"requested_destination": Destination("Cmp1", "N2")}, []),
        ({"requested_destination": Destination("Cmp1", "")}, ["Cmp1/n1", "Cmp1/n2"]),
        # A node without a host says nothing.
        ({"requested_destination": Destination(None, "n2")}, ["Cmp1/n1", "Cmp1/n2", "cmp2/n1", "cmp3/cmp3"]),
        ({"requested_destination": Destination(cell="c2")}, ["cmp2/n1", "cmp3/cmp3"]),
        (
            {"requested_destination": Destination(cell="c2", allow_cross_cell_move=True)},
            ["Cmp1/n1", "Cmp1/n2", "cmp2/n1", "cmp3/cmp3"],
        ),
        ({"requested_destination": Destination("Cmp1", cell="c2")}, []),
        ({"requested_destination": Destination("cmp2"), "ignore_hosts": ["CMP2"]}, []),
    ],
)
def test_what_a_request_lets_in(attributes, expected):
    assert left(**attributes) == expected


def test_of_two_hosts_of_one_name_the_last_counts_in_the_place_of_the_first():
    first, other, last = HostState("a"), HostState("b"), HostState("a")
    assert narrow([first, other, last], RequestSpec()) == [first, other, last]
    assert narrow([first, other, last], RequestSpec(ignore_hosts=["c"])) == [last, other]


def test_given_list_stays_as_it_is():
    given = list(HOSTS)
    narrow(given, RequestSpec(ignore_hosts=["cmp1"]))
    assert given == HOSTS


@pytest.mark.parametrize(
    ("attributes", "skips"),
    [
        ({}, False),
        ({"ignore_hosts": ["a"]}, False),
        ({"requested_destination": Destination("a")}, False),
        ({"force_hosts": ["a"]}, True),
        ({"force_nodes": ["a"]}, True),
        ({"force_hosts": ["a"], "scheduler_hints": {"_nova_check_type": ["rebuild"]}}, False),
        ({"force_hosts": ["a"], "scheduler_hints": {"_nova_check_type": [""]}}, True),
        ({"force_hosts": ["a"], "scheduler_hints": {"_nova_check_type": []}}, True),
    ],
)
def test_filters_are_skipped_for_forced_hosts_unless_a_check_is_asked_for(attributes, skips):
    assert skips_filters(RequestSpec(**attributes)) is skips
