"""filtersched schedule --output: the file of placements."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from decimal import Decimal

import pytest

from filtersched import BaseHostFilter, Shortage

RAM_ONLY = ("--scheduler-weight-classes", "RAMWeigher", "--scheduler-default-filters", "RamFilter,ComputeFilter")


def request(name, ram, count=1, **more):
    return {"request_id": name, "num_instances": count, "flavor": {"memory_mb": ram, "vcpus": 1}, **more}


def test_output_is_a_line_for_each_request(run, hosts, requests_file, tmp_path):
    output = tmp_path / "placements.jsonl"
    path = requests_file(request("fits", 1024, 2, arrives_at=3, departs_at=9), request("not", 99999, arrives_at=4))
    result = run("schedule", "--inventory", hosts, "--requests", path, "--output", output, "--alternates", *RAM_ONLY)
    assert result.status == 1
    fits, refused = map(json.loads, output.read_text().splitlines())
    assert [fits[key] for key in ("request", "request_id", "placed", "arrives_at", "departs_at", "num_instances")] == [
        *(1, "fits", True, 3, 9, 2)
    ]
    chosen = [(one["index"], one["host"], one["weight"]) for one in fits["selections"]]
    assert chosen == [(0, "beta", 1.0), (1, "beta", 1.0)]
    assert len({one["instance_uuid"] for one in fits["selections"]}) == 2
    assert refused["placed"] is False
    assert refused["refusal"]["refused"] == {"RamFilter": 3}
    assert refused["refusal"]["steps"] == [{"filter": "RamFilter", "before": 3, "after": 0}]
    nearest = refused["refusal"]["near_misses"][0]
    assert nearest["host"] == "beta"
    refused = {one["filter"]: one["shortage"] for one in nearest["verdicts"] if not one["passed"]}
    assert (list(refused), refused["RamFilter"]["need"], refused["RamFilter"]["have"]) == (["RamFilter"], 99999, 14336)


def test_lines_are_what_json_writes(run, hosts, requests_file, tmp_path):
    output = tmp_path / "placements.jsonl"
    wishes = {"scheduler_hints": {"odd": [1, "ü", None, True]}, "project_id": 'a "b"\\'}
    path = requests_file(
        request('réq "1"\n\t\\', 1024, 2, arrives_at=3, departs_at=1e22, **wishes),
        request("two", 512.5, arrives_at=3.25),
        {"flavor": {"memory_mb": 99999}},
    )
    flags = ("--alternates", "--host-subset-size", "2", "--allow-partial", "--capacity-filters")
    run("schedule", "--inventory", hosts, "--requests", path, "--output", output, *flags)
    lines = output.read_text().splitlines()
    assert [json.dumps(json.loads(line)) for line in lines] == lines
    assert [json.loads(line)["request_id"] for line in lines] == ['réq "1"\n\t\\', "two", None]


def test_output_replaces_a_file_and_keeps_its_permissions(run, hosts, tmp_path):
    output = tmp_path / "placements.jsonl"
    output.write_text("before\n")
    output.chmod(0o640)
    assert run("schedule", "--inventory", hosts, "--flavor", "ram=1", "--output", output).status == 0
    assert json.loads(output.read_text())["placed"] is True
    assert output.stat().st_mode & 0o777 == 0o640


def test_output_is_whole_where_files_need_a_name(run, hosts, tmp_path, monkeypatch):
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    output = tmp_path / "placements.jsonl"
    for _turn in range(2):
        assert run("schedule", "--inventory", hosts, "--flavor", "ram=1", "--output", output).status == 0
        assert json.loads(output.read_text())["placed"] is True
    assert sorted(os.listdir(tmp_path)) == ["hosts.jsonl", "placements.jsonl"]


def test_output_is_whole_where_a_file_cannot_be_named_later(run, hosts, tmp_path, monkeypatch):
    def forbidden(*_args, **_kwargs):
        raise PermissionError

    monkeypatch.setattr(os, "link", forbidden)
    output = tmp_path / "placements.jsonl"
    assert run("schedule", "--inventory", hosts, "--flavor", "ram=1", "--output", output).status == 0
    assert json.loads(output.read_text())["placed"] is True
    assert sorted(os.listdir(tmp_path)) == ["hosts.jsonl", "placements.jsonl"]


def test_output_has_the_permissions_of_a_new_file(run, hosts, tmp_path):
    output = tmp_path / "placements.jsonl"
    before = os.umask(0o027)
    try:
        run("schedule", "--inventory", hosts, "--flavor", "ram=1", "--output", output)
    finally:
        os.umask(before)
    assert output.stat().st_mode & 0o777 == 0o640


def test_failed_run_leaves_the_file_of_before_and_nothing_else(run, hosts, tmp_path):
    requests = tmp_path / "requests.jsonl"
    requests.write_text(json.dumps(request("fits", 1)) + "\nnonsense\n")
    folder = tmp_path / "results"
    folder.mkdir()
    output = folder / "placements.jsonl"
    output.write_text("before\n")
    result = run("schedule", "--inventory", hosts, "--requests", requests, "--output", output)
    assert result.status == 2
    assert f"{requests}, line 2" in result.err
    assert output.read_text() == "before\n"
    assert os.listdir(folder) == ["placements.jsonl"]


@pytest.mark.parametrize("path", ["/nowhere/at/all.jsonl", "."])
def test_output_that_cannot_be_made_is_an_error(run, hosts, path):
    result = run("schedule", "--inventory", hosts, "--flavor", "ram=1", "--output", path)
    assert result.status == 2
    assert f"filtersched: error: {path} cannot be written: " in result.err


@pytest.mark.slow
@pytest.mark.parametrize("path", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
def test_output_to_the_standard_output_leaves_the_report_to_the_standard_error(hosts, tmp_path, path):
    (tmp_path / "link").symlink_to("/dev/stdout")
    (tmp_path / "result").write_text("before\n")
    bash(f"schedule --inventory {hosts} --flavor ram=1 --output {path} >> result 2> report", tmp_path)
    before, record = (tmp_path / "result").read_text().splitlines()
    assert before == "before"
    assert json.loads(record)["placed"] is True
    assert (tmp_path / "report").read_text().startswith("REQUEST")


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    ["--output >(cat > result) | cat", "--output /dev/fd/3 3>result", "--output fifo & cat fifo > result; wait"],
)
def test_output_to_a_pipe_or_an_open_file_is_written_there(hosts, tmp_path, line):
    os.mkfifo(tmp_path / "fifo")
    bash(f"schedule --inventory {hosts} --flavor ram=1 {line}", tmp_path)
    assert json.loads((tmp_path / "result").read_text())["placed"] is True


def test_output_to_an_open_file_that_is_not_open_is_an_error(run, hosts):
    result = run("schedule", "--inventory", hosts, "--flavor", "ram=1", "--output", "/dev/fd/99")
    assert result.status == 2
    assert result.err == "filtersched: error: /dev/fd/99 cannot be written: Bad file descriptor\n"


def bash(arguments, directory):
    """Run the command by bash in a directory."""
    command = f"{sys.executable} -m filtersched {arguments}"
    subprocess.run(["bash", "-c", command], cwd=directory, check=True, capture_output=True, timeout=240)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
def test_full_device_is_an_error(run, hosts):
    result = run("schedule", "--inventory", hosts, "--flavor", "ram=1", "--output", "/dev/full")
    assert result.status == 2
    assert result.err == "filtersched: error: /dev/full cannot be written: No space left on device\n"


def test_full_disk_is_an_error_and_leaves_the_file_of_before(run, hosts, requests_file, tmp_path):
    path = requests_file(*(request(f"r{number}", 1) for number in range(100)))
    output = tmp_path / "placements.jsonl"
    output.write_text("before\n")
    old_limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    old_handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, old_limits[1]))
    try:
        result = run("schedule", "--inventory", hosts, "--requests", path, "--output", output)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old_limits)
        signal.signal(signal.SIGXFSZ, old_handler)
    assert result.status == 2
    assert "cannot be written: File too large" in result.err
    assert output.read_text() == "before\n"


@pytest.mark.parametrize("flag", ["--inventory", "--requests"])
def test_output_never_overwrites_an_input(run, hosts, requests_file, flag):
    requests = requests_file(request("r", 1))
    target = {"--inventory": hosts, "--requests": requests}[flag]
    before = target.read_text()
    result = run("schedule", "--inventory", hosts, "--requests", requests, "--output", target)
    assert result.status == 2
    assert "would overwrite" in result.err
    assert target.read_text() == before


# -- near misses --------------------------------------------------------------------------------


class OddShortageFilter(BaseHostFilter):
    """Refuses all hosts for reasons that nobody can reckon with."""

    def host_passes(self, host_state, spec):
        return False

    def rejection_reason(self, host_state, spec):
        return Shortage(None, float("nan"), Decimal("1.5"), object)


def misses_of(records):
    return [len(one["refusal"]["near_misses"]) if "near_misses" in one["refusal"] else None for one in records]


def test_near_misses_are_named_for_the_first_refused_requests(run, hosts, requests_file, tmp_path):
    output = tmp_path / "placements.jsonl"
    path = requests_file(*(request(f"r{nr}", 99999) for nr in range(30)))
    argv = ("schedule", "--inventory", hosts, "--requests", path, *RAM_ONLY)
    assert run(*argv, "--output", output).status == 1
    assert misses_of(map(json.loads, output.read_text().splitlines())) == [3] * 20 + [None] * 10
    assert misses_of(run(*argv, "--format", "json").json["placements"]) == [3] * 20 + [None] * 10


@pytest.mark.parametrize(("wanted", "named"), [(0, [None, None]), (1, [3, None]), (2, [3, 3])])
def test_as_many_near_misses_are_named_as_the_command_line_says(run, hosts, requests_file, wanted, named):
    path = requests_file(request("r1", 99999), request("r2", 99999))
    argv = ("schedule", "--inventory", hosts, "--requests", path, "--near-misses", wanted, *RAM_ONLY)
    assert misses_of(run(*argv, "--format", "json").json["placements"]) == named
    assert run(*argv).out.count("Nearest: beta lacks") == wanted


def test_number_of_near_misses_below_zero_is_an_error(run, hosts):
    result = run("schedule", "--inventory", hosts, "--flavor", "ram=1", "--near-misses", "-1")
    assert result.status == 2
    assert "--near-misses: must be a whole number, 0 or more, not '-1'" in result.err


def test_shortage_that_is_no_number_is_written_in_words(run, hosts):
    plugin = f"{__name__}.OddShortageFilter"
    argv = ("--inventory", hosts, "--flavor", "ram=1", "--scheduler-available-filters", plugin)
    argv += ("--scheduler-default-filters", "OddShortageFilter")
    (record,) = run("schedule", *argv, "--format", "json").json["placements"]
    (verdict,) = record["refusal"]["near_misses"][0]["verdicts"]
    shortage = verdict["shortage"]
    assert (shortage["what"], shortage["need"], shortage["have"], shortage["unit"]) == ("None", "nan", 1.5, str(object))
    assert run("why", "alpha", *argv).status == 1
