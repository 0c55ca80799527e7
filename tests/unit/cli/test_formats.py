"""Formats, columns and order of what the commands list; requests as a table, the refused among them."""

from __future__ import annotations

import csv
import json

import pytest

RAM_ONLY = ("--scheduler-weight-classes", "RAMWeigher", "--scheduler-default-filters", "RamFilter,ComputeFilter")


def request(name, ram, count=1, **more):
    return {"request_id": name, "num_instances": count, "flavor": {"memory_mb": ram, "vcpus": 1}, **more}


THREE = (request("two", 1024, 2), request("big", 99999), request("one", 512))


@pytest.fixture
def schedule(run, hosts, requests_file):
    """Places two instances, refuses one request, places another."""

    def schedule(*flags, requests=THREE):
        path = requests_file(*requests)
        return run("schedule", "--inventory", hosts, "--requests", path, *RAM_ONLY, *flags)

    return schedule


def rows(result):
    return list(csv.DictReader(result.out.splitlines()))


def test_csv_has_a_row_for_each_instance_and_for_each_refused_request(schedule):
    result = schedule("--format", "csv", "--alternates")
    assert result.status == 1
    found = [(row["request"], row["instance"], row["result"], row["host"]) for row in rows(result)]
    assert found == [
        ("two", "1", "placed", "beta"),
        ("two", "2", "placed", "beta"),
        ("big", "", "refused", ""),
        ("one", "1", "placed", "beta"),
    ]
    first, _second, big, _one = rows(result)
    assert (first["weight"], first["runner_up"], first["margin"]) == ("1.0", "alpha", "0.5")
    assert first["alternates"] == "alpha"
    assert big["why"] == "refused by RamFilter 3"


@pytest.mark.parametrize("form", ["csv", "name", "jsonl"])
def test_rows_of_programs_are_written_as_requests_are_placed(schedule, form):
    result = schedule("--format", form, requests=[request("fits", 1), request("odd", 1, instance_uuids=["u", "u"])])
    assert result.status == 2
    assert "beta" in result.out


def test_names_are_the_chosen_hosts_and_the_refused_are_told_beside_them(schedule):
    result = schedule("--format", "name")
    assert result.out == "beta\nbeta\nbeta\n"
    assert result.err.splitlines()[0] == "filtersched: refused: big (RamFilter)"


def test_json_lines_are_what_output_writes(schedule, tmp_path):
    lines = schedule("--format", "jsonl", "--seed", 1).out
    schedule("--output", tmp_path / "o", "--seed", 1)
    assert lines == (tmp_path / "o").read_text()
    assert [json.loads(line)["request_id"] for line in lines.splitlines()] == ["two", "big", "one"]


def test_json_of_a_placement_has_shares_runner_up_and_margin(schedule):
    document = schedule("--format", "json").json
    assert document["version"] == 1
    selection = document["placements"][0]["selections"][0]
    share = {"weigher": "RAMWeigher", "contribution": 1.0, "raw": 16384.0, "normalized": 1.0, "multiplier": 1.0}
    assert selection["shares"] == [share]
    assert (selection["runner_up"], selection["margin"]) == ("alpha", 0.5)


def test_all_is_a_table_of_every_request_the_refused_among_them(schedule):
    many = [request(f"r{number}", 99999 if number == 7 else 1) for number in range(30)]
    result = schedule("--all", requests=many)
    heading, *lines = (line.split() for line in result.out.splitlines())
    assert heading == ["REQUEST", "INSTANCE", "HOST", "WEIGHT", "WHY"]
    assert [line[0] for line in lines[:30]] == [f"r{number}" for number in range(30)]
    assert lines[7] == ["r7", "1", "-", "-", "refused", "by", "RamFilter", "3"]
    assert "r7: No valid host was found." in result.out


def test_summary_names_the_refused(schedule):
    sizes = {3: 99999, 7: 99999}
    result = schedule(requests=[request(f"r{number}", sizes.get(number, 1)) for number in range(30)])
    assert "Refused by RamFilter: r3, r7" in result.out.splitlines()


def test_summary_says_how_many_refused_it_does_not_name(schedule):
    result = schedule(requests=[request(f"r{number}", 99999) for number in range(250)])
    assert "r199" in result.out
    assert "r200" not in result.out
    assert result.out.splitlines()[-1] == "and 50 more refused requests; --all or --format csv names them"


def test_columns_are_chosen_and_sorted(schedule):
    result = schedule("--format", "csv", "--columns", "host,request,instance", "--sort", "-request,instance")
    assert result.out.splitlines() == ["host,request,instance", "beta,two,1", "beta,two,2", "beta,one,1", ",big,"]


def test_rows_without_a_value_come_last_in_both_directions(schedule):
    for order in ("weight", "-weight"):
        result = schedule("--format", "csv", "--columns", "request,weight", "--sort", order)
        assert result.out.splitlines()[-1] == "big,"


def test_wide_shows_more_columns(schedule):
    heading = schedule("--format", "wide").out.splitlines()[0]
    expected = "REQUEST INSTANCE RESULT HOST NODE UUID WEIGHT RUNNER UP MARGIN ALTERNATES SEED PROFILE WHY"
    assert " ".join(heading.split()) == expected


def test_alternates_show_in_text(schedule):
    heading, first, *_rest = schedule("--alternates", requests=[request("r", 1)]).out.splitlines()
    assert heading.split() == ["REQUEST", "INSTANCE", "HOST", "WEIGHT", "ALTERNATES", "WHY"]
    assert first.split()[4] == "alpha"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--columns", "hosts"), ("no column 'hosts'", "Did you mean 'host'?", "request, instance, result, host")),
        (("--sort", "-wight"), ("no column 'wight'", "'weight'")),
        (("--format", "json", "--columns", "host"), ("--columns is for tables; --format json has none",)),
        (("--format", "jsonl", "--sort", "host"), ("--sort is for tables; --format jsonl has none",)),
        (("--format", "name", "--columns", "host"), ("--columns is for tables",)),
        (("--columns", ","), ("--columns names none. There are request, instance",)),
        (("--sort", ""), ("--sort names none",)),
        (("--format", "yaml"), ("invalid choice: 'yaml'",)),
    ],
)
def test_columns_and_formats_that_are_not_there_are_errors(schedule, flags, words):
    result = schedule(*flags)
    assert (result.status, result.out) == (2, "")
    assert all(word in result.err for word in words)


@pytest.mark.parametrize("command", [("plugins",), ("files",)])
def test_lists_have_every_format(run, command):
    names = run(*command, "--format", "name").out.splitlines()
    key = {"plugins": "name", "files": "file"}[command[0]]
    document = run(*command, "--format", "json").json
    assert document["version"] == 1
    assert [one[key] for one in document[command[0]]] == names
    lines = [json.loads(line) for line in run(*command, "--format", "jsonl").out.splitlines()]
    assert lines == [{"version": 1, **one} for one in document[command[0]]]
    assert [row[key] for row in rows(run(*command, "--format", "csv"))] == names
    assert len(run(*command, "--format", "wide").out.splitlines()) == 1 + len(names)
    assert run(*command, "--format", "name", "--sort", f"-{key}").out.splitlines() == sorted(names, reverse=True)
