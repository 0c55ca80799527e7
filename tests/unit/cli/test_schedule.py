"""filtersched schedule."""

from __future__ import annotations

import json
import re

import pytest

from filtersched import BaseHostFilter

RAM_ONLY = ("--scheduler-weight-classes", "RAMWeigher", "--scheduler-default-filters", "RamFilter,ComputeFilter")


def request(name, ram, count=1, **more):
    return {"request_id": name, "num_instances": count, "flavor": {"memory_mb": ram, "vcpus": 1}, **more}


def placed(result):
    """Request to hosts, from a run with --format json."""
    return {
        one["request_id"]: [chosen["host"] for chosen in one.get("selections", ())] for one in result.json["placements"]
    }


# One request


def test_one_request_by_flags_is_shown_with_host_weight_and_why(run, hosts):
    result = run("schedule", "--inventory", hosts, "--flavor", "ram=4096,vcpus=2,disk=20", "--count", 2, *RAM_ONLY)
    assert result.status == 0
    assert [line.split()[:6] for line in result.out.splitlines()[:3]] == [
        ["REQUEST", "INSTANCE", "HOST", "WEIGHT", "WHY"],
        ["#1", "1", "of", "2", "beta", "1.000"],
        ["#1", "2", "of", "2", "beta", "1.000"],
    ]
    assert "best of 2; RAM +1.00; 0.500 ahead of alpha" in result.out
    assert "1 of 1 request placed (2 instances) on 3 hosts." in result.out
    assert result.err.count("\n") == 1


def test_utilisation_counts_what_was_used_before_and_what_was_placed(run, hosts):
    result = run("schedule", "--inventory", hosts, "--flavor", "ram=4096,vcpus=2,disk=20", *RAM_ONLY)
    # Free are 8, 16 and 4 of 3 x 16 GiB, less 4; 2 of 24 vCPUs; 20 of 300 GiB.
    assert "In use of the physical capacity: RAM 50.0 %, vCPUs 8.3 %, disk 6.7 %." in result.out


def test_when_nothing_fits_the_status_is_1_and_filters_and_nearest_misses_are_told(run, hosts):
    result = run("schedule", "--inventory", hosts, "--flavor", "ram=12000", "--availability-zone", "az1")
    assert result.status == 1
    lines = [line.split() for line in result.out.splitlines()]
    assert ["AvailabilityZoneFilter", "1"] in lines
    assert ["RamFilter", "2"] in lines
    assert "No valid host was found." in result.out
    assert "Nearest: alpha lacks 3808 MB of RAM (free 8192, asked 12000)" in result.out
    assert "0 of 1 request placed" in result.out


@pytest.mark.parametrize(
    ("flags", "host"),
    [
        (("--availability_zone", "az1"), "alpha"),
        (("--ignore-host", "beta"), "alpha"),
        (("--force-host", "gamma"), "gamma"),
        (("--force-node", "gamma"), "gamma"),
        (("--hint", 'query=["=", "$host", "alpha"]', "--filters", "JsonFilter"), "alpha"),
        (("--ram_weight_multiplier=-1",), "alpha"),
        (("--group-policy", "anti-affinity", "--group-host", "beta"), "beta"),
        (("--project", "p", "--user", "u", "--image", "i", "--image-property", "hw_architecture=x86_64"), "beta"),
        (("--extra-spec", "capabilities:x=1"), "beta"),
        (("--instance-uuid", "u1"), "beta"),
        (("--filters", "RamFilter", "--ram_weight_multiplier", "-1"), "gamma"),
    ],
)
def test_flags_of_the_request_and_settings_decide(run, hosts, flags, host):
    result = run("schedule", "--inventory", hosts, "--flavor", "ram=1024", "--format", "json", *flags)
    assert placed(result) == {None: [host]}


def test_alternates_are_named_if_asked_for(run, hosts):
    common = ("schedule", "--inventory", hosts, "--flavor", "ram=1024", "--format", "json")
    assert run(*common).json["placements"][0]["selections"][0]["alternates"] == []
    assert run(*common, "--alternates").json["placements"][0]["selections"][0]["alternates"] == [
        {"host": "alpha", "nodename": "alpha"}
    ]


def test_chance_scheduler_places_too(run, hosts):
    result = run("schedule", "--inventory", hosts, "--flavor", "ram=1", "--scheduler_driver", "ChanceScheduler")
    assert result.status == 0
    assert "neither filtered nor weighed" in result.out


def test_forced_host_is_said_to_be_forced(run, hosts):
    result = run("schedule", "--inventory", hosts, "--flavor", "ram=99999", "--force-host", "gamma")
    assert result.status == 0
    assert "forced by the request" in result.out


def test_draw_among_the_best_is_said_to_be_one(run, hosts):
    argv = ("schedule", "--inventory", hosts, "--flavor", "ram=1", "--host-subset-size", 2, *RAM_ONLY)
    said = {run(*argv, "--seed", seed).out.splitlines()[1].split(None, 4)[4] for seed in range(20)}
    assert said == {
        "drawn from 2 of 2; RAM +1.00; 0.500 ahead of alpha",
        "drawn from 2 of 2; RAM +0.50; 0.500 behind beta",
    }


def test_chance_scheduler_without_a_host_that_is_up_says_so(run, hosts, tmp_path):
    only = tmp_path / "down.jsonl"
    only.write_text(hosts.read_text().splitlines()[2])
    result = run("schedule", "--inventory", only, "--flavor", "ram=1", "--scheduler_driver", "ChanceScheduler")
    assert result.status == 1
    assert "No valid host was found. Is the appropriate service running?" in result.out


def test_refusal_of_a_driver_that_gives_no_reasons_is_reported(run, hosts, tmp_path, monkeypatch):
    (tmp_path / "strict_driver.py").write_text(
        "from filtersched import NoValidHost\n\n\nclass Strict:\n    def __init__(self, conf):\n        pass\n\n"
        "    def select_destinations(self, spec, hosts, instance_uuids=None, **options):\n"
        "        raise NoValidHost('Not today.')\n\n    place = select_destinations\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    command = ("schedule", "--inventory", hosts, "--flavor", "ram=1", "--scheduler_driver", "strict_driver.Strict")
    result = run(*command)
    assert (result.status, "#1: No valid host was found. Not today." in result.out) == (1, True)
    assert run(*command, "--verbose", "--format", "json").json["placements"][0]["placed"] is False


def test_request_whose_own_lists_leave_no_host_is_told_so(run, hosts):
    flags = ("--ignore-host", "alpha", "--ignore-host", "beta", "--ignore-host", "gamma")
    result = run("schedule", "--inventory", hosts, "--flavor", "ram=1", *flags)
    assert result.status == 1
    assert ["ignore_hosts", "3"] in [line.split() for line in result.out.splitlines()]


@pytest.mark.parametrize(
    ("sizes", "flags", "status"),
    [
        ((1, 1), (), 0),
        ((1, 99999), (), 1),
        ((1, 99999), ("--allow-partial",), 0),
        ((99999,), (), 1),
        ((99999,), ("--allow-partial",), 0),
    ],
)
def test_refused_request_makes_the_status_1_unless_it_is_allowed(run, hosts, requests_file, sizes, flags, status):
    path = requests_file(*(request(f"r{at}", size) for at, size in enumerate(sizes)))
    assert run("schedule", "--inventory", hosts, "--requests", path, *RAM_ONLY, *flags).status == status


# A made-up inventory


@pytest.mark.parametrize("where", ["flag before", "flag after", "file"])
def test_connection_type_fake_makes_up_an_inventory(run, tmp_path, where):
    flagfile = tmp_path / "nova.conf"
    flagfile.write_text("--connection_type=fake\n--verbose\n")
    command = ["schedule", "--flavor", "ram=4096,vcpus=2", "--count", "3"]
    argv = {
        "flag before": ["--connection_type=fake", *command],
        "flag after": [*command, "--connection-type", "fake"],
        "file": [*command, "--config-file", str(flagfile)],
    }[where]
    result = run(*argv)
    assert result.status == 0
    assert "(3 instances) on 36 hosts." in result.out
    assert ("RamFilter: 36 -> 36 hosts" in result.err) == (where == "file")


def test_verbose_tells_each_stage_and_each_choice_on_stderr(run, hosts):
    result = run("schedule", "--inventory", hosts, "--flavor", "ram=8000,vcpus=1", "--count", 2, "--verbose", *RAM_ONLY)
    lines = result.err.splitlines()
    (times,) = [line for line in lines if line.startswith("  time: ")]
    lines.remove(times)
    assert sorted(re.sub(r" \d+\.\d\d ms", "", times.removeprefix("  time: ")).split(", ")) == [
        "ComputeFilter",
        "RAMWeigher",
        "RamFilter",
    ]
    assert lines == [
        "#1: 2 x 8000 MiB, 1 vCPUs, 0 GiB",
        "  RamFilter: 3 -> 2 hosts",
        "  ComputeFilter: 2 -> 2 hosts",
        "  1: beta, weight 1: best of 2; RAM +1.00; 0.500 ahead of alpha",
        "  RamFilter: 2 -> 2 hosts",
        "  2: beta, weight 1: best of 2; RAM +1.00; 0.023 ahead of alpha",
        "filtersched: WARNING: Nothing in use reads vcpus=1 (CoreFilter would). --capacity-filters adds those for "
        "room.",
    ]


# Many requests


def test_requests_are_placed_in_order_and_each_is_real_for_the_next(run, hosts, requests_file):
    path = requests_file(request("a", 12000), request("b", 8000), request("c", 5000), request("d", 4000))
    result = run("schedule", "--inventory", hosts, "--requests", path, "--format", "json", *RAM_ONLY)
    assert placed(result) == {"a": ["beta"], "b": ["alpha"], "c": [], "d": ["beta"]}
    summary = result.json["summary"]
    assert (summary["requests"], summary["placed"], summary["refused"], summary["instances_placed"]) == (4, 3, 1, 3)
    assert summary["refused_by"] == {"RamFilter": {"requests": 1, "hosts": 3}}


def test_instances_leave_before_the_arrival_that_their_departure_is_not_later_than(run, hosts, requests_file):
    path = requests_file(
        request("a", 16384, arrives_at=0, departs_at=10),
        request("b", 16384, arrives_at=9),
        request("c", 16384, arrives_at=10, departs_at=11),
        request("d", 16384, arrives_at=12),
    )
    result = run("schedule", "--inventory", hosts, "--requests", path, "--format", "json", *RAM_ONLY)
    assert placed(result) == {"a": ["beta"], "b": [], "c": ["beta"], "d": ["beta"]}
    assert result.json["summary"]["instances_released"] == 2


def test_peak_is_the_most_that_was_in_use_at_any_time(run, hosts, requests_file):
    path = requests_file(
        request("a", 12288, arrives_at=0, departs_at=10),
        request("b", 8192, arrives_at=1, departs_at=10),
        request("c", 2048, arrives_at=20),
    )
    ram = run("schedule", "--inventory", hosts, "--requests", path, "--format", "json", *RAM_ONLY)
    # 20 of 48 GiB are in use before; 12 + 8 come, then go, and 2 come.
    assert ram.json["summary"]["utilisation"]["ram_mb"] == {
        "before": round(20 / 48, 6),
        "peak": round(40 / 48, 6),
        "final": round(22 / 48, 6),
    }


def test_request_is_placed_whole_or_leaves_no_trace(run, hosts, requests_file):
    path = requests_file(request("three", 8192, 3), request("four", 8192, 4), request("one", 8192))
    result = run("schedule", "--inventory", hosts, "--requests", path, "--format", "json", *RAM_ONLY)
    assert {name: sorted(on) for name, on in placed(result).items()} == {
        "three": ["alpha", "beta", "beta"],
        "four": [],
        "one": [],
    }
    assert result.json["summary"]["refused_by"]["RamFilter"]["requests"] == 2


def test_many_requests_are_a_summary(run, hosts, requests_file):
    path = requests_file(*(request(f"r{number}", 1024) for number in range(25)))
    result = run("schedule", "--inventory", hosts, "--requests", path, *RAM_ONLY)
    lines = [line.split() for line in result.out.splitlines()]
    assert lines[0][:6] == ["25", "requests", "on", "3", "hosts,", lines[0][5]]
    assert ["placed", "24", "(24", "instances)"] in lines
    assert ["refused", "1"] in lines
    assert ["ComputeFilter", "1", "1"] in lines
    assert ["RamFilter", "0", "2"] in lines
    assert ["RAM", "41.7", "%", "91.7", "%", "91.7", "%"] in lines
    assert "r7" not in result.out


def test_one_large_request_is_counted_by_host(run, hosts):
    result = run("schedule", "--inventory", hosts, "--flavor", "ram=100", "--count", 150, *RAM_ONLY)
    lines = [line.split() for line in result.out.splitlines()]
    # Spread by free memory: 8192 MiB are evened out with 82 instances, then both take turns.
    assert lines[:3] == [["HOST", "INSTANCES"], ["beta", "116"], ["alpha", "34"]]
    assert ["placed", "1", "(150", "instances)"] in lines


def test_near_misses_are_those_of_the_moment(run, hosts, requests_file):
    path = requests_file(request("big", 20000), request("small", 16000))
    result = run("schedule", "--inventory", hosts, "--requests", path, *RAM_ONLY)
    assert "beta lacks 3616 MB of RAM (free 16384, asked 20000)" in result.out


class AskedFilter(BaseHostFilter):
    """Counts how often it gives a reason, which only near misses ask for."""

    reasons = 0

    def host_passes(self, host_state, spec):
        return spec.memory_mb < 1000

    def rejection_reason(self, host_state, spec):
        type(self).reasons += 1
        return "asked"


ASKED = (
    "--scheduler-available-filters",
    f"{__name__}.AskedFilter",
    "--scheduler-default-filters",
    "AskedFilter",
    "--scheduler-weight-classes",
    "RAMWeigher",
)


@pytest.mark.parametrize(("count", "told", "reasons"), [(20, 20, 60), (21, 0, 0)])
def test_near_misses_are_looked_for_only_where_they_are_shown(run, hosts, requests_file, count, told, reasons):
    AskedFilter.reasons = 0
    path = requests_file(*(request(f"r{number}", 2000) for number in range(count)))
    result = run("schedule", "--inventory", hosts, "--requests", path, *ASKED)
    assert result.out.count("Nearest: ") == told
    assert AskedFilter.reasons == reasons


def test_refusals_among_few_requests_for_many_instances_are_shown(run, hosts, requests_file):
    path = requests_file(request("big", 2000), request("many", 1, 150), request("large", 3000))
    result = run("schedule", "--inventory", hosts, "--requests", path, *ASKED)
    assert [line for line in result.out.splitlines() if line.endswith("found none.")] == [
        "big: No valid host was found. Instance 1 of 1 found none.",
        "large: No valid host was found. Instance 1 of 1 found none.",
    ]
    assert result.out.count("Nearest: ") == 2
    assert "3 requests on 3 hosts" in result.out


def test_error_in_a_later_line_comes_after_the_requests_before_it(run, hosts, tmp_path):
    path = tmp_path / "requests.jsonl"
    fits = json.dumps(request("fits", 1))
    path.write_text("\n".join([fits, fits, "nonsense"]))
    result = run("schedule", "--inventory", hosts, "--requests", path, "--verbose")
    assert result.status == 2
    assert result.err.count("fits: 1 x 1 MiB") == 2
    assert f"{path}, line 3" in result.err


def test_request_that_makes_no_sense_is_located_by_its_own_line(run, hosts, requests_file):
    path = requests_file(request("fits", 1), request("odd", 1, instance_uuids=["u", "u"]), request("fits too", 1))
    result = run("schedule", "--inventory", hosts, "--requests", path)
    assert f"{path}, line 2" in result.err


def test_seed_makes_runs_the_same_to_the_byte(run, hosts, requests_file, tmp_path):
    path = requests_file(*(request(f"r{number}", 512, 2) for number in range(8)))
    lines = []
    for name, seed in (("one", 7), ("two", 7), ("three", 8)):
        output = tmp_path / name
        argv = ("--inventory", hosts, "--requests", path, "--host-subset-size", 3, "--seed", seed, "--output", output)
        assert run("schedule", *argv).status == 0
        lines.append(output.read_text())
    assert lines[0] == lines[1]
    assert lines[0] != lines[2]


def test_requests_and_inventory_may_be_one_file(run, tmp_path):
    both = tmp_path / "both.json"
    host = {"host": "a", "total_usable_ram_mb": 1024}
    both.write_text(json.dumps({"hosts": [host], "requests": [request("r", 512)]}))
    assert run("schedule", "--inventory", both, "--requests", both).status == 0


def test_reserve_is_taken_off_hosts_that_tell_only_a_total(run, tmp_path):
    path = tmp_path / "hosts.jsonl"
    path.write_text('{"host": "a", "total_usable_ram_mb": 4096, "ram_allocation_ratio": 1.0}')
    command = ("schedule", "--inventory", path, "--flavor", "ram=4096")
    assert run(*command).status == 1
    assert run(*command, "--reserved-host-memory-mb", 0).status == 0


def test_help_says_truly_what_a_negative_multiplier_of_memory_does(run, requests_file, tmp_path):
    shown = run("schedule", "--help").out.splitlines()
    (line,) = (line.strip() for line in shown if "--ram-weight-multiplier" in line)
    assert line == "--ram-weight-multiplier -1.0   prefer less free memory; the CPU and disk weighers still spread"
    inventory = tmp_path / "equal.jsonl"
    equal = {"vcpus_total": 8, "cpu_allocation_ratio": 1.0, "total_usable_ram_mb": 32768, "total_usable_disk_gb": 500}
    inventory.write_text("".join(json.dumps({"host": name, **equal}) + "\n" for name in ("a", "b")))
    flavor = {"memory_mb": 4096, "vcpus": 4}
    path = requests_file(request("r1", 0, flavor=flavor), request("r2", 0, flavor=flavor))
    argv = ("schedule", "--inventory", inventory, "--requests", path, "--format", "json")

    def chosen(*flags):
        return [one["selections"][0]["host"] for one in run(*argv, *flags).json["placements"]]

    assert chosen("--ram-weight-multiplier", "-1.0") == ["a", "b"]
    assert chosen("--ram-weight-multiplier", "-1.0", "--scheduler-weight-classes", "RAMWeigher") == ["a", "a"]
