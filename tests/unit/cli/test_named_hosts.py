"""Hosts that flags name: --ignore-host, --force-host, --force-node, --group-host, --availability-zone zone:host."""

from __future__ import annotations

import json

import pytest

HOSTS = [
    {"host": "cmp1"},
    {"host": "Cmp2"},
    {"host": "rack/1"},
    {"host": "rack", "nodename": "1"},
    {"host": "a:b"},
    {"host": "a", "nodename": "b"},
    {"host": "svc", "nodename": "n1"},
    {"host": "svc", "nodename": "n2"},
    {"host": "zoned", "service": {"availability_zone": "az:1"}},
]


@pytest.fixture
def schedule(run, tmp_path):
    path = tmp_path / "named.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in HOSTS))

    def schedule(*argv):
        return run("schedule", "--inventory", path, "--flavor", "ram=0", "--format", "json", *argv)

    return schedule


def chosen(result) -> str:
    (selection,) = result.json["placements"][0]["selections"]
    return f"{selection['host']} {selection['nodename']}"


@pytest.mark.parametrize(
    ("flags", "node"),
    [
        (("--force-host", "cmp1"), "cmp1 cmp1"),
        (("--force-host", "cmp2"), "Cmp2 Cmp2"),
        (("--force-host", "rack/1"), "rack/1 rack/1"),
        (("--force-host", "rack"), "rack 1"),
        (("--force-host", "n2"), "svc n2"),
        (("--force-host", "svc/n2"), "svc n2"),
        (("--force-node", "n2"), "svc n2"),
        (("--force-node", "svc/n2"), "svc n2"),
        (("--availability-zone", "nova:cmp1"), "cmp1 cmp1"),
        (("--availability-zone", "nova:svc:n2"), "svc n2"),
        (("--availability-zone", "nova:svc/n2"), "svc n2"),
        (("--availability-zone", "nova::n2"), "svc n2"),
        (("--availability-zone", "nova:a:b"), "a:b a:b"),
        (("--availability-zone", "az:1"), "zoned zoned"),
    ],
)
def test_host_is_meant_by_every_name_and_an_exact_one_wins(schedule, flags, node):
    assert chosen(schedule(*flags)) == node


@pytest.mark.parametrize("name", ["CMP1", "svc", "rack/1", "a:b", "a/b"])
def test_ignored_host_is_not_used(schedule, name):
    ignored = [one["host"] for one in HOSTS if one["host"] != name.lower().partition("/b")[0]]
    others = [flag for one in ignored for flag in ("--ignore-host", one)]
    assert schedule(*others).status == 0
    assert schedule(*others, "--ignore-host", name).status == 1


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (("--force-host", "cpm1"), "--force-host: there is no host 'cpm1' in the inventory. Did you mean 'cmp1'"),
        (("--ignore-host", "svc/n3"), "--ignore-host: there is no host 'svc/n3' in the inventory. Did you mean"),
        (("--ignore-host", "svc/n1"), "'svc/n1' is one of 2 nodes of 'svc', and a request ignores whole hosts"),
        (("--force-node", "svc"), "--force-node: 'svc' is a host; its nodes are n1, n2"),
        (("--availability-zone", "az1:cpm1"), "--availability-zone: there is no host 'cpm1'"),
        (("--availability-zone", "az1:"), "no host after the colon"),
        (("--group-policy", "affinity", "--group-host", "cpm1"), "--group-host: there is no host 'cpm1'"),
    ],
)
def test_host_that_is_unknown_or_meant_in_part_is_an_error(schedule, flags, word):
    result = schedule(*flags)
    assert (result.status, result.out) == (2, "")
    assert word in result.err


def test_all_nodes_of_a_host_may_be_ignored_one_by_one(schedule):
    others = [flag for one in HOSTS if one["host"] != "svc" for flag in ("--ignore-host", one["host"])]
    assert schedule(*others, "--ignore-host", "svc/n1", "--ignore-host", "n2").status == 1


def test_policy_of_a_file_that_nothing_knows_is_refused_like_that_of_the_flag(run, hosts, requests_file):
    requests = requests_file({"flavor": {}}, {"flavor": {}, "instance_group": {"policy": "antiaffinity"}})
    result = run("schedule", "--inventory", hosts, "--requests", requests)
    assert result.status == 2
    assert "requests.jsonl, line 2: instance_group.policy: there is no 'antiaffinity'" in result.err
    assert "Did you mean 'anti-affinity'" in result.err
