"""filtersched capacity."""

from __future__ import annotations

import json

import pytest

SETTINGS = ("--filters", "RamFilter,CoreFilter", "--cpu-allocation-ratio", "1")


@pytest.fixture
def capacity(run, hosts):
    def capacity(*flags):
        return run("capacity", "--inventory", hosts, *SETTINGS, *flags)

    return capacity


def test_table_says_how_many_fit_where_and_what_ends_it(capacity):
    flavors = ("--flavor", "ram=4096,vcpus=1,name=small", "--flavor", "ram=1024,vcpus=4,name=wide")
    found = capacity(*flavors, "--mix", "1,1")
    assert found.status == 0
    rows = [line.split("  ") for line in found.out.splitlines()]
    assert [" ".join(filter(None, row)).split()[:4] for row in rows[1:]] == [
        ["small", "7", "RamFilter", "ram_mb"],
        ["wide", "6", "CoreFilter", "vcpus"],
        ["mix", "5", "CoreFilter", "vcpus"],
    ]
    assert "az1 3, az2 4" in found.out


def test_json_has_everything_of_the_library(capacity):
    small = ("--flavor", "ram=4096,vcpus=1,name=small", "--format", "json")
    found = capacity(*small, "--survive", "1", "--domain", "zone")
    (one,) = found.json["alone"]
    assert (found.json["version"], found.json["hosts"], found.json["mix"]) == (1, 3, None)
    assert one["by_zone"] == {"az1": 3, "az2": 4}
    assert one["survival"] == {"domain": "zone", "count": 3, "worst": "az2", "is_exact": True, "not_moved": 0}


def test_more_than_fit_is_status_one_and_says_what_to_buy(capacity, hosts, tmp_path):
    hardware = tmp_path / "hardware.json"
    hardware.write_text(hosts.read_text().splitlines()[1])
    found = capacity("--flavor", "ram=4096,name=small", "--until", "10", "--buy", hardware, "--format", "json")
    assert (found.status, found.json["alone"][0]["to_buy"]) == (1, 1)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((), "Give --flavor"),
        (("--flavor", "ram=1", "--domain", "rack"), "--survive 1"),
        (("--flavor", "ram=1", "--until", "many"), "--until must be full"),
        (("--flavor", "ram=1", "--mix", "a"), "--mix must be numbers"),
        (("--flavor", "ram=1", "--mix", "1,2"), "mix has 2 shares"),
        (("--flavor", "ram=1", "--buy", "x.json"), "--buy needs a demand"),
        (("--flavor", "ram=1", "--survive", "1", "--domain", "rak"), "no host is in a domain of the kind 'rak'"),
        (("--flavor", "ram=1", "--profile", "pakc"), "Did you mean 'pack'?"),
    ],
)
def test_bad_flags_are_an_error_that_names_them(capacity, flags, said):
    found = capacity(*flags)
    assert (found.status, found.out) == (2, "")
    assert said in found.err


def test_hardware_must_be_one_host(capacity, hosts):
    found = capacity("--flavor", "ram=1024", "--until", "5", "--buy", hosts)
    assert "has 3 hosts; give a file of one" in found.err


def test_jsonl_has_a_line_for_each_kind_and_for_the_mix(capacity):
    found = capacity("--flavor", "ram=4096,name=a", "--flavor", "ram=2048,name=b", "--mix", "1,1", "--format", "jsonl")
    assert [json.loads(line)["name"] for line in found.out.splitlines()] == ["a", "b", "mix"]
