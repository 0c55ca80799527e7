"""filtersched schedule on the record of a real cluster, against the rules as one plain loop."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
OPENB = ROOT.parent / "shared" / "data" / "openb-vm"

pytestmark = pytest.mark.slow
REAL_RULES = ("--scheduler-default-filters", "RamFilter,CoreFilter", "--scheduler-weight-classes", "RAMWeigher")


def literally(multiplier, requests):
    """The rules of RamFilter, CoreFilter and RAMWeigher as one plain loop: request to hosts."""
    with open(OPENB / "hosts.jsonl", encoding="utf-8") as lines:
        hosts = [json.loads(line) for line in lines]
    leaving, chosen_by_request = [], {}
    for asked in map(json.loads, requests):
        ram, vcpus = asked["flavor"]["memory_mb"], asked["flavor"]["vcpus"]
        for entry in [one for one in leaving if one[0] <= asked["arrives_at"]]:
            leaving.remove(entry)
            for host in entry[3]:
                host["free_ram_mb"] += entry[1]
                host["vcpus_used"] -= entry[2]
        left, chosen = list(hosts), []
        for _instance in range(asked["num_instances"]):
            left = [one for one in left if one["free_ram_mb"] >= ram]
            left = [one for one in left if one["vcpus_total"] - one["vcpus_used"] >= vcpus]
            if not left:
                break
            most = max(one["free_ram_mb"] for one in left)
            if len(left) > 1 and most > 0:
                left.sort(key=lambda one: -multiplier * (one["free_ram_mb"] / most))
            left[0]["free_ram_mb"] -= ram
            left[0]["vcpus_used"] += vcpus
            chosen.append(left[0])
        if len(chosen) < asked["num_instances"]:
            for host in chosen:
                host["free_ram_mb"] += ram
                host["vcpus_used"] -= vcpus
            chosen = []
        else:
            leaving.append((asked["departs_at"], ram, vcpus, chosen))
        chosen_by_request[asked["request_id"]] = [host["host"] for host in chosen]
    return chosen_by_request


@pytest.mark.skipif(not OPENB.is_dir(), reason="the cluster's data is not here")
@pytest.mark.parametrize("multiplier", [1.0, -1.0], ids=["spreading", "packing"])
def test_a_real_clusters_requests_are_placed_as_the_rules_say(run, tmp_path, multiplier):
    lines = (OPENB / "requests.jsonl").read_text().splitlines()[:1500]
    path = tmp_path / "requests.jsonl"
    path.write_text("\n".join(lines))
    argv = ("--inventory", OPENB / "hosts.jsonl", "--requests", path, "--ram-weight-multiplier", multiplier)
    result = run("schedule", *argv, "--format", "json", *REAL_RULES)
    placed = {
        one["request_id"]: [chosen["host"] for chosen in one.get("selections", ())] for one in result.json["placements"]
    }
    assert placed == literally(multiplier, lines)


@pytest.mark.skipif(not OPENB.is_dir(), reason="the cluster's data is not here")
@pytest.mark.parametrize("multiplier", [1.0, -1.0], ids=["spreading", "packing"])
def test_a_real_clusters_whole_record_is_counted(run, multiplier):
    requests = OPENB / "requests.jsonl"
    argv = ("--inventory", OPENB / "hosts.jsonl", "--requests", requests, "--ram-weight-multiplier", multiplier)
    result = run("schedule", *argv, *REAL_RULES)
    expected = literally(multiplier, requests.read_text().splitlines())
    whole, instances = sum(map(bool, expected.values())), sum(map(len, expected.values()))
    assert result.status == 1
    lines = [line.split() for line in result.out.splitlines()]
    assert lines[0][:4] == ["8,152", "requests", "on", "61"]
    assert ["placed", f"{whole:,}", f"({instances:,}", "instances,"] in [line[:4] for line in lines]
    assert ["refused", f"{8152 - whole:,}"] in lines
