"""check-config: effective values with their source, keys that stand twice, limits that no filter enforces."""

from __future__ import annotations

import json
import os
import threading

import pytest

from filtersched.settings.key_lines import key_lines


@pytest.fixture
def check(run, tmp_path):
    """The document of a check of a settings file."""

    def check(text, *argv):
        (tmp_path / "n.conf").write_text(text)
        result = run("check-config", "--config-file", tmp_path / "n.conf", "--format", "json", *argv)
        assert (result.status, result.err) == (0, "")
        return result.json

    return check


def warnings(document, check) -> list[str]:
    return [one["message"] for one in document["warnings"] if one["check"] == check]


def settings(document) -> dict[str, dict]:
    return {f"{one['group']} {one['name']}": one for one in document["settings"]}


@pytest.mark.parametrize("filters", ["RamFilter", "RamFilter,ComputeFilter"])
def test_ratio_that_only_weighers_read_is_told_with_the_filter_that_would_enforce_it(check, filters):
    text = f"[DEFAULT]\ncpu_allocation_ratio = 2.0\nscheduler_default_filters = {filters}\n"
    (message,) = warnings(check(text), "not enforced")
    assert message.startswith("[DEFAULT] cpu_allocation_ratio is set and no filter in use enforces it")
    assert "CoreFilter" in message
    assert warnings(check(text.replace("RamFilter", "CoreFilter")), "not enforced") == []


def test_ratio_that_nothing_sets_is_not_told(check):
    assert warnings(check("[DEFAULT]\n"), "not enforced") == []


def test_option_that_is_no_limit_is_not_called_one(check):
    text = "[DEFAULT]\ndefault_availability_zone = nova\n[filter_scheduler]\nenabled_filters = RamFilter\n"
    assert warnings(check(text), "not enforced") == []


def test_values_have_the_file_line_and_spelling_that_set_them(check, tmp_path):
    text = "# first\n[filter_scheduler]\nenabled_filters = RamFilter,\n    CoreFilter\nram_weight_multiplier = 2.0\n"
    document = check(text, "--cpu-weight-multiplier", "3.0")
    found = settings(document)
    path = str(tmp_path / "n.conf")
    enabled = found["filter_scheduler enabled_filters"]
    assert (enabled["value"], enabled["source"], enabled["line"]) == (["RamFilter", "CoreFilter"], path, 3)
    assert found["filter_scheduler ram_weight_multiplier"]["value"] == 2.0
    assert found["DEFAULT cpu_weight_multiplier"]["source"] == "command line"
    assert found["filter_scheduler disk_weight_multiplier"]["source"] == "default"
    sources = [one["source"] == "default" for one in document["settings"]]
    assert sources == sorted(sources)


def test_flag_of_an_old_file_has_its_line(check, tmp_path):
    found = settings(check("--verbose\n--ram_allocation_ratio=2.0\n"))
    assert found["DEFAULT ram_allocation_ratio"]["line"] == 2


def test_later_file_and_its_line_count(run, tmp_path):
    (tmp_path / "a.conf").write_text("[DEFAULT]\nram_allocation_ratio = 1.0\n")
    (tmp_path / "b.conf").write_text("\nram_allocation_ratio = 2\n")
    files = ("--config-file", tmp_path / "a.conf", "--config-file", tmp_path / "b.conf")
    found = settings(run("check-config", "--format", "json", *files).json)["DEFAULT ram_allocation_ratio"]
    assert (found["value"], found["source"], found["line"]) == (2.0, str(tmp_path / "b.conf"), 2)


def test_text_shows_what_is_set_and_where(run, tmp_path):
    (tmp_path / "n.conf").write_text("[DEFAULT]\nram_allocation_ratio = 2\n")
    out = run("check-config", "--config-file", tmp_path / "n.conf").out
    assert ["[DEFAULT]", "ram_allocation_ratio", "2.0", f"{tmp_path}/n.conf,", "line", "2"] in [
        line.split() for line in out.splitlines()
    ]


def test_key_that_stands_twice_is_told_with_its_lines(check):
    text = "[DEFAULT]\nram_allocation_ratio = 1.0\ndebug = 1\ndebug = 2\n[x]\n[DEFAULT]\nram_allocation_ratio = 2.0\n"
    (message,) = warnings(check(text), "stands twice")
    assert message.startswith("[DEFAULT] ram_allocation_ratio stands 2 times in")
    assert message.endswith("on lines 2 and 7: the last counts.")


def test_key_that_may_be_repeated_is_not_told(check):
    line = "scheduler_available_filters = standard_filters\n"
    assert warnings(check(f"[DEFAULT]\n{line}{line}"), "stands twice") == []


def test_negated_multiplier_is_shown_as_the_file_has_it(check):
    document = check("[filter_scheduler]\nbuild_failure_weight_multiplier = 5.0\n")
    (found,) = [one for one in document["weighers"] if one["weigher"] == "BuildFailureWeigher"]
    assert found["multiplier"] == 5.0


def test_ordinary_keys_of_other_services_are_no_slips(check):
    text = (
        "[DEFAULT]\nscheduler_default_weighers = X\nrouter_scheduler_driver = x\ncapacity_weight_multiplier = 1\n"
        "[scheduler]\nworkers = 2\nquery_placement_for_image_type_support = true\n"
        "[filter_scheduler]\npci_in_placement = 1\n"
    )
    assert warnings(check(text), "unknown") == []
    assert len(warnings(check(text.replace("workers", "wrokers")), "unknown")) == 1


@pytest.mark.parametrize(
    ("name", "hosts", "told"),
    [
        ("CoreFilter", [{"vcpus_total": 0}, {"vcpus_total": 0}], True),
        ("CoreFilter", [{"vcpus_total": 0}, {"vcpus_total": 8}], False),
        ("RamFilter", [{"total_usable_ram_mb": 10}], False),
        ("TraitsFilter", [{}], False),
        ("AvailabilityZoneFilter", [{}], False),
        ("ComputeFilter", [{}], False),
    ],
)
def test_filter_that_can_refuse_no_host_of_the_inventory_is_told(check, tmp_path, name, hosts, told):
    path = tmp_path / "hosts.jsonl"
    path.write_text("".join(json.dumps({"host": f"h{at}", **one}) + "\n" for at, one in enumerate(hosts)))
    document = check("[DEFAULT]\n", "--inventory", path, "--enabled-filters", name)
    found = [one for one in warnings(document, "never refuses") if one.startswith(f"{name} refuses no host")]
    assert bool(found) is told


def test_pipe_is_read_once(run, tmp_path):
    pipe = tmp_path / "pipe.conf"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("[DEFAULT]\nram_allocation_ratio = 2\n",))
    writer.start()
    document = run("check-config", "--config-file", pipe, "--format", "json").json
    writer.join()
    found = settings(document)["DEFAULT ram_allocation_ratio"]
    assert (found["value"], found["source"], found["line"]) == (2.0, str(pipe), None)


def test_lines_of_keys_are_those_where_they_begin(tmp_path):
    path = tmp_path / "n.conf"
    path.write_text("\ufeffa = 1\n  b = no key\n; c = 1\n// d\n[Group]\ne: 2\n--no-f-g\n--h i\na=3\n", encoding="utf-8")
    assert key_lines(path) == {
        ("DEFAULT", "a"): [1],
        ("group", "e"): [6],
        ("DEFAULT", "f_g"): [7],
        ("DEFAULT", "h"): [8],
        ("group", "a"): [9],
    }
