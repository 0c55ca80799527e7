"""Profiles in the command: --profile, what results say of them, check-config and plugins."""

from __future__ import annotations

import pytest

KEY = "filtersched:profile"


@pytest.fixture
def settings(tmp_path):
    path = tmp_path / "profiles.conf"
    path.write_text(
        "[filter_scheduler]\nenabled_filters = RamFilter\nweight_classes = RAMWeigher\n"
        "[profile:batch]\nram_weight_multiplier = -1\ncpu_weight_multiplier = 2\nprojects = p\n"
    )
    return path


@pytest.fixture
def schedule(run, hosts, settings):
    def schedule(*flags, command=("schedule",)):
        given = ("--inventory", hosts, "--config-file", settings, "--flavor", "ram=1024,vcpus=1")
        return run(*command, *given, *flags)

    return schedule


@pytest.mark.parametrize(
    ("flags", "host", "profile"),
    [
        ((), "beta", None),
        (("--profile", "batch"), "gamma", "batch"),
        (("--project", "p"), "gamma", "batch"),
        (("--extra-spec", f"{KEY}=batch"), "gamma", "batch"),
        (("--hint", f"{KEY}=batch"), "gamma", "batch"),
        (("--project", "p", "--profile", "default"), "beta", None),
    ],
)
def test_a_request_is_decided_by_the_profile_that_is_chosen(schedule, flags, host, profile):
    found = schedule("--format", "json", "--filters", "RamFilter", *flags)
    (placement,) = found.json["placements"]
    assert (placement["profile"], placement["selections"][0]["host"]) == (profile, host)


def test_why_says_which_profile_decided(schedule):
    found = schedule("--profile", "batch", command=("why", "alpha"))
    assert "(profile 'batch'): gamma is chosen" in found.out
    assert schedule("--profile", "batch", "--format", "json", command=("why", "alpha")).json["profile"] == "batch"


def test_a_refusal_and_verbose_say_which_profile_decided(run, hosts, settings):
    given = ("--inventory", hosts, "--config-file", settings, "--profile", "batch")
    found = run("schedule", *given, "--flavor", "ram=999999", "--verbose")
    assert "#1 (profile 'batch'): No valid host was found." in found.out
    assert "#1 (profile 'batch'): 1 x 999999 MiB" in found.err


def test_an_unknown_profile_is_an_error_of_the_flag(schedule):
    found = schedule("--profile", "bach")
    assert found.status == 2
    assert "--profile: there is no profile 'bach'. Did you mean 'batch'?" in found.err


def test_filters_for_room_are_added_to_those_of_the_profile(run, hosts, tmp_path):
    path = tmp_path / "loose.conf"
    path.write_text("[DEFAULT]\nenabled_filters = IoOpsFilter\n[profile:loose]\nenabled_filters = NumInstancesFilter\n")
    flags = ("--config-file", path, "--capacity-filters", "--profile", "loose", "--flavor", "ram=1")
    found = run("why", "alpha", "--inventory", hosts, *flags, "--format", "json")
    asked = [one["filter"] for one in found.json["hosts"][0]["verdicts"]]
    assert asked == ["NumInstancesFilter", "RamFilter", "CoreFilter", "DiskFilter"]


def test_check_config_shows_profiles_and_options_that_they_do_not_use(run, settings):
    found = run("check-config", "--config-file", settings)
    assert "Profile   batch (projects p): ram_weight_multiplier=-1.0, cpu_weight_multiplier=2.0" in found.out
    assert "[profile:batch] cpu_weight_multiplier is set and nothing that the profile uses reads it" in found.out
    (profile,) = run("check-config", "--config-file", settings, "--format", "json").json["profiles"]
    assert (profile["name"], profile["filters"], profile["weighers"]) == ("batch", ["RamFilter"], ["RAMWeigher"])


def test_options_that_only_a_profile_reads_are_no_warning_of_the_main_configuration(run, tmp_path):
    path = tmp_path / "cpu.conf"
    path.write_text(
        "[filter_scheduler]\nenabled_filters = RamFilter\nweight_classes = RAMWeigher\ncpu_weight_multiplier = 2\n"
        "[profile:x]\nweight_classes = CPUWeigher\n"
    )
    assert "cpu_weight_multiplier is set and nothing" not in run("check-config", "--config-file", path).out


@pytest.mark.parametrize("command", ["check-config", "schedule"])
def test_a_mistake_in_a_profile_ends_every_command(run, hosts, tmp_path, command):
    path = tmp_path / "bad.conf"
    path.write_text("[profile:x]\nenabled_filters = KoreFilter\n")
    flags = ("--flavor", "ram=1") if command == "schedule" else ()
    found = run(command, "--inventory", hosts, "--config-file", path, *flags)
    assert found.status == 2
    assert "[profile:x] enabled_filters names 'KoreFilter'" in found.err


def test_plugins_of_profiles_are_in_use(run, tmp_path):
    path = tmp_path / "core.conf"
    path.write_text("[DEFAULT]\nenabled_filters = RamFilter\n[profile:x]\nenabled_filters = CoreFilter\n")
    found = run("plugins", "--enabled", "--config-file", path, "--format", "name").out.splitlines()
    assert {"RamFilter", "CoreFilter"} <= set(found)
    assert "DiskFilter" not in found
