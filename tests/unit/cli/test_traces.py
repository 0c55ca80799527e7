"""The flags that read traces and what runs now."""

from __future__ import annotations

import json

import pytest

FLAVORS = "id,name,vcpus,memory_mb\n1,small,1,2048\n2,large,4,8192\n"


@pytest.fixture
def flavors(tmp_path):
    path = tmp_path / "flavors.csv"
    path.write_text(FLAVORS)
    return path


def test_sample_is_placed_and_repeats_for_a_seed(run, hosts, flavors):
    argv = ("--inventory", hosts, "--flavors", flavors, "--sample", "count=20,rate=1,life=5", "--format", "jsonl")
    first, again = (run("schedule", *argv, "--seed", "4", "--allow-partial") for _ in range(2))
    times = [[json.loads(line)["arrives_at"] for line in one.out.splitlines()] for one in (first, again)]
    assert times[0] == times[1]
    assert len(times[0]) == 20


def test_sample_without_flavors_says_which_flag_gives_them(run, hosts):
    result = run("schedule", "--inventory", hosts, "--sample", "count=20,rate=1,life=5")
    assert (result.status, "--flavors FILE" in result.err) == (2, True)


@pytest.mark.parametrize("sample", ["count=1", "count=0,rate=1,life=1", "count=1.5,rate=1,life=1", "rate=x", "x=1"])
def test_wrong_sample_is_an_error(run, hosts, flavors, sample):
    result = run("schedule", "--inventory", hosts, "--flavors", flavors, "--sample", sample)
    assert result.status == 2
    assert "--sample" in result.err


def test_servers_are_on_the_hosts_of_the_inventory(run, tmp_path, flavors):
    inventory = tmp_path / "empty.jsonl"
    inventory.write_text('{"host": "a", "total_usable_ram_mb": 16384, "vcpus_total": 8}\n')
    servers = tmp_path / "servers.json"
    servers.write_text(json.dumps([{"ID": "u1", "Name": "vm", "Status": "ACTIVE", "Host": "a", "Flavor": "large"}]))
    argv = ("--inventory", inventory, "--servers", servers, "--flavors", flavors, "--flavor", "ram=1024,vcpus=1")
    summary = run("schedule", *argv, "--format", "json").json["summary"]
    assert summary["utilisation"]["ram_mb"]["before"] == (512 + 8192) / 16384
    assert summary["utilisation"]["vcpus"]["before"] == 0.5


def test_server_on_an_unknown_host_is_an_error(run, hosts, tmp_path, flavors):
    servers = tmp_path / "servers.json"
    servers.write_text(json.dumps([{"ID": "u1", "Name": "vm", "Status": "ACTIVE", "Host": "delta", "Flavor": "large"}]))
    argv = ("--inventory", hosts, "--servers", servers, "--flavors", flavors, "--flavor", "ram=1")
    result = run("schedule", *argv)
    assert result.status == 2
    assert "server u1 is on host 'delta', which the inventory lacks" in result.err


def test_rows_of_nova_with_actions_are_placed(run, hosts, tmp_path):
    instances, actions = tmp_path / "instances.csv", tmp_path / "actions.csv"
    instances.write_text("uuid,created_at,deleted_at,memory_mb,vcpus\nu1,2026-01-01 00:00:00,NULL,1024,1\n")
    actions.write_text("instance_uuid,action,start_time\nu1,create,2025-01-01 00:00:00\n")
    argv = ("--inventory", hosts, "--requests", instances, "--actions", actions, "--format", "jsonl")
    record = json.loads(run("schedule", *argv).out)
    assert (record["request_id"], record["arrives_at"], record["placed"]) == ("u1", 1735689600, True)


def test_only_one_input_is_the_standard_input(run, flavors):
    result = run("schedule", "--inventory", "-", "--flavors", "-", "--sample", "count=1,rate=1,life=1")
    assert result.status == 2
    assert "only one of --inventory, --aggregates, --servers, --flavors, --requests, --actions" in result.err
