"""Shared resources at the command line: placing, asking why, listing, and checking the configuration."""

from __future__ import annotations

import pytest

from tests.unit.cli.test_check_config import check, filters, inventory

__all__ = ["check", "inventory"]

LICENCES = "--shared-resources=licences per=aggregate total=metadata.licences"
POWER = "--shared-resources=power of=extra_specs.watts per=aggregate:rack total=1000 unit=W"
QUOTA = "--shared-resources=quota of=instances per=project total=1"
RAM = filters("RamFilter")


def aggregates(**metadata):
    return {"aggregates": [{"name": "a", "metadata": metadata}]}


def test_a_line_without_sense_is_an_error_that_names_option_and_word(run):
    result = run("check-config", "--shared-resources=power of=vcpu total=5")
    assert result.status == 2
    assert "[DEFAULT] shared_resources: 'power of=vcpu total=5': of must be instances, vcpus," in result.err
    assert "Did you mean 'vcpus'?" in result.err


def test_a_scope_that_no_host_has_is_an_error_with_the_nearest(run, inventory):
    result = run("check-config", "--shared-resources=power per=num_instance total=5", *inventory({}))
    assert result.status == 2
    assert "power: hosts have no attribute 'num_instance' to be its scope. Did you mean 'num_instances'" in result.err


def test_a_driver_without_filters_is_told_to_use_no_resources(check):
    assert "ChanceScheduler uses no filters" in check("--scheduler-driver=ChanceScheduler", QUOTA)["no effect"][0]


def test_a_total_that_no_aggregate_has_is_told(check, inventory):
    assert "no aggregate of this inventory has it" in check(*RAM, LICENCES, *inventory({}))["never refuses"][0]
    assert "never refuses" not in check(*RAM, LICENCES, *inventory(aggregates(licences="3"), {}))


def test_hosts_in_no_scope_are_told(check, inventory):
    (message,) = check(*RAM, POWER, *inventory(aggregates(rack="r1"), {}))["hosts in no scope"]
    assert "1 of 2 hosts of this inventory" in message
    assert "hosts in no scope" not in check(*RAM, f"{POWER} outside=unlimited", *inventory(aggregates(rack="r1"), {}))


def test_a_quota_of_projects_is_no_filter_that_never_passes(check, inventory):
    assert "never passes" not in check(*RAM, QUOTA, *inventory({}))


def test_a_refusal_names_the_resource(run, inventory):
    asked = ("--flavor", "ram=1", "--project", "p1", "--count", "2")
    result = run("schedule", *RAM, QUOTA, *inventory({}), *asked)
    assert result.status == 1
    assert "project 'p1' has 0 of 1 of 'quota' free, asked 1" in result.out


def test_why_has_need_and_have(run, inventory):
    asked = ("--flavor", "ram=1", "--extra-spec", "watts=1400")
    result = run("why", "--all", *RAM, POWER, *inventory(aggregates(rack="r1")), *asked, "--format", "json")
    assert "rack 'r1' has 1000 of 1000 W of 'power' free, asked 1400" in result.out
    assert '"need": 1400' in result.out


@pytest.mark.parametrize("flag", ["tests.unit.resources.racks.Power", "tests.unit.resources.racks:Power"])
def test_a_resource_that_a_path_names_is_listed(run, flag):
    lines = run("plugins", f"--shared-resources={flag}", "--format", "csv").out.splitlines()
    assert [line.split(",")[:3] for line in lines if line.startswith("Power,")] == [["Power", "resource", "true"]]
