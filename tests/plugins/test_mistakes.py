"""filtersched plugins --check, on an installed distribution of mistakes."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

MISTAKES = Path(__file__).parent / "mistakes"

SAID = {
    "GoodFilter": None,
    "AsyncFilter": "host_passes is declared async, and nothing awaits it; write def",
    "TextReadsFilter": "host_reads is 'num_io_ops'; write a tuple of names, ('num_io_ops',), or a method",
    "ForgetfulFilter": "ForgetfulFilter: reads 'num_instances', which its host_reads do not name",
    "ChangingFilter": "num_io_ops may not be changed while hosts are being chosen",
    "NothingFilter": "returned None for host 'host-0'",
    "BranchingFilter": "is called columnar, but a columnar body may use operators only",
    "ClashingFilter": "its option [filter_scheduler] max_io_ops_per_host is also one of IoOpsFilter of filtersched",
    "TwoGroupsFilter": "the option 'most' in two groups, [second] and [first]; only [second] most is read",
    "AbsentFilter": "AbsentFilter",
    "UnimportableFilter": "No module named 'acme_mistakes.absent'",
    "AlwaysFilter": None,
    "RaisingFilter": "of instance 'instance-new') raised KeyError('eth0')",
    "OtherItemFilter": "OtherItemFilter: reads 'scheduler_hints.zone', which its spec_reads does not name",
    "KeylessFilter": "KeylessFilter.host_reads: 'capabilities.' has no key after the dot",
    "HintFilter": None,
    "DearFilter": None,
    "NanWeigher": "NanWeigher",
    "TextEndWeigher": "minval is '0', and not a number",
    "LastScheduler": None,
    "LosingScheduler": "place returned selections, but the pool has no instance",
    "GoodResource": None,
    "NegativeResource": "NegativeResource.amount returned -1 for host 'host-0' (the pool)",
    "ForgetfulResource": "ForgetfulResource: reads 'num_instances', which its host_reads do not name",
    "UnlimitedResource": "UnlimitedResource.total returned 'unlimited' for the pool",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A directory with the distribution, as an installer leaves it."""
    folder = tmp_path_factory.mktemp("site")
    project = tomllib.loads((MISTAKES / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = folder / "acme_mistakes-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    sections = [
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in points.items())
        for group, points in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(sections))
    (folder / "acme_mistakes").symlink_to(MISTAKES / "acme_mistakes")
    return folder


def command(site, *arguments):
    env = {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "filtersched", "plugins", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def checked(site):
    done = command(site, "--check", "--format", "json")
    assert done.returncode == 1, done.stderr
    return {one["name"]: one for one in json.loads(done.stdout)["plugins"]}


def test_plug_ins_of_other_distributions_are_checked_and_no_others(checked):
    assert checked.keys() == SAID.keys()


@pytest.mark.parametrize("name", SAID)
def test_each_mistake_is_told(checked, name):
    problems = checked[name]["checked"]["problems"]
    if SAID[name] is None:
        assert problems == []
    else:
        assert SAID[name] in "; ".join(problems)


def test_plug_in_that_answers_all_alike_is_noted(checked):
    (note,) = checked["AlwaysFilter"]["checked"]["notes"]
    assert "gave 30 hosts the same answer" in note


def test_declaration_that_costs_more_than_it_gives_is_noted(checked):
    (note,) = checked["DearFilter"]["checked"]["notes"]
    assert "its declaration makes requests of a new kind" in note
    assert "times as slow" in note
    assert checked["GoodFilter"]["checked"]["notes"] == []


def test_command_prints_what_a_plug_in_raised_and_who_was_asked(site):
    env = {**os.environ, "PYTHONPATH": str(site)}
    hosts = Path(__file__).parents[2] / "examples" / "hosts.jsonl"
    settings = ["--scheduler_available_filters", "RaisingFilter", "--scheduler_default_filters", "RaisingFilter"]
    command = [sys.executable, "-m", "filtersched", "schedule", "--inventory", hosts, "--flavor", "ram=512,vcpus=1"]
    done = subprocess.run([*command, *settings], env=env, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 2
    assert "KeyError: 'eth0'; RaisingFilter was asked about <HostState " in done.stderr


def test_one_that_keeps_the_rules_ends_with_0(site):
    done = command(site, "--check", "GoodFilter", "LastScheduler")
    assert (done.returncode, done.stdout) == (0, "GoodFilter: keeps the rules\nLastScheduler: keeps the rules\n")


def test_text_names_each_mistake_below_its_plug_in(site):
    done = command(site, "--check", "AsyncFilter")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "AsyncFilter: 1 problem"
    assert "host_passes is declared async" in " ".join(done.stdout.split())


def test_distribution_that_is_only_installed_harms_nobody(site):
    env = {**os.environ, "PYTHONPATH": str(site)}
    hosts = Path(__file__).parents[2] / "examples" / "hosts.jsonl"
    command = [sys.executable, "-m", "filtersched", "schedule", "--inventory", hosts, "--flavor", "ram=512,vcpus=1"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, "acme" in done.stderr) == (0, False)
