"""What a run can be replayed from: seeds, the hash of the inventory, the inventory as it was."""

from __future__ import annotations

import json

import pytest

from filtersched import HostState, InvalidRequest, Selection

DRAWING = ("--host-subset-size", 3, "--enabled-filters=")


@pytest.fixture
def lines(run, hosts, requests_file, tmp_path):
    """The lines of --output of a run of five requests that draw."""
    requests = requests_file(*({"flavor": {"memory_mb": 1}} for _ in range(5)))

    def lines(*argv):
        output = tmp_path / "placements.jsonl"
        assert run("schedule", "--inventory", hosts, "--requests", requests, *argv, "--output", output).status == 0
        return [json.loads(line) for line in output.read_text().splitlines()]

    return lines


def chosen(records) -> list[str]:
    return [one["selections"][0]["host"] for one in records]


def test_seed_of_a_run_without_one_replays_it(lines):
    first = lines(*DRAWING)
    assert chosen(lines(*DRAWING, "--seed", first[0]["run_seed"])) == chosen(first)
    assert len({one["run_seed"] for one in first}) == 1


def test_seeds_are_text_which_no_program_rounds(lines):
    for one in lines(*DRAWING):
        assert isinstance(one["selections"][0]["seed"], str)
        assert int(one["run_seed"]) < 2**53


def test_text_shows_the_seed_where_a_choice_is_left_to_chance(run, hosts):
    argv = ("schedule", "--inventory", hosts, "--flavor", "ram=1", "--seed", 7)
    assert "Seed 7 draws the same again (--seed 7)." in run(*argv, *DRAWING).out
    assert "Seed" not in run(*argv).out


def test_hash_is_that_of_the_hosts_and_not_of_the_file(run, hosts, lines, tmp_path):
    (sha,) = {one["inventory_sha256"] for one in lines()}
    spaced = tmp_path / "spaced.jsonl"
    spaced.write_text(hosts.read_text().replace(", ", ",    ") + "\n\n")
    argv = ("--flavor", "ram=1", "--format", "json")
    assert run("why", "alpha", "--inventory", spaced, *argv).json["inventory_sha256"] == sha
    changed = tmp_path / "changed.jsonl"
    changed.write_text(hosts.read_text().replace("8192", "8191"))
    assert run("why", "alpha", "--inventory", changed, *argv).json["inventory_sha256"] != sha


def test_inventory_as_it_was_replays_one_request_alone(run, lines, tmp_path):
    for record in lines(*DRAWING, "--output-inventory"):
        then = tmp_path / "then.jsonl"
        then.write_text("".join(json.dumps(host) + "\n" for host in record["inventory"]))
        seed = record["selections"][0]["seed"]
        argv = ("--inventory", then, "--flavor", "ram=1", "--seed", seed, *DRAWING, "--format", "json")
        (again,) = run("schedule", *argv).json["placements"]
        assert chosen([again]) == chosen([record])
        assert again["selections"][0]["weight"] == record["selections"][0]["weight"]


def test_inventory_without_a_file_to_write_it_to_is_an_error(run, hosts):
    result = run("schedule", "--inventory", hosts, "--flavor", "ram=1", "--output-inventory")
    assert (result.status, "--output-inventory adds to the lines of --output" in result.err) == (2, True)


def test_selection_reads_its_seed_as_number_and_as_text(small_selection):
    data = small_selection.to_dict()
    assert Selection.from_dict({**data, "seed": "9007199254740993"}).seed == 9007199254740993
    assert Selection.from_dict({**data, "seed": 5}).seed == 5
    with pytest.raises(InvalidRequest) as caught:
        Selection.from_dict({**data, "seed": "1e3"})
    assert caught.value.field == "seed"


@pytest.fixture
def small_selection():
    from filtersched import FilterScheduler, RequestSpec, make_conf

    scheduler = FilterScheduler(make_conf(enabled_filters=[]))
    return scheduler.select_destinations(RequestSpec(), [HostState("a")])[0]
