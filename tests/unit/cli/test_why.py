"""filtersched why."""

from __future__ import annotations

import pytest


def test_every_filter_has_its_say_with_need_and_have(run, hosts):
    result = run(
        *("why", "alpha", "--inventory", hosts, "--flavor", "ram=10000,vcpus=2", "--availability-zone", "az2"),
        *("--filters", "AvailabilityZoneFilter,RamFilter,CoreFilter"),
    )
    assert result.status == 1
    lines = result.out.splitlines()
    assert lines[:3] == ["#1: beta is chosen, the only host left", "", "alpha: 2 of 3 filters refuse it"]
    assert lines[4].split()[:2] == ["AvailabilityZoneFilter", "refuses"]
    assert "asked 'az2'" in lines[4]
    assert lines[5].split()[:6] == ["RamFilter", "refuses", "10000", "MB", "8192", "MB"]
    assert lines[6].split() == ["CoreFilter", "passes"]


def test_host_that_every_filter_passes_has_status_0(run, hosts):
    result = run("why", "beta", "--inventory", hosts, "--flavor", "ram=10000")
    assert result.status == 0
    assert "\nbeta: all 3 filters pass it; chosen, rank 1 of 1\n" in result.out


def test_json_has_the_same_in_data(run, hosts):
    flags = ("--flavor", "ram=10000", "--filters", "RamFilter", "--format", "json")
    result = run("why", "alpha", "--inventory", hosts, *flags)
    assert result.status == 1
    (host,) = result.json["hosts"]
    assert (host["host"], host["passed"], host["excluded_by"]) == ("alpha", False, None)
    (verdict,) = host["verdicts"]
    shortage = verdict["shortage"]
    assert (verdict["filter"], shortage["need"], shortage["have"]) == ("RamFilter", 10000, 8192)


def test_every_node_of_the_name_is_told_of(run, tmp_path):
    path = tmp_path / "hosts.jsonl"
    path.write_text(
        '{"host": "a", "nodename": "n1"}\n'
        '{"host": "a", "nodename": "n2", "free_ram_mb": 9, "total_usable_ram_mb": 9}\n'
    )
    result = run("why", "a", "--inventory", path, "--flavor", "ram=9")
    assert result.status == 0
    assert "a/n1: 1 of 3 filters refuse it" in result.out
    assert "a/n2: all 3 filters pass it" in result.out
    assert run("why", "n1", "--inventory", path, "--flavor", "ram=9").status == 1


def test_host_that_the_request_leaves_out_is_said_to_be(run, hosts):
    result = run("why", "beta", "--inventory", hosts, "--flavor", "ram=1", "--ignore-host", "beta")
    assert result.status == 1
    assert "beta: excluded by ignore_hosts of the request." in result.out


def test_forced_host_is_asked_nothing(run, hosts):
    result = run("why", "gamma", "--inventory", hosts, "--flavor", "ram=99999", "--force-host", "gamma")
    assert result.status == 0
    assert "no filter is asked" in result.out


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (("why", "alhpa", "--flavor", "ram=1"), "Did you mean 'alpha'?"),
        (("why", "alpha"), "which request?"),
        (("why", "--flavor", "ram=1"), "HOST"),
        (("why", "alpha", "beto", "--flavor", "ram=1"), "no host 'beto'"),
        (("why", "alpha", "--flavor", "ram=1", "--scheduler_driver=ChanceScheduler"), "uses no filters"),
    ],
)
def test_what_cannot_be_answered_is_one_line(run, hosts, argv, word):
    result = run(*argv, "--inventory", hosts)
    assert result.status == 2
    assert word in result.err
    assert result.err.count("\n") == 1


# -- ranks and many hosts ------------------------------------------------------------------------

BOTH = ("--enabled-filters", "RamFilter", "--weight-classes", "RAMWeigher,CPUWeigher", "--cpu-allocation-ratio", "1.0")


def test_host_that_passes_and_lost_has_its_rank_its_weights_and_the_distance(run, hosts):
    result = run("why", "alpha", "--inventory", hosts, "--flavor", "ram=1", *BOTH)
    assert result.status == 0
    assert "alpha: all 1 filters pass it; rank 2 of 3, 0.5 behind beta" in result.out
    rows = {line.split()[0]: line.split()[1:] for line in result.out.splitlines() if line}
    assert rows["WEIGHER"] == ["THIS", "HOST", "CHOSEN", "DIFFERENCE"]
    assert rows["RAMWeigher"] == ["+0.500", "+1.000", "-0.500"]
    assert rows["all"] == ["+1.500", "+2.000", "-0.500"]


def test_patterns_name_many_hosts_and_flags_may_stand_between_them(run, hosts):
    result = run("why", "--inventory", hosts, "a*", "--flavor", "ram=1", "[bg]*[ta]", "--format", "json")
    assert [one["host"] for one in result.json["hosts"]] == ["alpha", "beta", "gamma"]


def test_all_hosts_are_one_table_by_rank_with_the_refused_below(run, hosts):
    result = run("why", "--all", "--inventory", hosts, "--flavor", "ram=5000", *BOTH)
    assert result.status == 0
    lines = [line.split(None, 4) for line in result.out.splitlines()]
    assert lines[2][:4] == ["HOST", "VERDICT", "RANK", "WEIGHT"]
    assert lines[3] == ["beta", "chosen", "1", "2.000"]
    assert lines[4] == ["alpha", "passes", "2", "1.500", "0.5 behind the chosen host (RAM -0.5)"]
    assert lines[5][:2] == ["gamma", "refused"]
    assert result.out.endswith("2 of 3 hosts pass.\n")


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        ((), "which hosts?"),
        (("alpha", "--all"), "either HOST or --all"),
        (("z*",), "no host of the inventory matches 'z*'"),
    ],
)
def test_hosts_that_are_not_named_are_an_error(run, hosts, argv, word):
    result = run("why", *argv, "--inventory", hosts, "--flavor", "ram=1")
    assert result.status == 2
    assert word in result.err


def test_exact_name_wins_over_a_pattern_and_over_host_and_node(run, tmp_path):
    path = tmp_path / "hosts.jsonl"
    path.write_text(
        '{"host": "rack/1"}\n{"host": "rack", "nodename": "1"}\n{"host": "n*"}\n{"host": "n1"}\n{"host": "-x"}\n'
    )

    def named(*names):
        argv = ("--inventory", path, "--flavor", "ram=0", "--enabled-filters=", "--format", "json", *names)
        return [(one["host"], one["nodename"]) for one in run("why", *argv).json["hosts"]]

    assert named("rack/1") == [("rack/1", "rack/1")]
    assert named("rack") == named("1") == [("rack", "1")]
    assert named("n*") == [("n*", "n*")]
    assert named("--", "-x") == [("-x", "-x")]


# -- requests of a file --------------------------------------------------------------------------


@pytest.fixture
def three(requests_file):
    return requests_file(
        {"request_id": "first", "flavor": {"memory_mb": 16000}, "departs_at": 5, "arrives_at": 1},
        {"request_id": "second", "flavor": {"memory_mb": 9000}, "arrives_at": 2},
        {"request_id": "third", "flavor": {"memory_mb": 9000}, "arrives_at": 6},
    )


@pytest.mark.parametrize(("request_id", "placed"), [("first", True), ("second", False), ("#3", True), ("3", True)])
def test_request_of_a_file_is_decided_after_those_before_it(run, hosts, three, request_id, placed):
    argv = ("--inventory", hosts, "--requests", three, "--request", request_id, "--enabled-filters", "RamFilter")
    result = run("why", "beta", *argv, "--format", "json")
    assert (result.status == 0) is placed
    assert result.json["chosen"] == ("beta" if placed else None)


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (("--request", "forth"), "no request 'forth'. It has first, second, third."),
        ((), "several requests; choose one with --request"),
        (("--request", "first", "--flavor", "ram=1"), "give either --flavor, or --requests"),
    ],
)
def test_request_that_is_not_clear_is_an_error(run, hosts, three, flags, word):
    result = run("why", "beta", "--inventory", hosts, "--requests", three, *flags)
    assert result.status == 2
    assert word in result.err


def test_instance_that_found_no_host_is_the_one_explained(run, hosts):
    flags = ("--flavor", "ram=1", "--count", 4, "--group-policy", "anti-affinity")
    result = run("why", "beta", "--inventory", hosts, *flags, "--enabled-filters", "ServerGroupAntiAffinityFilter")
    assert result.status == 1
    assert result.out.startswith("#1, instance 4 of 4: no valid host was found. 3 hosts, 3 refused by")
    assert "holds 1 members of the group" in result.out


def test_draw_of_a_run_is_replayed_by_its_seed(run, hosts, requests_file):
    requests = requests_file(*({"flavor": {"memory_mb": 1}} for _ in range(5)))
    argv = ("--inventory", hosts, "--requests", requests, "--host-subset-size", 3, "--enabled-filters=", "--seed", 7)
    placed = [one["selections"][0] for one in run("schedule", *argv, "--format", "json").json["placements"]]
    for at, selection in enumerate(placed, 1):
        why = run("why", "--all", *argv, "--request", at, "--format", "json").json
        assert (why["chosen"], why["drawn_from"], why["seed"]) == (selection["host"], 3, str(selection["seed"]))
        assert [one["host"] for one in why["hosts"] if one["chosen"]] == [selection["host"]]


METAL = """\
from filtersched import BaseHostFilter, HostState

class MetalHost(HostState):
    rack: str = ""
    power_used_w: float = 0.0

class CoolFilter(BaseHostFilter):
    \"\"\"Refuse hosts that use 200 W or more.\"\"\"
    host_reads = ("power_used_w",)

    def host_passes(self, host, spec):
        return host.power_used_w < 200
"""


@pytest.fixture
def metal(tmp_path, monkeypatch):
    """An inventory of hosts with attributes of their own, whose class is in the module my_metal."""
    (tmp_path / "my_metal.py").write_text(METAL)
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "metal.csv"
    path.write_text("host,rack,power_used_w\na,007,250\nb,008,150\n")
    return path


def test_hosts_of_a_class_of_their_own_are_read_with_its_attributes(run, metal):
    flags = ("--scheduler-available-filters", "my_metal.CoolFilter", "--scheduler-default-filters", "CoolFilter")
    question = ("--inventory", metal, "--flavor", "ram=0", "--host-class", "my_metal.MetalHost", *flags)
    assert (run("why", "a", *question).status, run("why", "b", *question).status) == (1, 0)
    assert run("schedule", *question, "--format", "json").json["placements"][0]["selections"][0]["host"] == "b"


def test_option_of_a_file_names_the_class_too(run, metal, tmp_path):
    (tmp_path / "nova.conf").write_text("[DEFAULT]\nhost_class = my_metal:MetalHost\nscheduler_default_filters =\n")
    result = run("why", "a", "--inventory", metal, "--flavor", "ram=0", "--config-file", tmp_path / "nova.conf")
    assert result.status == 0


def test_inventory_attribute_that_the_class_lacks_is_an_error_with_the_nearest(run, metal):
    metal.write_text("host,rak\na,007\n")
    result = run("why", "a", "--inventory", metal, "--flavor", "ram=0", "--host-class", "my_metal.MetalHost")
    assert result.status == 2
    assert "metal.csv, line 1: there is no attribute 'rak' for a column. Did you mean 'rack'?" in result.err


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("my_metal.MetalHots", "[DEFAULT] host_class names 'my_metal.MetalHots', but my_metal has no 'MetalHots'. Did"),
        ("my_metal.CoolFilter", "and not a class derived from HostState"),
        ("MetalHost", "which is neither a name nor package.module.attribute"),
    ],
)
def test_host_class_that_is_none_is_an_error(run, metal, name, problem):
    result = run("why", "a", "--inventory", metal, "--flavor", "ram=0", "--host-class", name)
    assert result.status == 2
    assert problem in result.err
