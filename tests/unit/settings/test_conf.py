"""Configuration: every spelling, every source, and what happens when they disagree."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import pytest
from oslo_config import cfg

from filtersched.errors import ConfigurationError
from filtersched.settings import (
    SchedulerSettings,
    make_conf,
    option_values,
    read_scheduler_settings,
    register_opts,
    split_args,
)

FLAGFILE = """\
# Flags of the first filter scheduler
--scheduler_driver=nova.scheduler.filter_scheduler.FilterScheduler
--scheduler_available_filters=nova.scheduler.filters.standard_filters
--scheduler_available_filters=myfilter.MyOwnFilter
--scheduler_default_filters=RamFilter,ComputeFilter,MyOwnFilter
--connection_type=fake
--verbose
"""

NOVA_CONF = """\
[DEFAULT]
debug = true
scheduler_available_filters = nova.scheduler.filters.standard_filters
scheduler_default_filters = AvailabilityZoneFilter,RamFilter
scheduler_host_subset_size = 3
ram_weight_multiplier = -1.0

[keystone_authtoken]
auth_url = http://127.0.0.1:5000/v3
"""


@pytest.fixture
def settings_file(tmp_path):
    def write(text: str, name: str = "nova.conf"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def settings(*args, files=(), **options) -> SchedulerSettings:
    return read_scheduler_settings(make_conf(args, files, **options))


RATIO = cfg.FloatOpt("acme_ratio", default=1.5, min=0, help="An option of a plug-in.")


# Defaults


def test_defaults_are_the_documented_ones():
    assert settings() == SchedulerSettings(
        driver="FilterScheduler",
        compute_driver="FilterScheduler",
        host_manager="host_manager",
        available_filters=("standard_filters",),
        enabled_filters=("AvailabilityZoneFilter", "RamFilter", "ComputeFilter"),
        weight_classes=("all_weighers",),
        least_cost_functions=None,
        profile_hints=None,
        host_subset_size=1,
        shuffle_best_same_weighed_hosts=False,
        max_attempts=3,
        service_down_time=60,
        default_availability_zone="nova",
        pci_aliases=(),
        packs_numa_cells=False,
        default_schedule_zone=None,
        json_config_location="",
        use_baremetal_filters=False,
        baremetal_enabled_filters=(
            "RetryFilter",
            "AvailabilityZoneFilter",
            "ComputeFilter",
            "ComputeCapabilitiesFilter",
            "ImagePropertiesFilter",
            "ExactRamFilter",
            "ExactDiskFilter",
            "ExactCoreFilter",
        ),
        reserved_host_memory_mb=512,
        reserved_host_disk_mb=0,
        connection_type=None,
        host_class=None,
        shared_resources=(),
        verbose=False,
    )


def test_baremetal_filters_take_the_place_of_the_enabled_ones():
    chosen = settings(scheduler_use_baremetal_filters=True, baremetal_enabled_filters="ExactRamFilter")
    assert chosen.enabled_filters == ("ExactRamFilter",)


# Spellings


@pytest.mark.parametrize(
    "name",
    [
        "scheduler_default_filters",
        "enabled_filters",
        "filter_scheduler_enabled_filters",
    ],
)
def test_code_may_use_any_spelling(name):
    assert settings(**{name: ["CoreFilter"]}).enabled_filters == ("CoreFilter",)


@pytest.mark.parametrize("value", ["CoreFilter, RamFilter", ["CoreFilter", "RamFilter"], ("CoreFilter", "RamFilter")])
def test_a_list_may_be_text_list_or_tuple(value):
    assert settings(enabled_filters=value).enabled_filters == ("CoreFilter", "RamFilter")


@pytest.mark.parametrize("name", ["scheduler_driver", "driver"])
def test_driver_has_a_flat_and_a_grouped_name(name):
    assert settings(**{name: "acme.Driver"}).driver == "acme.Driver"


@pytest.mark.parametrize(
    ("section", "name"),
    [("DEFAULT", "scheduler_host_subset_size"), ("filter_scheduler", "host_subset_size")],
)
def test_a_file_may_use_either_spelling(settings_file, section, name):
    assert settings(files=[settings_file(f"[{section}]\n{name} = 7\n")]).host_subset_size == 7


@pytest.mark.parametrize(
    "args",
    [
        ["--scheduler_default_filters=RamFilter,CoreFilter"],
        ["--scheduler-default-filters=RamFilter,CoreFilter"],
        ["--scheduler-default-filters", "RamFilter,CoreFilter"],
        ["--filter_scheduler-enabled_filters", "RamFilter,CoreFilter"],
        ["--enabled-filters", "RamFilter,CoreFilter"],
    ],
)
def test_the_command_line_takes_dashes_and_underscores(args):
    assert settings(*args).enabled_filters == ("RamFilter", "CoreFilter")


def test_a_repeatable_flag_collects_its_values_and_splits_them_at_commas():
    chosen = settings("--scheduler_available_filters=standard_filters", "--scheduler-available-filters=a.B, a.C")
    assert chosen.available_filters == ("standard_filters", "a.B", "a.C")


def test_none_in_code_means_not_given():
    assert settings(host_subset_size=None).host_subset_size == 1


def test_boolean_flags_need_no_value_and_can_be_negated():
    assert settings("--verbose").verbose is True
    assert settings("--verbose", "--noverbose").verbose is False
    assert settings("--no-verbose", "--verbose").verbose is True
    assert settings("--verbose=false").verbose is False


def test_a_negative_number_may_follow_its_flag_as_an_argument_of_its_own():
    conf = make_conf(["--noop_cost_fn_weight", "-1.5"])
    assert conf.noop_cost_fn_weight == -1.5


# Sources


def test_code_beats_command_line_across_spellings():
    assert settings("--scheduler_host_subset_size=2", host_subset_size=5).host_subset_size == 5
    assert settings("--host-subset-size=2", scheduler_host_subset_size=5).host_subset_size == 5
    assert settings("--host-subset-size=2", host_subset_size=5).host_subset_size == 5


def test_code_beats_file_across_spellings(settings_file):
    path = settings_file("[DEFAULT]\nscheduler_host_subset_size = 9\n")
    assert settings(files=[path], host_subset_size=5).host_subset_size == 5


def test_command_line_beats_file_across_spellings(settings_file):
    path = settings_file("[filter_scheduler]\nhost_subset_size = 9\n")
    assert settings("--scheduler_host_subset_size=2", files=[path]).host_subset_size == 2


def test_a_value_equal_to_the_default_still_beats_a_weaker_source(settings_file):
    path = settings_file("[filter_scheduler]\nhost_subset_size = 9\n")
    assert settings("--scheduler_host_subset_size=1", files=[path]).host_subset_size == 1


def test_an_override_after_making_the_conf_beats_its_command_line():
    conf = make_conf(["--scheduler_host_subset_size=2"])
    conf.set_override("host_subset_size", 5, group="filter_scheduler")
    assert read_scheduler_settings(conf).host_subset_size == 5


def test_the_location_of_a_value_is_the_command_line_also_where_a_file_has_it(settings_file):
    conf = make_conf(["--host_subset_size=2"], settings_file("[filter_scheduler]\nhost_subset_size = 3\n"))
    assert conf.get_location("host_subset_size", "filter_scheduler").location is cfg.Locations.command_line


def test_a_later_file_beats_an_earlier_one_across_spellings(settings_file):
    first = settings_file("[filter_scheduler]\nhost_subset_size = 4\n", "a.conf")
    second = settings_file("[DEFAULT]\nscheduler_host_subset_size = 9\n", "b.conf")
    assert settings(files=[first, second]).host_subset_size == 9
    assert settings(files=[second, first]).host_subset_size == 4


def test_files_named_on_the_command_line_are_read_instead_of_the_given_ones(settings_file):
    given = settings_file("[DEFAULT]\nservice_down_time = 10\nverbose = true\n", "a.conf")
    named = settings_file("[DEFAULT]\nservice_down_time = 20\n", "b.conf")
    chosen = settings("--config-file", str(named), files=[given])
    assert (chosen.service_down_time, chosen.verbose) == (20, False)


def test_config_dir_reads_its_conf_files_in_sorted_order(tmp_path):
    (tmp_path / "20.conf").write_text("[DEFAULT]\nservice_down_time = 20\n")
    (tmp_path / "10.conf").write_text("--service_down_time=10\n--verbose\n")
    (tmp_path / "30.txt").write_text("[DEFAULT]\nservice_down_time = 30\n")
    chosen = settings(f"--config-dir={tmp_path}")
    assert (chosen.service_down_time, chosen.verbose) == (20, True)


def test_config_dir_adds_to_the_given_files(settings_file, tmp_path):
    given = settings_file("[DEFAULT]\nverbose = true\nservice_down_time = 5\n")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "10.conf").write_text("[DEFAULT]\nservice_down_time = 7\n")
    chosen = settings(f"--config-dir={tmp_path / 'conf.d'}", files=[given])
    assert (chosen.verbose, chosen.service_down_time) == (True, 7)


def test_a_single_file_need_not_be_a_list(settings_file):
    path = settings_file("[DEFAULT]\nverbose = true\n")
    assert settings(files=path).verbose is True
    assert settings(files=str(path)).verbose is True


@pytest.mark.parametrize("args", ["--verbose", ["--verbose", 3]])
def test_arguments_that_are_no_list_of_texts_are_refused(args):
    with pytest.raises(ConfigurationError, match="list of texts"):
        make_conf(args)


def test_the_environment_is_not_read(monkeypatch):
    monkeypatch.setenv("OS_DEFAULT__SCHEDULER_HOST_SUBSET_SIZE", "4")
    assert settings().host_subset_size == 1


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"scheduler_host_subset_size": 2, "host_subset_size": 3}, ""),
        ({}, "[DEFAULT]\nscheduler_host_subset_size = 2\n[filter_scheduler]\nhost_subset_size = 3\n"),
    ],
)
def test_two_spellings_set_differently_in_one_source_are_an_error_naming_both(settings_file, options, text):
    with pytest.raises(ConfigurationError) as caught:
        settings(files=[settings_file(text)], **options)
    assert "[DEFAULT] scheduler_host_subset_size is 2" in str(caught.value)
    assert "[filter_scheduler] host_subset_size is 3" in str(caught.value)
    assert caught.value.value == (2, 3)


def test_two_spellings_that_agree_are_fine(settings_file):
    path = settings_file("[DEFAULT]\nscheduler_host_subset_size = 2\n[filter_scheduler]\nhost_subset_size = 02\n")
    assert settings(files=[path]).host_subset_size == 2


def test_weight_classes_and_least_cost_functions_together_are_an_error():
    with pytest.raises(ConfigurationError, match=r"\[filter_scheduler\] weight_classes and .*least_cost_functions"):
        settings(weight_classes="RAMWeigher", least_cost_functions="noop_cost_fn")


# Files of every age


def test_the_old_flagfile_is_read(settings_file):
    chosen = settings(files=[settings_file(FLAGFILE)])
    assert chosen.driver == "nova.scheduler.filter_scheduler.FilterScheduler"
    assert chosen.available_filters == ("nova.scheduler.filters.standard_filters", "myfilter.MyOwnFilter")
    assert chosen.enabled_filters == ("RamFilter", "ComputeFilter", "MyOwnFilter")
    assert (chosen.connection_type, chosen.verbose) == ("fake", True)


@pytest.mark.parametrize("flag", ["--config-file", "--config_file", "--flagfile"])
def test_a_flagfile_may_be_named_on_the_command_line_and_be_overridden_there(settings_file, flag):
    chosen = settings(f"{flag}={settings_file(FLAGFILE)}", "--connection_type=libvirt")
    assert chosen.connection_type == "libvirt"
    assert chosen.enabled_filters == ("RamFilter", "ComputeFilter", "MyOwnFilter")


def test_an_existing_nova_conf_is_read_as_it_is(settings_file):
    conf = make_conf(files=[settings_file(NOVA_CONF)])
    chosen = read_scheduler_settings(conf)
    assert chosen.available_filters == ("nova.scheduler.filters.standard_filters",)
    assert chosen.enabled_filters == ("AvailabilityZoneFilter", "RamFilter")
    assert chosen.host_subset_size == 3
    multiplier = cfg.FloatOpt("ram_weight_multiplier", default=1.0)
    assert option_values(conf, [multiplier], "filter_scheduler") == {"ram_weight_multiplier": -1.0}


def test_repeated_values_of_several_files_are_collected(settings_file):
    first = settings_file("--scheduler_available_filters=a.B\n", "a.conf")
    second = settings_file("[DEFAULT]\nscheduler_available_filters = a.C\n", "b.conf")
    assert settings(files=[first, second]).available_filters == ("a.B", "a.C")


def test_a_repeatable_option_collects_files_and_command_line_in_all_spellings(settings_file):
    first = settings_file("[filter_scheduler]\navailable_filters = a.B\n", "a.conf")
    second = settings_file("--scheduler_available_filters=a.C\n", "b.conf")
    chosen = settings("--available_filters=a.D", files=[first, second])
    assert sorted(chosen.available_filters) == ["a.B", "a.C", "a.D"]


def test_a_repeatable_option_said_twice_in_two_spellings_counts_once(settings_file):
    text = "[DEFAULT]\nscheduler_available_filters = a.B\n[filter_scheduler]\navailable_filters = a.B\n"
    assert settings(files=[settings_file(text)]).available_filters == ("a.B",)


def test_no_spelling_is_called_deprecated(settings_file, caplog):
    text = "[DEFAULT]\nscheduler_default_filters = RamFilter\n[scheduler]\nmax_attempts = 4\n"
    conf = make_conf(["--host_subset_size=2"], [settings_file(text)], service_down_time=7)
    read_scheduler_settings(conf)
    assert caplog.messages == []


def test_reloading_reads_flag_files_again(settings_file):
    path = settings_file("--service_down_time=10\n")
    conf = make_conf(["--verbose"], [path])
    path.write_text("--service_down_time=20\n")
    conf.reload_config_files()
    chosen = read_scheduler_settings(conf)
    assert (chosen.service_down_time, chosen.verbose) == (20, True)


def test_a_flag_file_is_read_without_a_temporary_copy(settings_file, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no such folder"))
    assert settings(files=[settings_file("--default_schedule_zone=letmein\n")]).default_schedule_zone == "letmein"


@pytest.mark.parametrize("text", ["[DEFAULT]\n{}", "--{}"])
def test_files_are_utf_8_whatever_the_locale(settings_file, text):
    path = settings_file(text.format("default_schedule_zone=zürich\n"))
    code = "import sys, filtersched; print(ascii(filtersched.make_conf(files=sys.argv[1]).default_schedule_zone))"
    environ = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], env=environ, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("'z\\xfcrich'\n", "")


# Options of plug-ins


def test_option_values_are_the_defaults_when_nothing_is_set():
    assert option_values(make_conf(), [RATIO], "filter_scheduler") == {"acme_ratio": 1.5}


def test_option_values_are_the_defaults_in_a_conf_that_was_never_called():
    assert option_values(cfg.ConfigOpts(), [RATIO], "acme") == {"acme_ratio": 1.5}


@pytest.mark.parametrize("section", ["DEFAULT", "filter_scheduler"])
def test_an_option_of_the_common_group_may_be_written_flat(settings_file, section):
    conf = make_conf(files=[settings_file(f"[{section}]\nacme_ratio = 2\n")])
    assert option_values(conf, [RATIO], "filter_scheduler") == {"acme_ratio": 2.0}


def test_a_value_that_refers_to_itself_is_an_error(settings_file):
    conf = make_conf(files=[settings_file("[DEFAULT]\nscheduler_driver = $scheduler_driver\n")])
    with pytest.raises(ConfigurationError, match=r"\[DEFAULT\] scheduler_driver is .*refers to itself"):
        read_scheduler_settings(conf)


def test_an_option_whose_flat_name_oslo_config_keeps_to_itself_is_read_from_its_group(settings_file):
    conf = make_conf(files=[settings_file("[filter_scheduler]\nversion = 2\n")])
    assert option_values(conf, [cfg.StrOpt("version")], "filter_scheduler") == {"version": "2"}


def test_an_option_that_oslo_config_keeps_to_itself_is_an_error_in_the_default_group():
    with pytest.raises(ConfigurationError, match=r"\[DEFAULT\] version .* another group"):
        option_values(make_conf(), [cfg.StrOpt("version")], "DEFAULT")


def test_an_older_name_that_a_plug_in_gives_its_option_is_read(settings_file):
    conf = make_conf(files=[settings_file("[old]\nload = 2\n")])
    opt = cfg.FloatOpt("max_load", default=1.0, deprecated_opts=[cfg.DeprecatedOpt("load", group="old")])
    assert option_values(conf, [opt], "acme") == {"max_load": 2.0}


def test_an_option_of_another_group_is_not_read_from_the_default_section(settings_file):
    conf = make_conf(files=[settings_file("[DEFAULT]\nacme_ratio = 2\n")])
    assert option_values(conf, [RATIO], "acme") == {"acme_ratio": 1.5}


def test_an_option_with_dashes_in_its_name_is_known_with_underscores(settings_file):
    conf = make_conf(files=[settings_file("[acme]\nmax_load = 2\n")])
    assert option_values(conf, [cfg.FloatOpt("max-load", default=1.0)], "acme") == {"max_load": 2.0}


def test_an_option_named_like_a_group_is_read_from_its_own_group_only(settings_file):
    conf = make_conf(files=[settings_file("[filter_scheduler]\nscheduler = best\n")])
    opt = cfg.StrOpt("scheduler", default="any")
    assert option_values(conf, [opt], "filter_scheduler") == {"scheduler": "best"}


@pytest.mark.parametrize(
    ("text", "telling"), [("-0.5", "at least 0"), ("much", "finite number"), ("nan", "finite"), ("", "empty")]
)
def test_a_value_out_of_bounds_names_group_option_value_and_what_is_allowed(settings_file, text, telling):
    conf = make_conf(files=[settings_file(f"[acme]\nacme_ratio = {text}\n")])
    with pytest.raises(ConfigurationError) as caught:
        option_values(conf, [RATIO], "acme")
    assert (caught.value.group, caught.value.option, caught.value.value) == ("acme", "acme_ratio", text)
    assert "[acme] acme_ratio" in str(caught.value)
    assert telling in str(caught.value)


def test_a_required_option_that_is_not_set_is_an_error():
    with pytest.raises(ConfigurationError, match=r"\[acme\] token is not set"):
        option_values(make_conf(), [cfg.StrOpt("token", required=True)], "acme")


def test_a_secret_value_is_not_shown(settings_file):
    conf = make_conf(files=[settings_file("[acme]\npin = letmein\n")])
    with pytest.raises(ConfigurationError) as caught:
        option_values(conf, [cfg.IntOpt("pin", secret=True)], "acme")
    assert "letmein" not in f"{caught.value} {caught.value.value}"


def test_a_value_may_refer_to_another_option(settings_file):
    conf = make_conf(files=[settings_file("[DEFAULT]\nconnection_type = here\n[acme]\nplace = $connection_type/x\n")])
    opts = [cfg.StrOpt("place"), cfg.StrOpt("other", default="$connection_type/y")]
    assert option_values(conf, opts, "acme") == {"place": "here/x", "other": "here/y"}


@pytest.mark.parametrize("value", [0, -1, "many", 1.5, float("inf"), []])
def test_a_bad_value_in_code_is_refused_when_the_conf_is_made(value):
    with pytest.raises(ConfigurationError) as caught:
        make_conf(host_subset_size=value)
    assert (caught.value.group, caught.value.option) == ("filter_scheduler", "host_subset_size")
    assert caught.value.value == value


def test_a_bad_value_on_the_command_line_is_refused():
    with pytest.raises(ConfigurationError, match=r"scheduler_max_attempts.*at least 1"):
        make_conf(["--scheduler_max_attempts=0"])


def test_an_option_of_the_library_is_accepted_before_its_plug_in_is_made():
    conf = make_conf(noop_cost_fn_weight=3)
    opt = cfg.FloatOpt("noop_cost_fn_weight", default=1.0)
    assert option_values(conf, [opt], "DEFAULT") == {"noop_cost_fn_weight": 3.0}


# Names


def test_an_unknown_name_in_code_names_the_nearest():
    with pytest.raises(ConfigurationError, match="'scheduler_default_filters'") as caught:
        make_conf(scheduler_defualt_filters=["RamFilter"])
    assert caught.value.option == "scheduler_defualt_filters"


def test_an_unknown_flag_names_the_nearest():
    with pytest.raises(ConfigurationError, match="'service_down_time'"):
        make_conf(["--service-downtime=3"])


def test_an_argument_that_is_no_flag_is_refused():
    with pytest.raises(ConfigurationError, match="'stray'"):
        make_conf(["stray"])


def test_a_flag_without_its_value_is_refused():
    with pytest.raises(ConfigurationError, match="needs a value"):
        make_conf(["--scheduler_driver"])
    with pytest.raises(ConfigurationError, match="needs a value"):
        make_conf(["--scheduler_driver", "--verbose"])


def test_a_missing_file_is_named():
    with pytest.raises(ConfigurationError, match=r"/no/such\.conf.*No such file"):
        make_conf(files=["/no/such.conf"])


def test_a_missing_directory_is_named():
    with pytest.raises(ConfigurationError, match=r"/no/such\.d"):
        make_conf(["--config-dir=/no/such.d"])


def test_split_args_takes_options_from_anywhere_and_leaves_the_rest_in_order():
    taken, rest = split_args(
        ["--verbose", "schedule", "--hosts", "h.json", "--scheduler-driver", "X", "--config-file=f", "-n", "2"],
        reserved={"hosts"},
    )
    assert taken == ["--verbose", "--scheduler-driver", "X", "--config-file=f"]
    assert rest == ["schedule", "--hosts", "h.json", "-n", "2"]


def test_split_args_leaves_reserved_names_and_all_after_two_dashes():
    taken, rest = split_args(["--verbose", "--", "--verbose"], reserved={"verbose"})
    assert taken == []
    assert rest == ["--verbose", "--", "--verbose"]


# A ConfigOpts of somebody else


def nova_options(conf: cfg.ConfigOpts) -> None:
    """Options as Nova registers them: the flat name an older name of the grouped one."""
    conf.register_opts(
        [
            cfg.ListOpt(
                "enabled_filters",
                default=["ComputeFilter"],
                deprecated_name="scheduler_default_filters",
                deprecated_group="DEFAULT",
            ),
            cfg.IntOpt("host_subset_size", default=1, min=1),
            cfg.FloatOpt("ram_weight_multiplier", default=1.0),
        ],
        group="filter_scheduler",
    )


def test_registering_twice_is_fine():
    conf = cfg.ConfigOpts()
    register_opts(conf)
    register_opts(conf)
    assert read_scheduler_settings(conf).host_subset_size == 1


def test_novas_own_options_registered_before_are_tolerated_and_their_defaults_not_used(settings_file):
    conf = cfg.ConfigOpts()
    nova_options(conf)
    conf([], default_config_files=[])
    chosen = read_scheduler_settings(conf)
    assert chosen.enabled_filters == ("AvailabilityZoneFilter", "RamFilter", "ComputeFilter")


def test_values_come_through_novas_own_options(settings_file):
    conf = cfg.ConfigOpts()
    nova_options(conf)
    conf([], default_config_files=[str(settings_file(NOVA_CONF))])
    chosen = read_scheduler_settings(conf)
    assert (chosen.enabled_filters, chosen.host_subset_size) == (("AvailabilityZoneFilter", "RamFilter"), 3)


def test_an_option_registered_with_another_type_is_read_as_ours():
    conf = cfg.ConfigOpts()
    conf.register_opt(cfg.StrOpt("enabled_filters"), group="filter_scheduler")
    conf.set_override("enabled_filters", "RamFilter, CoreFilter", group="filter_scheduler")
    assert read_scheduler_settings(conf).enabled_filters == ("RamFilter", "CoreFilter")


def test_bounds_are_ours_even_if_the_option_was_registered_without():
    conf = cfg.ConfigOpts()
    conf.register_opt(cfg.IntOpt("host_subset_size"), group="filter_scheduler")
    conf.set_override("host_subset_size", 0, group="filter_scheduler")
    with pytest.raises(ConfigurationError, match="at least 1"):
        read_scheduler_settings(conf)


def test_a_programmatic_default_counts_as_set_but_weaker_than_a_file(settings_file):
    conf = cfg.ConfigOpts()
    register_opts(conf)
    conf([], default_config_files=[str(settings_file("[DEFAULT]\nservice_down_time = 10\n"))])
    conf.set_default("service_down_time", 99, group="filter_scheduler")
    conf.set_default("host_subset_size", 4, group="filter_scheduler")
    chosen = read_scheduler_settings(conf)
    assert (chosen.service_down_time, chosen.host_subset_size) == (10, 4)


def test_reading_leaves_the_callers_values_alone():
    conf = cfg.ConfigOpts()
    register_opts(conf)
    conf.set_override("scheduler_host_subset_size", 4)
    read_scheduler_settings(conf)
    assert (conf.scheduler_host_subset_size, conf.filter_scheduler.host_subset_size) == (4, 1)
