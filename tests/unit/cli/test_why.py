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
    assert lines[0] == "alpha: 2 of 3 filters refuse it"
    assert lines[2].split()[:2] == ["AvailabilityZoneFilter", "refuses"]
    assert "asked 'az2'" in lines[2]
    assert lines[3].split()[:6] == ["RamFilter", "refuses", "10000", "MB", "8192", "MB"]
    assert lines[4].split() == ["CoreFilter", "passes"]


def test_host_that_every_filter_passes_has_status_0(run, hosts):
    result = run("why", "beta", "--inventory", hosts, "--flavor", "ram=10000")
    assert result.status == 0
    assert result.out.startswith("beta: all 3 filters pass it\n")


def test_json_has_the_same_in_data(run, hosts):
    flags = ("--flavor", "ram=10000", "--filters", "RamFilter", "--format", "json")
    result = run("why", "alpha", "--inventory", hosts, *flags)
    assert result.status == 1
    (host,) = result.json["hosts"]
    assert (host["host"], host["passed"], host["let_in_by_request"]) == ("alpha", False, True)
    (verdict,) = host["filters"]
    assert (verdict["filter"], verdict["passed"], verdict["need"], verdict["have"]) == ("RamFilter", False, 10000, 8192)


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
        (("why", "alpha", "beta", "--flavor", "ram=1"), "'beta' is not understood"),
        (("why", "alpha", "--flavor", "ram=1", "--scheduler_driver=ChanceScheduler"), "uses no filters"),
    ],
)
def test_what_cannot_be_answered_is_one_line(run, hosts, argv, word):
    result = run(*argv, "--inventory", hosts)
    assert result.status == 2
    assert word in result.err
    assert result.err.count("\n") == 1


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
