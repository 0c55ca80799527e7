"""Discovery: names and paths to plug-ins, strictly, through real entry points."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from oslo_config import cfg

import filtersched
from filtersched import scheduler_from
from filtersched.errors import ConfigurationError, DuplicatePlugin, PluginLoadError, PluginNotFound
from filtersched.filters import BaseHostFilter
from filtersched.loading import (
    describe_own_plugins,
    describe_plugins,
    list_installed_opts,
    list_opts,
    load_driver,
    load_filters,
    load_weighers,
    own_meets,
)
from filtersched.loading.paths import local_name
from filtersched.settings import make_conf, read_scheduler_settings, split_args

ACME = Path(__file__).parents[2] / "plugins"

OWN_FILTERS = {
    "AllHostsFilter",
    "AvailabilityZoneFilter",
    "ComputeFilter",
    "CoreFilter",
    "DifferentHostFilter",
    "IsolatedHostsFilter",
    "JSONFilter",
    "JsonFilter",
    "RamFilter",
    "SameHostFilter",
    "SimpleCIDRAffinityFilter",
}


def catalog(**options):
    conf = make_conf(**options)
    return load_filters(conf, read_scheduler_settings(conf))


def weighers(scheduler=None, **options):
    conf = make_conf(**options)
    return load_weighers(conf, read_scheduler_settings(conf), scheduler=scheduler)


def driver(**options):
    conf = make_conf(**options)
    return load_driver(read_scheduler_settings(conf))


def names(plugins) -> list[str]:
    return [type(plugin).__name__ for plugin in plugins]


@pytest.fixture
def distribution(tmp_path, monkeypatch):
    """Installs a distribution: its metadata and one module, on the path of this process."""

    def install(name: str, entry_points: str, code: str = "", version: str = "1.0") -> Path:
        site = tmp_path / f"site-{name}"
        info = site / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(textwrap.dedent(entry_points))
        (site / f"{name}.py").write_text(textwrap.dedent(code))
        monkeypatch.syspath_prepend(site)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return site

    return install


FILTER = """\
    from filtersched.filters import BaseHostFilter

    class {name}(BaseHostFilter):
        "Refuse nothing."
        def host_passes(self, host_state, spec):
            return True
    """


def filter_code(name: str) -> str:
    return textwrap.dedent(FILTER).format(name=name)


# What is available


def test_the_librarys_own_filters_are_available_by_default():
    assert set(catalog().available) >= OWN_FILTERS


def test_the_enabled_filters_come_in_the_configured_order():
    chosen = catalog(enabled_filters="CoreFilter,RamFilter,AllHostsFilter")
    assert names(chosen.enabled) == ["CoreFilter", "RamFilter", "AllHostsFilter"]


def test_no_enabled_filters_is_a_choice():
    assert catalog(enabled_filters="").enabled == []


def test_a_filter_named_twice_is_one_instance_twice():
    first, second = catalog(enabled_filters="RamFilter,RamFilter").enabled
    assert first is second


def test_both_names_of_the_json_filter_mean_one_instance():
    first, second = catalog(enabled_filters="JSONFilter,JsonFilter").enabled
    assert first is second
    assert type(first).__name__ == "JsonFilter"


def test_two_catalogs_share_no_instance():
    assert catalog(enabled_filters="RamFilter").enabled[0] is not catalog(enabled_filters="RamFilter").enabled[0]


def test_a_request_may_choose_others_of_the_available_by_name_or_names():
    chosen = catalog()
    assert names(chosen.get("CoreFilter")) == ["CoreFilter"]
    assert names(chosen.get(["CoreFilter", "RamFilter"])) == ["CoreFilter", "RamFilter"]
    assert chosen.get("RamFilter")[0] is chosen.enabled[1]


def test_only_what_is_named_is_available():
    chosen = catalog(available_filters=["RamFilter", "CoreFilter, AllHostsFilter"], enabled_filters="CoreFilter")
    assert chosen.available == ("RamFilter", "CoreFilter", "AllHostsFilter")


def test_a_class_path_makes_its_class_available(distribution):
    distribution("pathfilters", "", filter_code("GpuFilter"))
    chosen = catalog(available_filters="pathfilters.GpuFilter", enabled_filters="GpuFilter")
    assert names(chosen.enabled) == ["GpuFilter"]
    assert chosen.available == ("GpuFilter",)


def test_a_function_may_return_the_classes_and_private_ones_are_left_out(distribution):
    code = filter_code("GpuFilter") + "class _Base(GpuFilter): pass\ndef some(): return [GpuFilter, _Base]\n"
    distribution("functionfilters", "", code)
    assert catalog(available_filters="functionfilters.some", enabled_filters="").available == ("GpuFilter",)


def test_a_private_class_named_by_its_path_is_an_error(distribution):
    distribution("privatefilters", "", filter_code("_Hidden"))
    with pytest.raises(PluginLoadError, match="private"):
        catalog(available_filters="privatefilters._Hidden", enabled_filters="")


def test_private_entry_points_are_never_loaded(distribution):
    entry_points = "[filtersched.filters]\n_Hidden = hidden:Shown\nShown = hidden:_Hidden\n"
    distribution("hidden", entry_points, "raise RuntimeError('boom')")
    assert {"_Hidden", "Shown"}.isdisjoint(catalog(available_filters="all_filters").available)
    with pytest.raises(PluginNotFound):
        catalog(available_filters="Shown")


def test_a_module_that_fails_when_asked_for_the_class_is_named(distribution):
    distribution("moody", "", "def __getattr__(name): raise RuntimeError('boom')\n")
    with pytest.raises(PluginLoadError, match="RuntimeError: boom"):
        catalog(available_filters="moody.Filter")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("nova.scheduler.filters.standard_filters", "standard_filters"),
        ("nova.scheduler.filters.all_filters", "all_filters"),
        ("nova.scheduler.filters.ram_filter.RamFilter", "RamFilter"),
        ("nova.scheduler.weights.all_weighers", "all_weighers"),
        ("nova.scheduler.weights.ram.RAMWeigher", "RAMWeigher"),
        ("nova.scheduler.chance.ChanceScheduler", "ChanceScheduler"),
        ("nova.scheduler.least_cost.noop_cost_fn", "filtersched.weighers.least_cost.noop_cost_fn"),
        (" RamFilter ", "RamFilter"),
        ("acme.scheduler.filters.RamFilter", "acme.scheduler.filters.RamFilter"),
    ],
)
def test_novas_paths_mean_the_thing_of_that_name(path, name):
    assert local_name(path) == name


def test_a_file_with_novas_paths_gives_our_plug_ins():
    chosen = catalog(
        available_filters=["nova.scheduler.filters.standard_filters"],
        enabled_filters="nova.scheduler.filters.core_filter.CoreFilter,RamFilter",
    )
    assert [type(each).__module__ for each in chosen.enabled] == [
        "filtersched.filters.core_filter",
        "filtersched.filters.ram_filter",
    ]


# What goes wrong with names


def test_all_unknown_names_are_told_at_once_with_the_nearest():
    with pytest.raises(PluginNotFound, match="Did you mean 'RamFilter'") as caught:
        catalog(enabled_filters="RAMFilter,CoreFilter,Nonsense")
    assert caught.value.names == ("RAMFilter", "Nonsense")
    assert (caught.value.group, caught.value.option) == ("filter_scheduler", "enabled_filters")
    assert set(caught.value.available) >= OWN_FILTERS


def test_a_requests_unknown_name_is_not_blamed_on_an_option():
    with pytest.raises(PluginNotFound, match="The request names 'Nonsense'") as caught:
        catalog().get(["RamFilter", "Nonsense"])
    assert caught.value.option is None


def test_an_installed_filter_outside_the_available_ones_is_refused_and_said_to_be_installed():
    chosen = catalog(available_filters="RamFilter", enabled_filters="RamFilter")
    with pytest.raises(PluginNotFound, match=r"Installed.*\[filter_scheduler\] available_filters: CoreFilter"):
        chosen.get("CoreFilter")


def test_an_available_name_that_is_not_installed_is_refused():
    with pytest.raises(PluginNotFound, match="'RamFilter'") as caught:
        catalog(available_filters="RamFiltr")
    assert (caught.value.group, caught.value.option) == ("filter_scheduler", "available_filters")


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("[DEFAULT]\nscheduler_available_filters = Nowhere", "[DEFAULT] scheduler_available_filters"),
        ("[filter_scheduler]\navailable_filters = Nowhere", "[filter_scheduler] available_filters"),
        ("[DEFAULT]\nscheduler_default_filters = Nowhere", "[DEFAULT] scheduler_default_filters"),
        ("[filter_scheduler]\nenabled_filters = Nowhere", "[filter_scheduler] enabled_filters"),
        ("[DEFAULT]\nscheduler_weight_classes = Nowhere", "[DEFAULT] scheduler_weight_classes"),
        ("[filter_scheduler]\nweight_classes = no.where", "[filter_scheduler] weight_classes"),
        ("[DEFAULT]\nscheduler_driver = Nowhere", "[DEFAULT] scheduler_driver"),
        ("[scheduler]\ndriver = Nowhere", "[scheduler] driver"),
        ("[DEFAULT]\ncapability_weight_setting = x", "[DEFAULT] capability_weight_setting"),
        ("[filter_scheduler]\ncapability_weight_setting = x", "[filter_scheduler] capability_weight_setting"),
    ],
)
def test_an_error_names_the_option_in_the_spelling_of_the_file(tmp_path, text, spelling):
    file = tmp_path / "nova.conf"
    file.write_text(text)
    weighers_in_use = {} if "weight_classes" in text else {"weight_classes": "CapabilityWeigher"}
    with pytest.raises(ConfigurationError) as caught:
        scheduler_from(make_conf(files=[file], **weighers_in_use))
    assert str(caught.value).startswith(spelling)
    assert f"[{caught.value.group}] {caught.value.option}" == spelling


@pytest.mark.parametrize(
    "path",
    [
        "no_such_package.Filter",
        "filtersched.no_such.Filter",
        "filtersched.filters.NoSuchFilter",
        "filtersched..filters",
        ".",
        "..a.B",
        "os:",
        ":path",
        "a b.C",
    ],
)
def test_a_path_that_leads_nowhere_is_not_found(path):
    with pytest.raises(PluginNotFound) as caught:
        catalog(available_filters=path)
    assert caught.value.names == (path,)


def test_missing_module_is_reported_with_the_places_that_were_searched(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", [str(tmp_path / "gone"), *sys.path, str(tmp_path)])
    with pytest.raises(PluginNotFound) as caught:
        catalog(available_filters="no_such_package.Filter")
    places = str(caught.value).partition("there is no module no_such_package in ")[2].rstrip(".").split(", ")
    assert places[-1] == str(tmp_path)
    assert str(tmp_path / "gone") not in places


def test_missing_module_of_a_package_is_reported_with_the_packages_folder():
    with pytest.raises(PluginNotFound) as caught:
        catalog(available_filters="filtersched.no_such.Filter")
    folder = Path(filtersched.__file__).parent
    assert f"but there is no module filtersched.no_such in {folder}." in str(caught.value)


def test_a_thing_without_a_repr_is_still_named(distribution):
    code = "class Kind(type):\n    def __repr__(cls): raise RuntimeError\nclass Odd(metaclass=Kind): pass\n"
    distribution("shy", "", code)
    with pytest.raises(PluginLoadError, match=r"'shy\.Odd' .* is <Kind> and not a class derived from BaseHostFilter"):
        catalog(available_filters="shy.Odd")


@pytest.mark.parametrize(
    "path", ["os.path.join", "os.sep", "collections.OrderedDict", "filtersched.plugins.plugin.Plugin"]
)
def test_a_path_to_something_else_than_a_filter_is_an_error(path):
    with pytest.raises(PluginLoadError) as caught:
        catalog(available_filters=path)
    assert caught.value.name == path


def test_a_weigher_is_no_filter(distribution):
    distribution("wrongkind", "[filtersched.filters]\nOdd = filtersched.weighers.base:BaseWeigher\n")
    with pytest.raises(PluginLoadError, match="BaseHostFilter"):
        catalog(available_filters="Odd", enabled_filters="Odd")


# Other people's distributions


def test_all_filters_are_ours_and_everybody_elses(distribution):
    distribution("gpu", "[filtersched.filters]\nGpuFilter = gpu:GpuFilter\n", filter_code("GpuFilter"))
    assert set(catalog(available_filters="all_filters").available) >= OWN_FILTERS | {"GpuFilter"}
    assert "GpuFilter" not in catalog().available


def test_what_is_not_used_is_not_imported(distribution):
    distribution("explosive", "[filtersched.filters]\nExplosive = explosive:Explosive\n", "raise RuntimeError('boom')")
    assert "Explosive" in catalog(available_filters="all_filters").available
    assert "explosive" not in sys.modules


def test_what_is_installed_while_the_program_runs_is_found_by_the_next_scheduler(distribution):
    site = distribution("gpu", "[filtersched.filters]\nGpuFilter = gpu:GpuFilter\n", filter_code("GpuFilter"))
    assert "TpuFilter" not in catalog(available_filters="all_filters").available
    info = site / "tpu-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tpu\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[filtersched.filters]\nTpuFilter = tpu:TpuFilter\n")
    assert "TpuFilter" in catalog(available_filters="all_filters").available


def test_asking_for_help_imports_no_plug_in_of_others(distribution):
    code = "raise RuntimeError('boom')"
    distribution("explosive", "[filtersched.filters]\nExplosive = explosive:Explosive\n", code)
    assert split_args(["schedule", "--help", "--version"]) == ([], ["schedule", "--help", "--version"])
    assert "explosive" not in sys.modules


def test_an_option_of_others_is_a_flag_and_a_keyword(distribution):
    code = filter_code("GpuFilter").replace(
        "    def host_passes", '    options = (cfg.IntOpt("gpus"),)\n    option_group = "tpu"\n    def host_passes'
    )
    entry_points = "[filtersched.filters]\nGpuFilter = gpu:GpuFilter\n"
    distribution("gpu", entry_points, "from oslo_config import cfg\n" + code)
    for conf in (make_conf(["--tpu-gpus=3"]), make_conf(tpu_gpus=3), make_conf(gpus=3)):
        assert conf.tpu.gpus == 3


@pytest.mark.parametrize(
    ("code", "telling"),
    [
        ("raise RuntimeError('boom')", "RuntimeError: boom"),
        ("import no_such_dependency", "no_such_dependency"),
        ("assert False, 'never'", "AssertionError: never"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("def broken(:", "SyntaxError"),
        ("pass", "AttributeError"),
    ],
)
def test_a_plug_in_that_fails_to_import_is_named_with_its_distribution(distribution, code, telling):
    distribution("broken_dist", "[filtersched.filters]\nBroken = broken_dist:Broken\n", code, version="2.7")
    with pytest.raises(PluginLoadError, match=telling) as caught:
        catalog(available_filters="all_filters", enabled_filters="Broken")
    assert caught.value.name == "Broken"
    assert caught.value.entry_point == "broken_dist:Broken of broken_dist 2.7"


def test_a_class_that_wants_constructor_arguments_is_an_error(distribution):
    code = filter_code("Needy") + "    def __init__(self, what): pass\n"
    distribution("needy", "[filtersched.filters]\nNeedy = needy:Needy\n", code)
    with pytest.raises(PluginLoadError, match="what"):
        catalog(available_filters="Needy", enabled_filters="Needy")


@pytest.mark.parametrize("line", ["options = ('max_load',)", "options = 7", "options = (Opt('x'),); option_group = 3"])
def test_options_that_are_none_are_an_error(distribution, line):
    code = f"from oslo_config.cfg import StrOpt as Opt\n{filter_code('Careless')}    {line}\n"
    distribution("careless", "[filtersched.filters]\nCareless = careless:Careless\n", code)
    with pytest.raises(PluginLoadError):
        catalog(available_filters="Careless", enabled_filters="Careless")


def two_namesakes(distribution, name: str) -> None:
    distribution("first", f"[filtersched.filters]\n{name} = first:{name}\n", filter_code(name))
    distribution("second", f"[filtersched.filters]\n{name} = second:{name}\n", filter_code(name))


def test_a_name_of_two_distributions_is_an_error_where_it_is_configured(distribution):
    two_namesakes(distribution, "TwinFilter")
    for settings in ({"available_filters": "TwinFilter"}, {"available_filters": "all_filters"}):
        with pytest.raises(DuplicatePlugin, match=r"configure the path of the class that is meant") as caught:
            catalog(**settings, enabled_filters="TwinFilter")
        assert caught.value.name == "TwinFilter"
        assert sorted(caught.value.candidates) == [
            "first:TwinFilter of first 1.0",
            "second:TwinFilter of second 1.0",
        ]
    chosen = catalog(available_filters="all_filters,second:TwinFilter", enabled_filters="TwinFilter")
    assert type(chosen.enabled[0]).__module__ == "second"


def test_all_filters_may_hold_namesakes_that_are_not_used(distribution):
    two_namesakes(distribution, "TwinFilter")
    assert names(catalog(available_filters="all_filters", enabled_filters="RamFilter").enabled) == ["RamFilter"]


def test_a_name_of_two_distributions_harms_nobody_who_does_not_use_it(distribution):
    two_namesakes(distribution, "TwinFilter")
    assert names(catalog(enabled_filters="RamFilter").enabled) == ["RamFilter"]


SHADOW = """
    [filtersched.filters]
    RamFilter = shadow:RamFilter
    CoreFilter = filtersched.filters.all_hosts_filter:AllHostsFilter
    [filtersched.weighers]
    RAMWeigher = shadow:RAMWeigher
    [filtersched.drivers]
    FilterScheduler = shadow:FilterScheduler
"""
SHADOW_CODE = """
import filtersched

class RamFilter(filtersched.BaseHostFilter):
    pass

class RAMWeigher(filtersched.BaseWeigher):
    def _weigh_object(self, host_state, weight_properties):
        return 0.0

class FilterScheduler(filtersched.FilterScheduler):
    pass
"""


@pytest.mark.parametrize("available", ["standard_filters", "all_filters", "RamFilter,CoreFilter"])
def test_namesake_of_our_filter_changes_nothing_when_it_is_installed(distribution, available):
    distribution("shadow", SHADOW, SHADOW_CODE)
    enabled = catalog(available_filters=available, enabled_filters="RamFilter,CoreFilter").enabled
    assert [type(one).__module__ for one in enabled] == [
        "filtersched.filters.ram_filter", "filtersched.filters.core_filter"
    ]


@pytest.mark.parametrize("configured", ["all_weighers", "RAMWeigher"])
def test_namesake_of_our_weigher_changes_nothing_when_it_is_installed(distribution, configured):
    distribution("shadow", SHADOW, SHADOW_CODE)
    found = {type(one).__module__ for one in weighers(weight_classes=configured)}
    assert "filtersched.weighers.ram_weigher" in found
    assert "shadow" not in found


def test_namesake_of_our_driver_changes_nothing_when_it_is_installed(distribution):
    distribution("shadow", SHADOW, SHADOW_CODE)
    assert driver() is driver(scheduler_driver="FilterScheduler") is filtersched.FilterScheduler
    assert type(scheduler_from(make_conf())) is filtersched.FilterScheduler


def test_namesake_is_configured_by_the_path_of_its_class(distribution):
    distribution("shadow", SHADOW, SHADOW_CODE)
    assert driver(scheduler_driver="shadow.FilterScheduler").__module__ == "shadow"
    assert [type(one).__module__ for one in weighers(weight_classes="shadow.RAMWeigher,RAMWeigher")] == [
        "shadow", "filtersched.weighers.ram_weigher"
    ]


def test_namesake_is_described_with_the_path_to_configure(distribution):
    distribution("shadow", SHADOW, SHADOW_CODE)
    problems = {(each.name, each.distribution.split()[0]): each.problem for each in describe_plugins()}
    assert problems["RamFilter", "filtersched"] == problems["RAMWeigher", "filtersched"] == ""
    assert "means filtersched.weighers.ram_weigher:RAMWeigher of filtersched" in problems["RAMWeigher", "shadow"]
    assert "Configure the path shadow:RAMWeigher for this one." in problems["RAMWeigher", "shadow"]


def test_entry_point_of_others_for_our_class_is_not_one_of_the_standard_ones(distribution):
    distribution("alias", "[filtersched.filters]\nMemory = filtersched.filters.ram_filter:RamFilter\n")
    assert "Memory" not in catalog().available
    assert names(catalog(available_filters="Memory", enabled_filters="Memory").enabled) == ["RamFilter"]


def test_results_name_the_class_and_not_the_entry_point(distribution):
    distribution("alias", "[filtersched.filters]\nMemory = filtersched.filters.ram_filter:RamFilter\n")
    scheduler = scheduler_from(make_conf(available_filters="Memory", enabled_filters="Memory"))
    spec = filtersched.RequestSpec(filtersched.Flavor(memory_mb=1))
    with pytest.raises(filtersched.NoValidHost, match="1 refused by RamFilter") as caught:
        scheduler.select_destinations(spec, [filtersched.HostState("a")])
    assert [step.name for step in caught.value.explanation.steps] == ["RamFilter"]


def test_two_namesakes_among_weighers_are_an_error_where_the_name_is_configured(distribution):
    code = SHADOW_CODE.replace("RAMWeigher", "TwinWeigher")
    for name in ("first", "second"):
        distribution(name, f"[filtersched.weighers]\nTwinWeigher = {name}:TwinWeigher\n", code)
    assert "RAMWeigher" in names(weighers())
    with pytest.raises(DuplicatePlugin, match="configure the path"):
        weighers(weight_classes="TwinWeigher")
    assert names(weighers(weight_classes="second.TwinWeigher")) == ["TwinWeigher"]


@pytest.mark.parametrize("first", [True, False])
def test_a_class_path_decides_between_namesakes(distribution, first):
    distribution("shadow", "[filtersched.filters]\nRamFilter = shadow:RamFilter\n", filter_code("RamFilter"))
    available = ["standard_filters", "shadow.RamFilter"]
    chosen = catalog(available_filters=available if first else available[::-1], enabled_filters="RamFilter")
    assert type(chosen.enabled[0]).__module__ == "shadow"


def test_two_paths_of_one_class_name_are_an_error(distribution):
    distribution("first", "", filter_code("TwinFilter"))
    distribution("second", "", filter_code("TwinFilter"))
    with pytest.raises(DuplicatePlugin):
        catalog(available_filters="first.TwinFilter,second.TwinFilter", enabled_filters="TwinFilter")


def test_two_entry_points_to_one_class_are_no_duplicate(distribution):
    distribution("gpu", "[filtersched.filters]\nGpuFilter = gpu:GpuFilter\n", filter_code("GpuFilter"))
    distribution("again", "[filtersched.filters]\nGpuFilter = again:GpuFilter\n", "from gpu import GpuFilter\n")
    assert names(catalog(available_filters="all_filters", enabled_filters="GpuFilter").enabled) == ["GpuFilter"]


# A distribution whose list of entry points is garbled


GARBLED = "[filtersched.filters]\nGpuFilter gpu:GpuFilter\n"


def test_a_garbled_distribution_stops_nobody_who_needs_none_of_it(distribution):
    distribution("garbled", GARBLED)
    assert names(catalog(enabled_filters="RamFilter").enabled) == ["RamFilter"]
    assert names(weighers(weight_classes="RAMWeigher")) == ["RAMWeigher"]
    assert make_conf(["--ram_weight_multiplier=2"]).ram_weight_multiplier == 2.0


def test_the_filters_of_other_distributions_are_found_beside_a_garbled_one(distribution):
    distribution("garbled", GARBLED)
    distribution("tpu", "[filtersched.filters]\nTpuFilter = tpu:TpuFilter\n", filter_code("TpuFilter"))
    assert names(catalog(available_filters="TpuFilter", enabled_filters="TpuFilter").enabled) == ["TpuFilter"]


def test_a_missing_name_is_reported_with_the_garbled_distribution_that_may_hold_it(distribution):
    distribution("garbled", GARBLED, version="2.5")
    with pytest.raises(PluginNotFound, match=r"entry_points\.txt of garbled 2\.5 cannot be read"):
        catalog(available_filters="GpuFilter")


def test_all_filters_needs_the_garbled_distribution(distribution):
    distribution("garbled", GARBLED)
    with pytest.raises(PluginLoadError, match=r"entry_points\.txt of garbled 1\.0"):
        catalog(available_filters="all_filters")


def test_a_garbled_distribution_without_plug_ins_is_passed_over(distribution):
    distribution("garbled", "[console_scripts]\ngarbled\n")
    assert set(catalog(available_filters="all_filters").available) >= OWN_FILTERS


def test_entry_points_that_are_no_text_may_hold_anything(distribution):
    site = distribution("garbled", "")
    (site / "garbled-1.0.dist-info" / "entry_points.txt").write_bytes(b"\xff\xfe[filtersched.filters]")
    with pytest.raises(PluginLoadError, match="garbled"):
        catalog(available_filters="all_filters")


def test_a_garbled_distribution_is_described(distribution):
    distribution("garbled", GARBLED)
    problems = [each.problem for each in describe_plugins() if each.problem]
    assert len(problems) == 1
    assert "entry_points.txt of garbled 1.0" in problems[0]


# Options


class Base(BaseHostFilter):
    options = (cfg.FloatOpt("ram_allocation_ratio", default=1.5, min=0),)


class Derived(Base):
    options = (cfg.IntOpt("max_gpus", default=2),)
    option_group = "acme"


def test_options_are_bound_from_their_group():
    (chosen,) = catalog(enabled_filters="RamFilter", ram_allocation_ratio=2.5).enabled
    assert chosen.option("ram_allocation_ratio") == 2.5


def test_a_derived_filter_keeps_the_options_of_its_base_in_the_bases_group(tmp_path):
    file = tmp_path / "a.conf"
    file.write_text("[DEFAULT]\nram_allocation_ratio = 3\n[acme]\nmax_gpus = 7\n")
    conf = make_conf(files=[file], available_filters=f"{__name__}.Derived", enabled_filters="Derived")
    (chosen,) = load_filters(conf, read_scheduler_settings(conf)).enabled
    assert (chosen.option("ram_allocation_ratio"), chosen.option("max_gpus")) == (3.0, 7)
    assert (Derived().option("ram_allocation_ratio"), Derived().option("max_gpus")) == (1.5, 2)


def test_a_bad_option_of_a_filter_in_use_is_an_error():
    conf = cfg.ConfigOpts()
    conf.register_opt(cfg.FloatOpt("ram_allocation_ratio"))
    conf.set_override("ram_allocation_ratio", -1.0)
    with pytest.raises(ConfigurationError, match="at least 0"):
        load_filters(conf, read_scheduler_settings(conf))


# Weighers


def test_all_weighers_come_in_the_fixed_order():
    order = names(weighers())
    assert [name for name in order if name in ("CPUWeigher", "DiskWeigher", "RAMWeigher")] == [
        "CPUWeigher",
        "DiskWeigher",
        "RAMWeigher",
    ]
    assert names(weighers(weight_classes="nova.scheduler.weights.all_weighers")) == order


def test_weighers_come_in_the_configured_order_and_twice_if_named_twice():
    chosen = weighers(weight_classes="RAMWeigher,filtersched.weighers.cpu_weigher.CPUWeigher,RAMWeigher")
    assert names(chosen) == ["RAMWeigher", "CPUWeigher", "RAMWeigher"]
    assert chosen[0] is chosen[2]


def test_no_weighers_is_a_choice():
    assert weighers(weight_classes=[]) == []


def test_an_unknown_weigher_names_the_nearest():
    with pytest.raises(PluginNotFound, match="Did you mean 'RAMWeigher'"):
        weighers(weight_classes="RamWeigher")


def test_multipliers_are_bound():
    (chosen,) = weighers(weight_classes="RAMWeigher", ram_weight_multiplier=-1.0)
    assert chosen.option("ram_weight_multiplier") == -1.0


def test_a_filter_is_no_weigher(distribution):
    distribution("wrongkind", "[filtersched.weighers]\nOdd = filtersched.filters.base:BaseHostFilter\n")
    with pytest.raises(PluginLoadError, match="BaseWeigher"):
        weighers(weight_classes="Odd")


# Drivers


@pytest.mark.parametrize(
    ("configured", "name"),
    [
        ("FilterScheduler", "FilterScheduler"),
        ("filter_scheduler", "FilterScheduler"),
        ("nova.scheduler.filter_scheduler.FilterScheduler", "FilterScheduler"),
        ("nova.scheduler.chance.ChanceScheduler", "ChanceScheduler"),
        ("chance_scheduler", "ChanceScheduler"),
        ("nova.scheduler.multi.MultiScheduler", "FilterScheduler"),
        ("filtersched.scheduler.ChanceScheduler", "ChanceScheduler"),
        ("filtersched.scheduler:ChanceScheduler", "ChanceScheduler"),
    ],
)
def test_a_driver_is_named_by_entry_point_path_or_novas_path(configured, name):
    assert driver(scheduler_driver=configured).__name__ == name


def test_the_multi_scheduler_is_what_compute_scheduler_driver_names():
    chosen = driver(
        scheduler_driver="nova.scheduler.multi.MultiScheduler",
        compute_scheduler_driver="nova.scheduler.chance.ChanceScheduler",
    )
    assert chosen.__name__ == "ChanceScheduler"


@pytest.mark.parametrize("path", ["os.getcwd", "collections.OrderedDict"])
def test_a_driver_that_cannot_schedule_is_an_error(path):
    with pytest.raises(PluginLoadError, match="select_destinations"):
        driver(scheduler_driver=path)


def test_an_unknown_driver_names_the_nearest():
    with pytest.raises(PluginNotFound, match="'ChanceScheduler'"):
        driver(scheduler_driver="ChanceSchedular")


# What is listed


def test_list_opts_has_flat_and_grouped_spelling():
    listed = {(group, opt.dest) for group, opts in list_opts() for opt in opts}
    assert listed >= {
        ("DEFAULT", "scheduler_default_filters"),
        ("filter_scheduler", "enabled_filters"),
        ("DEFAULT", "ram_allocation_ratio"),
        ("filter_scheduler", "ram_allocation_ratio"),
        ("scheduler", "driver"),
        ("DEFAULT", "noop_cost_fn_weight"),
    }


def test_every_option_of_the_library_has_a_help_text():
    assert [opt.dest for _group, opts in list_opts() for opt in opts if not (opt.help or "").strip()] == []


def test_broken_and_duplicate_plug_ins_are_described_and_not_raised(distribution):
    distribution("broken_dist", "[filtersched.filters]\nBroken = broken_dist:Broken\n", "raise RuntimeError('boom')")
    two_namesakes(distribution, "TwinFilter")
    described = {(each.name, each.distribution): each for each in describe_plugins()}
    assert "RuntimeError: boom" in described["Broken", "broken_dist 1.0"].problem
    assert "second:TwinFilter" in described["TwinFilter", "first 1.0"].problem
    own = next(each for each in described.values() if each.name == "RamFilter")
    assert (own.kind, own.problem) == ("filter", "")
    assert own.summary.startswith("Refuse hosts")
    assert [opt.dest for _group, opt in own.options] == ["ram_allocation_ratio"]


# A real distribution, built and installed


@pytest.fixture(scope="module")
def acme(tmp_path_factory) -> Path:
    """Where tests/plugins is installed by pip, without network."""
    here = tmp_path_factory.mktemp("acme")
    source, target = here / "source", here / "site"
    copy_tree(ACME, source)
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "install", *offline, "--target", target, source], check=True)
    return target


def copy_tree(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file() and path.suffix in (".py", ".toml"):
            (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            (target / path.relative_to(source)).write_bytes(path.read_bytes())


def run(code: str, path: Path, **environment: str) -> str:
    """What a fresh interpreter prints that has `path` on its path."""
    environ = {**os.environ, "PYTHONPATH": str(path), **environment}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_an_installed_distribution_takes_part_in_a_decision(acme):
    code = """
        import json
        from filtersched import FilterScheduler, HostState, RequestSpec, make_conf
        conf = make_conf(
            ["--acme_max_load=4"],
            available_filters="all_filters", enabled_filters="MaxLoadFilter", weight_classes="LoadWeigher",
        )
        hosts = [HostState(f"h{load}", capabilities={"load": float(load)}) for load in (5, 3, 1, 2)]
        (chosen,) = FilterScheduler(conf).select_destinations(RequestSpec(), hosts)
        print(json.dumps([chosen.host, str(chosen.explanation.why("h5"))]))
        """
    host, why = json.loads(run(code, acme))
    assert host == "h1"
    assert "load 5.0 is above 4.0" in why


@pytest.mark.slow
def test_an_installed_distribution_is_described_and_its_options_listed(acme):
    code = """
        import json
        from filtersched.loading import describe_plugins, list_installed_opts
        print(json.dumps([
            [[d.kind, d.name, d.distribution, d.summary, d.problem] for d in describe_plugins() if "acme" in d.target],
            [[group, opt.dest] for group, opts in list_installed_opts() for opt in opts],
        ]))
        """
    described, listed = json.loads(run(code, acme))
    assert described == [
        [
            "filter",
            "MaxLoadFilter",
            "acme-filtersched 1.2",
            "Refuse hosts whose load average is above ``[acme] max_load``.",
            "",
        ],
        ["weigher", "LoadWeigher", "acme-filtersched 1.2", "Prefer hosts with a low load average.", ""],
    ]
    assert listed == [["acme", "max_load"], ["acme", "load_weight_multiplier"]]


@pytest.mark.slow
def test_a_home_that_cannot_be_written_to_is_no_hindrance(acme):
    code = """
        from filtersched.settings import make_conf, read_scheduler_settings, split_args
        from filtersched.loading import load_filters
        conf = make_conf(available_filters="all_filters", enabled_filters="MaxLoadFilter")
        print(load_filters(conf, read_scheduler_settings(conf)).enabled[0].option("max_load"))
        """
    # Below a file no directory can be made, not even by root.
    home = f"{__file__}/home"
    assert run(code, acme, HOME=home, XDG_CACHE_HOME=f"{home}/.cache").strip() == "8.0"


def test_the_environment_of_these_tests_has_no_plug_ins_of_others():
    assert list_installed_opts() == []


def test_own_plug_ins_meet_what_their_descriptions_say():
    described = [(one.name, one.meets) for one in describe_own_plugins() if one.meets is not None]
    assert own_meets() == described
