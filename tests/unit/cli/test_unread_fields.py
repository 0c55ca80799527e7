"""What requests ask for and nothing in use reads: told, counted, and an error with --strict."""

from __future__ import annotations

import json

import pytest

RAM_ONLY = ("--enabled-filters", "RamFilter,ComputeFilter")


@pytest.fixture
def schedule(run, hosts):
    def schedule(*argv):
        return run("schedule", "--inventory", hosts, *argv)

    return schedule


def test_fields_are_told_on_stderr_with_who_would_read_them(schedule):
    asked = ("--flavor", "ram=1,vcpus=500", "--hint", "group=g1", "--extra-spec", "trait:HW_A=required")
    result = schedule(*asked, *RAM_ONLY)
    assert result.status == 0
    assert result.err == (
        "filtersched: WARNING: Nothing in use reads vcpus=500 (CoreFilter would), extra_specs.trait:HW_A=required "
        "(TraitsFilter would), scheduler_hints.group=g1 (no plug-in of the library would). --capacity-filters adds "
        "those for room.\n"
    )


def test_request_whose_every_wish_is_read_says_nothing(schedule):
    assert schedule("--flavor", "ram=1", *RAM_ONLY).err == ""


def test_json_has_them_in_each_request_and_counted_in_the_summary(schedule, requests_file):
    requests = requests_file({"flavor": {"vcpus": 1}}, {"flavor": {"vcpus": 2}}, {"flavor": {"memory_mb": 1}})
    result = schedule("--requests", requests, *RAM_ONLY, "--format", "json").json
    assert [[one["field"] for one in each["unread"]] for each in result["placements"]] == [["vcpus"], ["vcpus"], []]
    (counted,) = result["summary"]["unread"]
    assert (counted["field"], counted["requests"], counted["would_read"][0]) == ("vcpus", 2, "CoreFilter")


@pytest.mark.parametrize("asked", [1, ["a", "b"]])
def test_json_lines_have_what_was_asked_whatever_it_is(schedule, requests_file, asked):
    request = {"flavor": {}, "scheduler_hints": {"x": asked}, "retry": {"hosts": ["a"]}}
    result = schedule("--requests", requests_file(request, request), *RAM_ONLY, "--format", "jsonl")
    for line in result.out.splitlines():
        assert {one["field"]: one["value"] for one in json.loads(line)["unread"]} == {
            "scheduler_hints.x": asked,
            "retry": ["a"],
        }


def test_many_requests_are_one_warning_with_counts(schedule, requests_file):
    hinted = {"flavor": {}, "scheduler_hints": {"x": 1}}
    requests = requests_file({"flavor": {"vcpus": 1}}, {"flavor": {"vcpus": 2}}, hinted)
    assert schedule("--requests", requests, *RAM_ONLY).err == (
        "filtersched: WARNING: Nothing in use reads vcpus of 2 requests (CoreFilter would), scheduler_hints.x of a "
        "request (no plug-in of the library would). --capacity-filters adds those for room.\n"
    )


def test_strict_makes_it_an_error_before_anything_is_placed(schedule, tmp_path):
    result = schedule("--flavor", "ram=1,vcpus=500", *RAM_ONLY, "--strict")
    assert (result.status, result.out) == (2, "")
    assert result.err == "filtersched: error: nothing in use reads vcpus=500 (CoreFilter would) (--strict)\n"


def test_strict_names_the_line_of_the_request(schedule, requests_file):
    requests = requests_file({"flavor": {"memory_mb": 1}}, {"flavor": {"vcpus": 2}})
    result = schedule("--requests", requests, *RAM_ONLY, "--strict")
    assert result.status == 2
    assert "requests.jsonl, line 2: nothing in use reads vcpus=2" in result.err


SILENT = """\
from filtersched import BaseHostFilter

class SilentFilter(BaseHostFilter):
    def host_passes(self, host, spec):
        return True
"""


def test_undeclared_plugin_may_read_it_which_strict_forgives(schedule, tmp_path, monkeypatch):
    (tmp_path / "my_silent.py").write_text(SILENT)
    monkeypatch.syspath_prepend(str(tmp_path))
    flags = ("--available-filters", "my_silent.SilentFilter", "--enabled-filters", "SilentFilter", "--strict")
    result = schedule("--flavor", "vcpus=2", *flags)
    assert result.status == 0
    assert "vcpus=2 (SilentFilter may, CoreFilter would)" in result.err


def test_settings_without_a_filter_for_room_are_told_as_such(schedule):
    result = schedule("--flavor", "ram=99999999,vcpus=2", "--enabled-filters", "ComputeFilter")
    assert result.status == 0
    assert result.err == (
        "filtersched: WARNING: No filter in use refuses a host for lack of room. RamFilter, CoreFilter and DiskFilter "
        "would; --capacity-filters adds them, as Placement would check.\n"
    )


def test_capacity_filters_refuse_what_has_no_room(schedule):
    result = schedule("--flavor", "ram=99999999", "--enabled-filters", "ComputeFilter", "--capacity-filters")
    assert (result.status, result.err) == (1, "")
    assert "RamFilter" in result.out


def test_capacity_filters_come_once_and_beside_those_of_the_command_line(schedule):
    flags = ("--filters", "AggregateRamFilter", "--capacity-filters", "--format", "json")
    steps = schedule("--flavor", "ram=1,vcpus=99999", *flags).json["placements"][0]["refusal"]["steps"]
    assert [one["filter"] for one in steps] == ["AggregateRamFilter", "CoreFilter"]


def test_capacity_filters_for_a_driver_without_filters_are_an_error(schedule):
    result = schedule("--flavor", "ram=1", "--capacity-filters", "--scheduler-driver", "ChanceScheduler")
    assert result.status == 2
    assert "ChanceScheduler uses no filters" in result.err


def test_names_from_files_do_not_steer_the_terminal(schedule, requests_file):
    result = schedule("--requests", requests_file({"flavor": {}, "scheduler_hints": {"a\u001b[31m": "b"}}), *RAM_ONLY)
    assert "\u001b" not in result.err
