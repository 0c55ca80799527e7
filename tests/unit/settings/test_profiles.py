"""Sections of the configuration that change it for some requests."""

from __future__ import annotations

import pytest
from oslo_config import cfg

from filtersched.errors import ConfigurationError
from filtersched.settings import make_conf, profiles_of, read_scheduler_settings


def profiles(text="", tmp_path=None, **options):
    files = []
    if text:
        files = [tmp_path / "profiles.conf"]
        files[0].write_text(text)
    conf = make_conf(files=files, **options)
    return profiles_of(conf, read_scheduler_settings(conf))


def problem(text, tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        profiles(text, tmp_path)
    return caught.value


def test_a_section_sets_options_under_any_of_their_names(tmp_path):
    found = profiles(
        "[profile:batch]\nenabled_filters = RamFilter,CoreFilter\nram-weight-multiplier = -2\n"
        "metrics_required = false\nprojects = render, nightly\n",
        tmp_path,
    )["batch"]
    assert found.settings() == {
        "enabled_filters": ["RamFilter", "CoreFilter"],
        "ram-weight-multiplier": -2.0,
        "metrics_required": False,
    }
    assert found.projects == ("render", "nightly")


def test_code_defines_profiles_and_wins_over_files(tmp_path):
    found = profiles(
        "[profile:batch]\nram_weight_multiplier = 1\ncpu_weight_multiplier = 1\n",
        tmp_path,
        profiles={"batch": {"ram_weight_multiplier": 3}, "other": {"host_subset_size": 2}},
    )
    assert found["batch"].settings() == {"ram_weight_multiplier": 3.0, "cpu_weight_multiplier": 1.0}
    assert found["other"].settings() == {"host_subset_size": 2}


def test_a_later_file_wins_in_the_section_of_a_profile(tmp_path):
    first, second = tmp_path / "1.conf", tmp_path / "2.conf"
    first.write_text("[profile:batch]\nram_weight_multiplier = 1\ncpu_weight_multiplier = 1\n")
    second.write_text("[profile:batch]\nram_weight_multiplier = 2\n")
    conf = make_conf(files=[first, second])
    found = profiles_of(conf, read_scheduler_settings(conf))["batch"]
    assert found.settings() == {"ram_weight_multiplier": 2.0, "cpu_weight_multiplier": 1.0}


def test_a_plain_configopts_has_the_profiles_of_its_files(tmp_path):
    path = tmp_path / "plain.conf"
    path.write_text("[profile:Batch]\nram_weight_multiplier = 4\n")
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[str(path)], default_config_dirs=[])
    found = profiles_of(conf, read_scheduler_settings(conf))
    assert list(found) == ["batch", "spread", "pack"]
    assert found["batch"].settings() == {"ram_weight_multiplier": 4.0}


def test_a_value_may_refer_to_another_one(tmp_path):
    found = profiles(
        "[DEFAULT]\nram_weight_multiplier = 7\n[profile:batch]\ncpu_weight_multiplier = $service_down_time\n",
        tmp_path,
    )
    assert found["batch"].settings() == {"cpu_weight_multiplier": 60.0}


def test_spread_and_pack_are_always_there():
    found = profiles()
    multipliers = {name: one.settings()["share_weight_multiplier"] for name, one in found.items()}
    assert multipliers == {"spread": 1.0, "pack": -1.0}
    assert [one.is_shipped for one in found.values()] == [True, True]


def test_a_section_of_a_profile_that_ships_changes_single_values_of_it(tmp_path):
    found = profiles("[profile:pack]\nshare_weight_multiplier = -5\n", tmp_path)["pack"].settings()
    assert found["share_weight_multiplier"] == -5.0
    assert found["ram_weight_multiplier"] == 0.0


@pytest.mark.parametrize(
    ("configured", "weighers"),
    [
        ("all_weighers", ["all_weighers"]),
        ("CPUWeigher", ["CPUWeigher", "ShareWeigher"]),
        ("CPUWeigher,ShareWeigher", ["CPUWeigher", "ShareWeigher"]),
    ],
)
def test_profiles_that_ship_add_the_share_weigher_to_the_configured_ones(configured, weighers):
    assert profiles(weight_classes=configured)["spread"].settings()["weight_classes"] == weighers


def test_a_section_without_settings_defines_nothing(tmp_path):
    assert list(profiles("[profile:batch]\n", tmp_path)) == ["spread", "pack"]


@pytest.mark.parametrize(
    ("text", "option", "said"),
    [
        ("ram_weight_multiplie = 1", "ram_weight_multiplie", "Did you mean 'ram_weight_multiplier'"),
        ("ram_weight_multiplier = much", "ram_weight_multiplier", "[profile:batch] ram_weight_multiplier is 'much'"),
        ("scheduler_driver = ChanceScheduler", "scheduler_driver", "a driver is not part of a profile"),
        ("shared_resources = cores of=vcpus total=1", "shared_resources", "all profiles together"),
        ("host_class = my.Host", "host_class", "hosts are read once"),
        ("track_instance_changes = true", "track_instance_changes", "it has no effect"),
        ("enabled_filters = A\nscheduler_default_filters = B", "scheduler_default_filters", "two spellings"),
    ],
)
def test_mistakes_in_a_section_name_it(text, option, said, tmp_path):
    error = problem(f"[profile:batch]\n{text}\n", tmp_path)
    assert (error.group, error.option) == ("profile:batch", option)
    assert said in str(error)


@pytest.mark.parametrize("given", ["batch", {3: {}}, {"batch": "no"}, {"Batch": {}, "batch": {}}])
def test_profiles_in_code_must_map_names_to_options(given):
    with pytest.raises(ConfigurationError) as caught:
        make_conf(profiles=given)
    assert caught.value.option == "profiles"


def test_the_name_of_the_main_configuration_is_no_name_of_a_profile(tmp_path):
    assert "means the main configuration" in str(problem("[profile:default]\nhost_subset_size = 2\n", tmp_path))


def test_a_project_has_one_profile(tmp_path):
    error = problem("[profile:a]\nprojects = p\n[profile:b]\nprojects = p\n", tmp_path)
    assert (error.group, error.option, error.value) == ("profile:b", "projects", "p")


def test_hints_that_the_configuration_allows_name_profiles_that_exist(tmp_path):
    error = problem("[DEFAULT]\nscheduler_profile_hints = spread,pakc\n", tmp_path)
    assert error.option == "scheduler_profile_hints"
    assert "Did you mean 'pack'?" in str(error)
