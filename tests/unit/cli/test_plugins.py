"""filtersched plugins."""

from __future__ import annotations

import csv


def rows(result):
    return {(one["kind"], one["name"]): one for one in csv.DictReader(result.out.splitlines())}


def test_list_says_what_each_does_and_whether_it_is_in_use(run):
    result = run("plugins", "--scheduler-default-filters=RamFilter")
    assert result.status == 0
    heading, *lines = result.out.splitlines()
    assert heading.split() == ["NAME", "KIND", "IN", "USE", "ABOUT"]
    (ram,) = (line for line in lines if line.startswith("RamFilter "))
    assert ram.split(None, 3)[:3] == ["RamFilter", "filter", "yes"]
    assert ram.split(None, 3)[3].startswith("Refuse hosts without enough memory")
    (core,) = (line for line in lines if line.startswith("CoreFilter "))
    assert core.split()[2] == "no"


def test_list_shows_the_class_where_its_name_is_another_one(run):
    names = [line.split("  ")[0] for line in run("plugins").out.splitlines()]
    assert "JSONFilter (class JsonFilter)" in names
    assert "JsonFilter" in names
    assert "JSONFilter" in run("plugins", "--format", "name").out.splitlines()


def test_enabled_lists_what_the_settings_use(run):
    argv = ("plugins", "--enabled", "--scheduler-default-filters=RamFilter", "--scheduler-weight-classes=RAMWeigher")
    assert run(*argv, "--format", "name").out.splitlines() == ["RamFilter", "RAMWeigher", "FilterScheduler"]


def test_wide_list_has_origin_options_and_reads(run):
    ram = rows(run("plugins", "--format", "csv"))["filter", "RamFilter"]
    assert ram["from"] == "filtersched 0.1.0"
    assert ram["options"] == "ram_allocation_ratio"
    assert ram["host_reads"] == "total_usable_ram_mb, free_ram_mb, ram_allocation_ratio"
    assert ram["request_reads"] == "memory_mb"
    assert run("plugins", "--format", "wide").out.splitlines()[0].split()[:5] == ["NAME", "KIND", "IN", "USE", "FROM"]


def test_named_plug_in_is_described_with_its_options_and_their_values_here(run):
    lines = run("plugins", "RamFilter", "--ram-allocation-ratio", "3").out.splitlines()
    assert lines[0] == "RamFilter, a filter of filtersched 0.1.0"
    assert "  In use with these settings: yes" in lines
    reads = "total_usable_ram_mb, free_ram_mb, ram_allocation_ratio"
    assert f"  Reads of the host: {reads}; of the request: memory_mb, on columns" in lines
    assert "  ram_allocation_ratio: number, 0 or more, default 1.5, here 3.0" in lines
    assert any(line.startswith("      How many times its memory") for line in lines)


def test_range_and_choices_of_an_option_are_told(run):
    assert "max_instances_per_host: whole number, 1 or more, default 50" in run("plugins", "NumInstancesFilter").out


def test_name_that_is_not_installed_is_an_error_with_the_nearest(run):
    result = run("plugins", "RamFiltre")
    assert result.status == 2
    assert "Did you mean 'RamFilter'" in result.err


def test_list_is_shown_even_if_the_settings_cannot_be_used(run):
    result = run("plugins", "--scheduler-default-filters=NoSuchFilter")
    assert result.status == 0
    assert "what is in use is not known" in result.err
    assert "RamFilter" in result.out


def test_json_has_the_same_in_data(run):
    result = run("plugins", "--format", "json")
    found = {(one["kind"], one["name"]): one for one in result.json["plugins"]}
    ram = found["weigher", "RAMWeigher"]
    assert ram["target"] == "filtersched.weighers.ram_weigher:RAMWeigher"
    assert ram["problem"] is None
    assert ram["in_use"] is True
    assert ram["declaration"] == {"host_reads": ["free_ram_mb"], "spec_reads": [], "columnar": True}
    (option,) = ram["options"]
    assert (option["group"], option["name"], option["default"]) == ("filter_scheduler", "ram_weight_multiplier", 1.0)
    assert ("driver", "FilterScheduler") in found
    assert ("filter", "JSONFilter") in found


def test_check_tries_a_plug_in_with_its_options_as_configured(run, tmp_path):
    path = tmp_path / "filtersched.conf"
    path.write_text("[filter_scheduler]\nfilter_expression = free_ram_mb > 1024\n")
    notes = [
        run("plugins", "--check", "ExpressionFilter", "--format", "json", *given).json["plugins"][0]["checked"]["notes"]
        for given in ((), ("--config-file", path))
    ]
    # Without an expression it passes every host.
    assert [len(each) for each in notes] == [1, 0]
