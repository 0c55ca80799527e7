"""filtersched compare."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

SPREAD = "[filter_scheduler]\nenabled_filters = RamFilter,CoreFilter\nweight_classes = RAMWeigher\n"
PACK = SPREAD + "ram_weight_multiplier = -1.0\n"


@pytest.fixture
def files(tmp_path, hosts):
    requests = tmp_path / "requests.jsonl"
    lines = [
        {"request_id": f"r{number}", "flavor": {"memory_mb": 2048, "vcpus": 1}, "arrives_at": number}
        for number in range(16)
    ]
    requests.write_text("".join(json.dumps(one) + "\n" for one in lines))
    (tmp_path / "spread.conf").write_text(SPREAD)
    (tmp_path / "pack.conf").write_text(PACK)
    (tmp_path / "broken.conf").write_text("[filter_scheduler]\nram_weight_multiplier = x\n")
    return tmp_path


@pytest.fixture
def compare(run, hosts, files):
    def compare(*argv, configurations=("spread.conf", "pack.conf")):
        paths = [files / name for name in configurations]
        return run(
            "compare", "--inventory", hosts, "--requests", files / "requests.jsonl", "--jobs", "1", *paths, *argv
        )

    return compare


def test_table_has_a_row_for_each_metric_and_differences_from_the_first(compare):
    result = compare()
    rows = {line[:35].strip(): line[35:].split() for line in result.out.splitlines()}
    assert result.status == 0
    assert rows["METRIC"] == ["SPREAD.CONF", "PACK.CONF"]
    assert rows["requests placed"] == ["14", "14", "(+0)"]
    assert rows["by RamFilter"] == ["2", "2", "(+0)"]
    assert rows["on another host than in the first"][0] == "-"
    assert int(rows["on another host than in the first"][1]) > 0


def test_names_of_files_stand_in_the_table_as_they_are(compare, files):
    (files / "my_own.conf").write_text(SPREAD)
    assert compare(configurations=("my_own.conf",)).out.split()[:2] == ["METRIC", "MY_OWN.CONF"]


def test_json_has_the_comparison(compare):
    found = compare("--format", "json").json
    assert [one["name"] for one in found["configurations"]] == ["spread.conf", "pack.conf"]
    assert found["configurations"][1]["metrics"]["placed"]["difference"] == 0
    assert found["failed"] == []
    assert len(found["configurations"][0]["series"]["ram_mb"]) == 17


def test_configuration_that_cannot_be_loaded_is_named_and_the_others_go_on(compare):
    result = compare("--format", "json", configurations=("broken.conf", "missing.conf", "spread.conf"))
    assert result.status == 1
    assert [one["name"] for one in result.json["configurations"]] == ["spread.conf"]
    assert "filtersched: failed: broken.conf: " in result.err
    assert "ram_weight_multiplier" in result.err
    assert "failed: missing.conf: the file cannot be read: No such file or directory" in result.err


def test_no_configuration_that_can_be_loaded_is_an_error(compare):
    result = compare(configurations=("broken.conf",))
    assert result.status == 2
    assert result.err.splitlines()[-1].startswith("filtersched: error: nothing to compare: broken.conf: ")


def test_settings_on_the_command_line_win_over_all_configurations(compare):
    (_spread, pack) = compare("--format", "json", "--ram-weight-multiplier", "-1").json["configurations"]
    assert pack["metrics"]["elsewhere"]["mean"] == 0


def test_files_of_the_command_line_are_read_before_each_configuration(compare, files):
    (files / "base.conf").write_text("[filter_scheduler]\ncpu_allocation_ratio = 0.25\nram_weight_multiplier = -7\n")
    result = compare("--format", "json", "--config-file", files / "base.conf", configurations=("spread.conf",))
    (spread,) = result.json["configurations"]
    assert spread["refused_by"]["CoreFilter"] > 0


def test_results_are_a_line_each_and_resumed(compare, files):
    path = files / "runs.jsonl"
    assert compare("--results", path).status == 0
    assert [json.loads(line)["configuration"] for line in path.read_text().splitlines()] == ["spread.conf", "pack.conf"]
    first = path.read_text().splitlines()[0]
    path.write_text(first + "\n")
    assert compare("--results", path, "--resume").status == 0
    assert path.read_text().splitlines()[0] == first
    assert len(path.read_text().splitlines()) == 2


def test_capacity_filters_are_added_to_all_configurations(compare, files):
    (files / "none.conf").write_text("[filter_scheduler]\nenabled_filters =\nweight_classes = RAMWeigher\n")
    found = compare("--format", "json", "--capacity-filters", configurations=("none.conf",)).json
    assert found["configurations"][0]["refused_by"] == {"RamFilter": 2}


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--resume",), "--results FILE"),
        (("--seeds", "0"), "1 or more"),
        (("--jobs", "0"), "1 or more"),
        (("--seeds", "99999999999"), "at most 100,000"),
        (("--dask", "scheduler"), "tcp://scheduler:8786"),
        (("--jobs", "2", "--dask", "tcp://127.0.0.1:1"), "--jobs is for this machine"),
    ],
)
def test_flags_that_make_no_sense_are_errors(run, hosts, files, argv, said):
    given = ("--inventory", hosts, "--requests", files / "requests.jsonl", files / "pack.conf")
    result = run("compare", *given, *argv)
    assert result.status == 2
    assert said in result.err


def test_page_has_the_numbers_of_the_json(compare, files):
    pytest.importorskip("matplotlib", reason="the extra report is not installed")
    pytest.importorskip("jinja2", reason="the extra report is not installed")
    found = compare("--report", files / "report.html", "--format", "json").json
    page = (files / "report.html").read_text()
    elsewhere = found["configurations"][1]["metrics"]["elsewhere"]["mean"]
    cells = rf"on another host than in the first</t[hd]>\s*<td[^>]*>-</td>\s*<td[^>]*>{elsewhere:.0f}</td>"
    assert re.search(cells, page)
    assert "Hosts when fullest: pack.conf" in page
    assert page.count("<svg") > 5


@pytest.mark.parametrize("flag", ["--report", "--results"])
def test_no_file_that_is_read_is_overwritten(compare, files, hosts, flag):
    if flag == "--report":
        pytest.importorskip("matplotlib", reason="the extra report is not installed")
        pytest.importorskip("jinja2", reason="the extra report is not installed")
    for path in (files / "pack.conf", files / "requests.jsonl", hosts):
        before = path.read_text()
        result = compare(flag, path)
        assert (result.status, path.read_text()) == (2, before)
        assert "overwrite" in result.err


def test_configuration_named_twice_is_an_error(compare):
    result = compare(configurations=("pack.conf", "pack.conf"))
    assert result.status == 2
    assert "named twice" in result.err


def test_files_of_one_name_are_told_apart_by_their_folders(compare, files):
    (files / "other").mkdir()
    (files / "other" / "pack.conf").write_text(PACK)
    found = compare("--format", "json", configurations=("pack.conf", "other/pack.conf")).json
    assert [one["name"] for one in found["configurations"]] == [
        str(files / "pack.conf"),
        str(files / "other" / "pack.conf"),
    ]


def test_requests_out_of_order_are_an_error_with_the_line(run, hosts, files):
    path = files / "late.jsonl"
    path.write_text(
        '{"flavor": {"memory_mb": 1}, "arrives_at": 5}\n{"flavor": {"memory_mb": 1}, "arrives_at": 4}\n'
        '{"flavor": {"memory_mb": 1}, "arrives_at": 6, "departs_at": 1}\n'
    )
    result = run("compare", "--inventory", hosts, "--requests", path, files / "pack.conf")
    assert result.status == 2
    assert "line 2: arrives_at is 4, before the 5 of line 1" in result.err
    assert "line 3: departs_at is 1, before arrives_at, 6" in result.err


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs signals to a process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["interrupt", "kill"])
def test_end_of_the_command_ends_its_workers_and_keeps_finished_runs(hosts, files, number):
    (files / "drawn.conf").write_text(SPREAD + "host_subset_size = 2\n")
    results = files / "runs.jsonl"
    argv = ("--inventory", hosts, "--requests", files / "requests.jsonl", files / "drawn.conf", "--seeds", "5000")
    command = [sys.executable, "-m", "filtersched", "compare", *argv, "--jobs", "2", "--results", results]

    def signals():
        # A shell that runs tests in the background ignores Ctrl-C, and hands that down.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    argv, pipe = list(map(str, command)), subprocess.PIPE
    with subprocess.Popen(argv, stdout=pipe, stderr=pipe, preexec_fn=signals) as process:
        deadline = time.monotonic() + 120
        while not (results.exists() and results.read_text().count("\n") > 2):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(number)
        # The workers have the same standard error: it ends when the last of them has.
        _out, err = process.communicate(timeout=240)
    assert process.returncode in (130, -number), err
    assert err == b""
    lines = [line for line in results.read_text().splitlines(keepends=True) if line.endswith("\n")]
    assert [json.loads(line)["configuration"] for line in lines] == ["drawn.conf"] * len(lines)
