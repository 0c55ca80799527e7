"""filtersched schedule: what it refuses to do, and says why."""

from __future__ import annotations

import pytest


def request(name, ram, count=1, **more):
    return {"request_id": name, "num_instances": count, "flavor": {"memory_mb": ram, "vcpus": 1}, **more}


def test_request_that_no_filter_can_understand_is_told_with_its_line(run, hosts, requests_file):
    path = requests_file(request("a", 1), {**request("b", 1), "scheduler_hints": {"query": "[not json"}})
    result = run("schedule", "--inventory", hosts, "--requests", path, "--filters", "JsonFilter")
    assert result.status == 2
    assert f"filtersched: error: {path}, line 2: " in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        ((), "which requests?"),
        (("--count", 2), "--count describes a request by flags; give its --flavor too"),
        (("--flavor", ""), "--flavor is empty"),
        (("--flavor", "ram"), "ram=4096,vcpus=2,disk=20"),
        (("--flavor", "rma=4096"), "'ram'"),
        (("--flavor", "ram=4G"), "must be a number (MiB), not '4G'"),
        (("--flavor", "ram=-4"), "zero or more"),
        (("--flavor", "ram=nan"), "finite number"),
        (("--flavor", "ram=" + "9" * 5000), "must be a number (MiB), not '999"),
        (("--flavor", "ram=" + "9" * 200), "below 1e100"),
        (("--flavor", "ram=1", "--count", "9" * 5000), "must be a whole number, not '999"),
        (("--flavor", "ram=1", "--filters", "ResourceFilter", "--extra-spec", f"resources:X={'9' * 5000}"), "not '999"),
        (("--flavor", "ram=1,memory=2"), "gives memory_mb twice"),
        (("--flavor", "ram=1", "--count", 0), "num_instances must be a whole number from 1 to 1000000"),
        (("--flavor", "ram=1", "--count", 10**9), "num_instances must be a whole number from 1 to 1000000"),
        (("--flavor", "ram=1", "--count", "two"), "must be a whole number, not 'two'"),
        (("--flavor", "ram=1", "--count", 2, "--instance-uuid", "u"), "--instance-uuid was given 1 times"),
        (("--flavor", "ram=1", "--hint", "query"), "--hint must be KEY=VALUE"),
        (("--flavor", "ram=1", "--extra-spec", "=1"), "--extra-spec must be KEY=VALUE"),
        (("--flavor", "ram=1", "--group-member", "u"), "need a --group-policy"),
        (("--flavor", "ram=1", "--now", "noon"), "--now must be a time"),
        (("--flavor", "ram=1", "--seed", "x"), "--seed"),
        (("--flavor", "ram=1", "--filters", "RamFiltre"), "'RamFilter'"),
        (("--flavor", "ram=1", "--format", "xml"), "--format"),
        (("--flavor", "ram=1", "--filters", " , "), "--filters names none"),
        (("--flavor", "ram=1", "--group-policy", "together"), "--group-policy"),
        (("--flavor", "ram=1", "--", "extra"), "'extra' is not understood"),
        (("--flavor", "ram=1", "--requests", "r.jsonl"), "either --requests or --flavor"),
        (("--flavor", "ram=1", "--ram-allocation-ratio", "-1"), "ram_allocation_ratio"),
        (("--flavor", "ram=1", "--scheduler_driver", "Nobody"), "Nobody"),
        (("--requests", "/nowhere.jsonl"), "/nowhere.jsonl: cannot be read: No such file or directory"),
    ],
)
def test_bad_arguments_are_one_clear_line_and_status_2(run, hosts, flags, word):
    result = run("schedule", "--inventory", hosts, *flags)
    assert result.status == 2
    assert result.err.startswith("filtersched: error: ")
    assert result.err.count("\n") == 1
    assert word in result.err
    assert result.out == ""


def test_inventory_is_asked_for(run):
    result = run("schedule", "--flavor", "ram=1")
    assert result.status == 2
    assert "which hosts? Give --inventory FILE, --pool URL, or --connection_type=fake" in result.err


def test_bad_inventory_is_told_with_its_line(run, tmp_path):
    path = tmp_path / "hosts.jsonl"
    path.write_text('{"host": "a"}\n{"host": "b", "vcpus_totl": 4}\n')
    result = run("schedule", "--inventory", path, "--flavor", "ram=1")
    assert result.status == 2
    assert f"{path}, line 2: " in result.err
    assert "'vcpus_total'" in result.err


def test_now_decides_whose_service_is_alive(run, tmp_path):
    path = tmp_path / "hosts.jsonl"
    path.write_text('{"host": "a", "service": {"updated_at": "2020-01-01T12:00:00"}}')
    command = ("schedule", "--inventory", path, "--flavor", "ram=0", "--filters", "ComputeFilter")
    assert run(*command).status == 1
    assert run(*command, "--now", "2020-01-01T12:01:00").status == 0
    assert run(*command, "--now", "2020-01-01T14:01:00+02:00").status == 0


def test_names_cannot_steer_the_terminal(run, tmp_path):
    path = tmp_path / "hosts.jsonl"
    path.write_text('{"host": "a\\u001b[31m[red]", "total_usable_ram_mb": 4096}')
    result = run("schedule", "--inventory", path, "--flavor", "ram=1")
    assert "a\\x1b[31m[red]" in result.out
    assert "\x1b" not in result.out
