"""What the command makes of several inventories, aggregates, a flavor's file, and words of other places."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def more(tmp_path):
    """A file of one more host, with 64 GiB."""
    path = tmp_path / "more.jsonl"
    path.write_text(json.dumps({"host": "delta", "total_usable_ram_mb": 65536, "free_ram_mb": 65536}))
    return path


def test_inventories_are_merged(run, hosts, more):
    argv = ("schedule", "--inventory", hosts, "--inventory", more, "--flavor", "ram=40000", "--format", "json")
    result = run(*argv)
    assert result.json["summary"]["hosts"] == 4
    assert result.json["placements"][0]["selections"][0]["host"] == "delta"


def test_host_in_two_inventories_is_an_error(run, hosts):
    result = run("schedule", "--inventory", hosts, "--inventory", hosts, "--flavor", "ram=1")
    assert result.status == 2
    assert result.err.count("stands there twice") == 3


def test_aggregates_bring_zones_and_metadata(run, hosts, tmp_path):
    path = tmp_path / "aggregates.json"
    path.write_text(
        json.dumps({"aggregates": [{"name": "r", "hosts": ["alpha"], "metadata": {"availability_zone": "az9"}}]})
    )
    argv = ("schedule", "--inventory", hosts, "--flavor", "ram=1", "--availability-zone", "az9")
    assert run(*argv).status == 1
    assert "alpha" in run(*argv, "--aggregates", path).out


def test_aggregates_without_an_inventory_are_an_error(run):
    result = run("schedule", "--connection_type=fake", "--aggregates", "a.json", "--flavor", "ram=1")
    assert result.status == 2
    assert "give the --inventory too" in result.err


def test_only_one_input_can_be_the_standard_input(run):
    result = run("schedule", "--inventory", "-", "--requests", "-")
    assert result.status == 2
    inputs = "--inventory, --aggregates, --servers, --flavors, --requests, --actions, --groups"
    assert f"only one of {inputs} can be" in result.err


def test_mistakes_of_a_file_are_a_line_each(run, tmp_path):
    path = tmp_path / "hosts.jsonl"
    path.write_text('{"host": "a", "ram": 1}\n{"host": "b", "vcpus": 2}\n')
    result = run("schedule", "--inventory", path, "--flavor", "ram=1")
    assert result.status == 2
    assert [line.partition(": host ")[0] for line in result.err.splitlines()] == [
        f"filtersched: error: {path}, line 1",
        f"filtersched: error: {path}, line 2",
    ]


def test_flavor_may_be_a_file_of_the_openstack_command(run, hosts, tmp_path):
    path = tmp_path / "flavor.json"
    path.write_text(json.dumps({"name": "big", "id": "9", "ram": 99999, "vcpus": 1, "disk": 1, "properties": {}}))
    argv = ("schedule", "--inventory", hosts, "--flavor", f"@{path}")
    assert "asked 99999" in run(*argv).out
    both = tmp_path / "both.jsonl"
    both.write_text('{"flavor": {}}\n{"flavor": {}}\n')
    assert "has 2 flavors" in run("schedule", "--inventory", hosts, "--flavor", f"@{both}").err


@pytest.mark.parametrize("flag", ["--flavor", "--count", "--requests", "--output"])
def test_flag_of_one_value_is_refused_if_it_is_given_twice(run, hosts, flag):
    result = run("schedule", "--inventory", hosts, flag, "1", f"{flag}=1")
    assert result.status == 2
    assert f"argument {flag}: is given twice" in result.err


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (("--zone", "az1"), "--availability-zone"),
        (("--num-instances", "2"), "--count"),
        (("--memory_mb", "2"), "--flavor ram=N"),
        (("--vcpus=2",), "--flavor vcpus=N"),
        (("--scheduler-hints", "a=b"), "--hint"),
        (("--flavor", "zone=az1"), "--availability-zone"),
        (("--flavor", "num_instances=2"), "--count"),
        (("--flavor", "total_usable_ram_mb=2"), "'ram'"),
    ],
)
def test_word_of_a_file_leads_to_the_flag(run, hosts, argv, word):
    result = run("schedule", "--inventory", hosts, *argv)
    assert result.status == 2
    assert f"Did you mean {word}" in result.err or f"or {word}" in result.err
