"""filtersched pool, and --pool in the place of --inventory."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import jsonschema
import pytest

pytest.importorskip("sqlalchemy", reason="the extra `shared` is not installed")
pytest.importorskip("alembic", reason="the extra `shared` is not installed")

ONE = ("--flavor", "ram=4096,vcpus=2")


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/pool.db"


@pytest.fixture
def filled(run, url, hosts):
    assert run("pool", "init", url).status == 0
    done = run("pool", "import", url, "--inventory", hosts)
    assert (done.status, done.out) == (0, "added 3 hosts with 0 instances; the pool has 3 hosts\n")
    return url


def free(run, url):
    return {one["host"]: one["free_ram_mb"] for one in run("pool", "list", url, "--format", "json").json["hosts"]}


def test_pool_that_was_made_is_empty(run, url):
    done = run("pool", "init", url)
    assert done.status == 0
    assert re.fullmatch(r"made pool [0-9a-f-]{36}, without hosts\n", done.out)
    assert run("pool", "show", url, "--format", "json").json["hosts"] == 0


def test_imported_hosts_are_listed(run, filled):
    assert free(run, filled) == {"alpha": 8192, "beta": 16384, "gamma": 4096}
    table = run("pool", "list", filled, "--columns", "host,instances,free_ram_mb", "--sort", "-free_ram_mb").out
    assert [line.split() for line in table.splitlines()][1:] == [
        ["beta", "0", "16384"],
        ["alpha", "0", "8192"],
        ["gamma", "0", "4096"],
    ]


def test_hosts_of_a_pattern_are_listed(run, filled):
    assert run("pool", "list", filled, "*a", "--format", "name").out == "alpha\nbeta\ngamma\n"
    assert run("pool", "list", filled, "b*", "--format", "name").out == "beta\n"


def test_scheduling_on_a_pool_takes_from_it(run, filled):
    done = run("schedule", "--pool", filled, *ONE, "--count", "2", "--format", "json")
    assert done.status == 0
    assert sum(free(run, filled).values()) == 8192 + 16384 + 4096 - 2 * 4096
    assert run("pool", "show", filled, "--format", "json").json["instances"] == 2


def test_two_terminals_see_what_the_other_placed(filled):
    """Two processes of the command at once; together they take no more than there is."""
    command = [sys.executable, "-m", "filtersched", "schedule", "--pool", filled, *ONE, "--capacity-filters"]
    running = [
        subprocess.Popen([*command, "--count", "2", "--format", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    placed = [json.loads(one.communicate()[0]) for one in running]
    hosts = [one["host"] for each in placed for request in each["placements"] for one in request["selections"]]
    assert len(hosts) == 4
    listed = subprocess.run(
        [sys.executable, "-m", "filtersched", "pool", "list", filled, "--format", "json"],
        capture_output=True,
        check=True,
    )
    for one in json.loads(listed.stdout)["hosts"]:
        before = {"alpha": 8192, "beta": 16384, "gamma": 4096}[one["host"]]
        assert one["free_ram_mb"] == before - 4096 * hosts.count(one["host"])


def test_server_group_of_a_pool_is_known_by_its_uuid(run, filled):
    group = ("--group-policy", "anti-affinity", "--group-uuid", "web", "--filters", "ServerGroupAntiAffinityFilter")
    placed = [run("schedule", "--pool", filled, *ONE, *group, "--format", "json").json for _ in range(3)]
    used = [document["placements"][0]["selections"][0]["host"] for document in placed]
    assert sorted(used) == ["alpha", "beta", "gamma"]
    assert run("schedule", "--pool", filled, *ONE, *group).status == 1
    without = run("schedule", "--pool", filled, *ONE, "--group-policy", "anti-affinity")
    assert without.status == 2
    assert "needs a uuid" in without.err


def test_request_that_finds_no_room_leaves_the_pool_as_it_was(run, filled):
    assert run("schedule", "--pool", filled, "--flavor", "ram=8192", "--count", "9").status == 1
    assert free(run, filled) == {"alpha": 8192, "beta": 16384, "gamma": 4096}


def test_why_asks_about_a_pool_and_changes_nothing(run, filled, requests_file):
    requests = requests_file(*({"request_id": name, "flavor": {"memory_mb": 16384}} for name in ("first", "second")))
    done = run("why", "beta", "--pool", filled, "--requests", requests, "--request", "second", "--format", "json")
    assert done.status == 1
    assert free(run, filled)["beta"] == 16384
    assert run("why", "beta", "--pool", filled, *ONE).status == 0


def test_check_config_measures_weighers_on_a_pool(run, filled):
    done = run("check-config", "--pool", filled)
    assert done.status == 0
    assert "3 hosts" in done.out


def test_exported_pool_is_an_inventory_with_its_instances(run, filled, tmp_path):
    run("schedule", "--pool", filled, *ONE, "--count", "2")
    done = run("pool", "export", filled, "--output", tmp_path / "out.jsonl")
    assert done.out == f"{tmp_path}/out.jsonl: 3 hosts with 2 instances\n"
    other = f"sqlite:///{tmp_path}/other.db"
    run("pool", "init", other)
    assert "added 3 hosts with 2 instances" in run("pool", "import", other, "--inventory", tmp_path / "out.jsonl").out
    run("pool", "export", other, "--output", tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_text() == (tmp_path / "out.jsonl").read_text()


def test_instances_are_shown_by_uuid_and_by_host(run, filled):
    run("schedule", "--pool", filled, *ONE, "--force-host", "alpha", "--project", "p1")
    (shown,) = run("pool", "show", filled, "alpha", "--format", "json").json["instances"]
    assert (shown["host"], shown["ram_mb"], shown["vcpus"], shown["project"]) == ("alpha", 4096, 2, "p1")
    by_uuid = run("pool", "show", filled, shown["instance"], "--format", "json").json["instances"]
    assert by_uuid == [shown]
    assert run("pool", "show", filled, "beta", "--format", "json").json["instances"] == []


def test_documents_are_those_of_the_schema(run, filled):
    schema = jsonschema.Draft202012Validator(json.loads(run("files", "pool.schema.json").out))
    run("schedule", "--pool", filled, *ONE)
    for argv in (("list", filled), ("show", filled), ("show", filled, "*")):
        schema.validate(run("pool", *argv, "--format", "json").json)


def test_upgrade_of_a_pool_of_this_release_changes_nothing(run, filled):
    done = run("pool", "upgrade", filled)
    assert (done.status, done.out) == (0, "up to date\n")


def test_import_of_a_host_that_is_there_adds_none(run, filled, tmp_path):
    (tmp_path / "more.jsonl").write_text('{"host": "delta"}\n{"host": "beta"}\n')
    done = run("pool", "import", filled, "--inventory", tmp_path / "more.jsonl")
    assert done.status == 2
    assert "beta" in done.err
    assert sorted(free(run, filled)) == ["alpha", "beta", "gamma"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("init",), "which pool? Give its URL"),
        (("init", "pool.db"), "it is no URL of a database"),
        (("list", "sqlite:///nowhere/pool.db"), "there is no pool in this database"),
        (("show", "sqlite:///nowhere/pool.db"), "filtersched pool init sqlite:///nowhere/pool.db"),
        (("init", "sqlite:///pool.db", "extra"), "'extra' is not understood"),
        (("init", "sqlite:///pool.db", "--inventory", "hosts.jsonl"), "--inventory is for filtersched pool import"),
        (("list", "sqlite:///pool.db", "--output", "x"), "--output is for filtersched pool export"),
        (("export", "sqlite:///pool.db", "--format", "json"), "--format, --columns and --sort are for"),
        (("show", "sqlite:///pool.db", "--format", "csv"), "pool show without names is one record"),
        (("frob", "sqlite:///pool.db"), "invalid choice"),
        (("import", "sqlite:///nowhere/pool.db"), "which hosts?"),
    ],
)
def test_what_makes_no_sense_is_an_error(run, argv, said):
    done = run("pool", *argv)
    assert done.status == 2
    assert said in done.err
    assert done.out == ""


def test_pool_beside_an_inventory_is_an_error(run, filled, hosts):
    done = run("schedule", "--pool", filled, "--inventory", hosts, *ONE)
    assert done.status == 2
    assert "give either --pool or --inventory, not both" in done.err


def test_unknown_host_is_named(run, filled):
    done = run("pool", "list", filled, "alfa")
    assert done.status == 2
    assert "Did you mean 'alpha'?" in done.err


def test_second_pool_in_one_database_is_an_error(run, filled):
    done = run("pool", "init", filled)
    assert done.status == 2
    assert "there is a pool in this database already" in done.err


def test_password_stands_in_no_message(run):
    pytest.importorskip("psycopg", reason="the extra `postgresql` is not installed")
    schedule = ("schedule", *ONE, "--pool")
    for argv in (("pool", "list"), ("pool", "init"), schedule, ("--debug", *schedule)):
        done = run(*argv, "postgresql://me:s3cret@/pool?host=%2Fnowhere")
        assert done.status == 2
        assert "cannot be reached" in done.err
        assert "s3cret" not in done.err + done.out
