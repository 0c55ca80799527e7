"""The documents that the command prints are those of its schemas."""

from __future__ import annotations

import json

import jsonschema
import pytest


@pytest.fixture
def schema(run):
    def schema(name):
        document = json.loads(run("files", f"{name}.schema.json").out)
        jsonschema.Draft202012Validator.check_schema(document)
        return jsonschema.Draft202012Validator(document)

    return schema


@pytest.fixture
def schedule(run, hosts, requests_file):
    """Places a request with all that there is, refuses one, and draws."""
    requests = requests_file(
        {"request_id": "two", "num_instances": 2, "flavor": {"memory_mb": 1}, "arrives_at": 1, "departs_at": 2},
        {"flavor": {"memory_mb": 99999, "extra_specs": {"trait:X": "required"}}, "arrives_at": 5},
    )

    def schedule(*flags):
        return run("schedule", "--inventory", hosts, "--requests", requests, "--alternates", *flags)

    return schedule


@pytest.mark.parametrize("flags", [(), ("--seed", 3), ("--scheduler_driver", "ChanceScheduler"), ("--near-misses", 0)])
def test_placements_are_those_of_the_schema(schedule, schema, flags):
    document = schedule("--format", "json", *flags)
    schema("schedule").validate(document.json)
    lines = schedule("--format", "jsonl", *flags).out.splitlines()
    assert len(lines) == 2
    for line in lines:
        schema("placement").validate(json.loads(line))


def test_line_of_a_placement_is_an_element_of_the_document(run):
    whole = json.loads(run("files", "schedule.schema.json").out)
    line = json.loads(run("files", "placement.schema.json").out)
    assert whole["properties"]["placements"]["items"]["properties"] == line["properties"]


@pytest.mark.parametrize(
    "flags", [("--flavor=ram=1",), ("--flavor=ram=99999",), ("--flavor=ram=1", "--force-host=beta")]
)
def test_verdicts_are_those_of_the_schema(run, hosts, schema, flags):
    document = run("why", "alpha", "--inventory", hosts, "--format", "json", *flags).json
    schema("why").validate(document)


def test_plug_ins_are_those_of_the_schema(run, schema):
    schema("plugins").validate(run("plugins", "--format", "json").json)


@pytest.mark.parametrize("has_inventory", [True, False])
def test_findings_are_those_of_the_schema(run, hosts, schema, has_inventory):
    flags = ("--inventory", hosts) if has_inventory else ()
    argv = ("check-config", "--format", "json", "--scheduler-default-filters", "CoreFilter", *flags)
    schema("check-config").validate(run(*argv).json)


def test_files_are_those_of_the_schema(run, schema, tmp_path):
    schema("files").validate(run("files", "--format", "json").json)
    schema("files").validate(run("files", "hosts.jsonl", "--copy", tmp_path, "--format", "json").json)


def test_schema_refuses_what_it_does_not_name(schedule, schema):
    document = schedule("--format", "json").json
    for part in (document, document["summary"], document["placements"][0], document["placements"][0]["selections"][0]):
        part["unheard_of"] = 1
        assert not schema("schedule").is_valid(document)
        del part["unheard_of"]
    assert schema("schedule").is_valid(document)
