"""filtersched drain and rebalance."""

from __future__ import annotations

import json

import jsonschema
import pytest

GROUPS = [{"uuid": "g", "policy": "anti-affinity"}]


def instance(uuid, ram=2048, **more):
    return {"uuid": uuid, "flavor": {"memory_mb": ram, "vcpus": 2}, **more}


@pytest.fixture
def running(tmp_path):
    """Three hosts of 8 GiB: two instances on a, one on b, none on c; i1 and i3 belong apart."""
    path = tmp_path / "running.jsonl"
    on = {"a": [instance("i1", groups=["g"]), instance("i2")], "b": [instance("i3", groups=["g"])], "c": []}
    lines = [
        {
            "host": name,
            "vcpus_total": 8,
            "vcpus_used": 2 * len(there),
            "total_usable_ram_mb": 8192,
            "free_ram_mb": 8192 - 2048 * len(there),
            "instances": there,
        }
        for name, there in on.items()
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def groups(tmp_path):
    path = tmp_path / "groups.json"
    path.write_text(json.dumps(GROUPS))
    return path


def test_drain_shows_the_moves_in_order_and_what_they_come_to(run, running, groups):
    result = run("drain", "a", "--inventory", running, "--groups", groups)
    lines = result.out.splitlines()
    assert result.status == 0
    assert [line.split()[:4] for line in lines[1:3]] == [["1", "i1", "a", "c"], ["2", "i2", "a", "b"]]
    assert "2 moves: instances on the drained hosts 2 -> 0." in result.out


def test_drain_that_leaves_an_instance_has_status_1(run, running, groups):
    result = run("drain", "b", "c", "--inventory", running, "--groups", groups)
    assert result.status == 1
    assert "Left where they are" in result.out
    assert "i3 on b: No valid host was found." in result.out


def test_json_has_the_plan_as_data(run, running, groups):
    found = run("drain", "a", "--inventory", running, "--groups", groups, "--format", "json").json
    assert (found["goal"], found["reached"], found["gain"]) == ("drain", True, 2)
    assert [(move["number"], move["target"]) for move in found["moves"]] == [(1, "c"), (2, "b")]


def test_rebalance_stops_at_the_moves_asked(run, running, groups):
    result = run("rebalance", "--inventory", running, "--groups", groups, "--moves", "1", "--format", "name")
    assert (result.status, result.out) == (0, "1\n")


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (("drain",), "which hosts?"),
        (("drain", "aa"), "no host 'aa'"),
        (("drain", "a"), "'g' of instance i1"),
        (("rebalance", "--min-gain", "-1"), "zero or more"),
        (("rebalance", "--moves", "x"), "whole number"),
        (("rebalance", "--keep-free", "10%"), "for --goal empty"),
        (("rebalance", "--goal", "empty", "--keep-free", "110%"), "a share"),
        (("rebalance", "--goal", "empty", "--min-gain", "1"), "for --goal even"),
        (("rebalance", "--scheduler_driver=ChanceScheduler"), "uses no filters"),
    ],
)
def test_what_cannot_be_planned_is_one_line(run, running, argv, word):
    result = run(*argv, "--inventory", running)
    assert result.status == 2
    assert word in result.err
    assert result.err.count("\n") == 1


def test_emptied_hosts_are_named_to_be_switched_off(run, running, groups):
    flags = ("--goal", "empty", "--keep-free", "10%", "--filters", "RamFilter")
    result = run("rebalance", "--inventory", running, *flags, "--groups", groups)
    assert result.status == 0
    # i1 and i3 stay apart, so two hosts stay in use.
    assert "0 moves: hosts in use 2 -> 2." in result.out


def test_audit_shows_who_breaks_which_rule(run, running, groups, tmp_path):
    assert run("audit", "--inventory", running, "--groups", groups).status == 0
    together = tmp_path / "together.json"
    together.write_text(json.dumps([{"uuid": "g", "policy": "affinity"}]))
    result = run("audit", "--inventory", running, "--groups", together)
    assert result.status == 1
    assert result.out.splitlines()[1].split()[:3] == ["i1", "a", "GroupRulesFilter:"]
    assert "2 of 3 instances are refused their own hosts." in result.out


def test_rules_are_mended_by_the_fewest_moves(run, running, tmp_path):
    together = tmp_path / "together.json"
    together.write_text(json.dumps([{"uuid": "g", "policy": "affinity"}]))
    result = run("rebalance", "--goal", "rules", "--inventory", running, "--groups", together, "--format", "json")
    assert (result.status, result.json["reached"], len(result.json["moves"])) == (0, True, 1)


@pytest.fixture
def in_aggregate(running):
    lines = [json.loads(line) for line in running.read_text().splitlines()]
    for line in lines:
        line["aggregates"] = [{"name": "az1", "metadata": {}}]
    running.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return running


def test_waves_show_their_hosts_and_the_moves_of_each_round(run, in_aggregate, groups):
    flags = ("--aggregate", "az1", "--at-once", "2", "--groups", groups, "--inventory", in_aggregate)
    result = run("waves", *flags, "--filters", "RamFilter")
    assert result.status == 0
    # i1 and i3 belong apart, so b and c cannot be empty at the same time.
    assert result.out.splitlines()[-3:] == ["Wave 1: c (0 moves)", "Wave 2: b (1 move)", "Wave 3: a (2 moves)"]
    found = run("waves", *flags, "--filters", "RamFilter", "--format", "json").json
    assert [wave["hosts"] for wave in found["waves"]] == [["c"], ["b"], ["a"]]


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        ((), "Name an aggregate"),
        (("--aggregate", "az2"), "no host is in an aggregate 'az2'"),
        (("--aggregate", "az1", "--at-once", "0"), "above 0"),
    ],
)
def test_waves_that_cannot_be_planned_are_one_line(run, in_aggregate, groups, argv, word):
    result = run("waves", *argv, "--inventory", in_aggregate, "--groups", groups)
    assert result.status == 2
    assert word in result.err


@pytest.fixture
def schema(run):
    def schema(name):
        return jsonschema.Draft202012Validator(json.loads(run("files", f"{name}.schema.json").out))

    return schema


# Each host has 8 GiB of memory.
LARGE = ("--flavor", "ram=8192,vcpus=1", "--filters", "RamFilter", "--try-moves", "--ram-allocation-ratio", "1.0")


@pytest.fixture
def full(running):
    """The same hosts, with another instance on c."""
    lines = [json.loads(line) for line in running.read_text().splitlines()]
    lines[2] |= {"instances": [instance("i4")], "free_ram_mb": 6144, "vcpus_used": 2}
    running.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return running


def test_refused_request_is_told_after_which_moves_it_fits(run, full, groups):
    result = run("schedule", "--inventory", full, "--groups", groups, *LARGE)
    assert result.status == 1
    assert "Fits after 1 move: i3 from b to c." in result.out


def test_moves_for_a_refused_request_are_in_its_record(run, full, groups, schema):
    result = run("schedule", "--inventory", full, "--groups", groups, *LARGE, "--format", "json")
    schema("schedule").validate(result.json)
    found = result.json["placements"][0]["refusal"]["after_moves"]
    assert (found["fits"], [move["target"] for move in found["moves"]]) == (True, ["c"])


def test_why_tells_the_same(run, full, groups, schema):
    assert "Fits after 1 move: i3 from b to c." in run("why", "a", "--inventory", full, "--groups", groups, *LARGE).out
    document = run("why", "a", "--inventory", full, "--groups", groups, *LARGE, "--format", "json").json
    schema("why").validate(document)
    assert document["after_moves"]["fits"] is True


def test_request_for_which_no_moves_make_room_is_told_so(run, full, groups):
    flags = ("--flavor", "ram=9000", "--filters", "RamFilter", "--try-moves", "--groups", groups)
    assert "No moves make room for it." in run("schedule", "--inventory", full, *flags).out


def test_members_of_a_group_placed_by_the_same_run_are_known(run, requests_file, hosts):
    group = {"uuid": "web", "policy": "anti-affinity"}
    requests = requests_file(
        {"instance_group": group, "flavor": {"memory_mb": 9000}},
        {"flavor": {"memory_mb": 16384}},
    )
    result = run("schedule", "--inventory", hosts, "--requests", requests, "--try-moves")
    assert result.status == 1
    assert "No moves make room for it." in result.out


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (("--groups", "g.json"), "give that too"),
        (("--try-moves", "--scheduler_driver=ChanceScheduler"), "uses no filters"),
        (("--try-moves", "--profile", "default"), "leave --profile out"),
    ],
)
def test_moves_that_cannot_be_tried_are_one_line(run, full, flags, word):
    result = run("schedule", "--inventory", full, "--flavor", "ram=1", *flags)
    assert result.status == 2
    assert word in result.err
