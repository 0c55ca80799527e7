"""Filters and weighers given to a scheduler as classes and objects."""

from collections import Counter

import pytest
from oslo_config import cfg

from filtersched import (
    BaseHostFilter,
    BaseWeigher,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InvalidRequest,
    NoValidHost,
    PluginLoadError,
    PluginNotFound,
    RequestSpec,
    make_conf,
)
from filtersched.weighers.cpu_weigher import CPUWeigher


class OnlyFilter(BaseHostFilter):
    """Let one host pass; which one is an argument of the constructor."""

    def __init__(self, host):
        self.host = host

    def host_passes(self, host_state, spec):
        return host_state.host == self.host


class BusyFilter(BaseHostFilter):
    """Refuse hosts with builds above an option."""

    options = (cfg.IntOpt("most_builds", default=0),)
    option_group = "busy"
    host_reads = ("num_io_ops",)
    columnar = True

    def host_passes(self, host_state, spec):
        return host_state.num_io_ops <= self.option("most_builds")


class LastNameWeigher(BaseWeigher):
    """Prefer the highest number at the end of the name."""

    def _weigh_object(self, host_state, spec):
        return int(host_state.host[-1])


def hosts():
    return [HostState(f"h{n}", free_ram_mb=1024 * (9 - n), total_usable_ram_mb=16384, num_io_ops=n) for n in range(4)]


SPEC = RequestSpec(Flavor(memory_mb=512))


@pytest.mark.parametrize("use_engine", [True, False])
@pytest.mark.parametrize("offer", [hosts, lambda: HostPool(hosts())], ids=["list", "pool"])
def test_classes_and_objects_are_used_in_their_order(offer, use_engine):
    scheduler = FilterScheduler(
        filters=["RamFilter", OnlyFilter("h2"), BusyFilter], weighers=[LastNameWeigher], use_engine=use_engine
    )
    with pytest.raises(NoValidHost) as refusal:
        scheduler.select_destinations(SPEC, offer())
    assert [(step.name, step.after) for step in refusal.value.explanation.steps] == [
        ("RamFilter", 4),
        ("OnlyFilter", 1),
        ("BusyFilter", 0),
    ]


def test_class_has_the_options_of_the_configuration(tmp_path):
    (tmp_path / "site.conf").write_text("[busy]\nmost_builds = 2\n")
    scheduler = FilterScheduler(
        make_conf(files=[tmp_path / "site.conf"]), filters=[BusyFilter], weighers=[LastNameWeigher]
    )
    assert scheduler.select_destinations(SPEC, hosts())[0].host == "h2"


def test_object_has_options_of_its_own(tmp_path):
    (tmp_path / "site.conf").write_text("[busy]\nmost_builds = 2\n")
    own = BusyFilter()
    own.bind({"most_builds": 1})
    scheduler = FilterScheduler(make_conf(files=[tmp_path / "site.conf"]), filters=[own], weighers=[LastNameWeigher])
    assert scheduler.select_destinations(SPEC, hosts())[0].host == "h1"


def test_options_that_an_object_is_not_given_have_their_defaults():
    weigher = CPUWeigher()
    weigher.bind({})
    assert weigher.option("cpu_weight_multiplier") == 1.0


def test_decision_takes_classes_and_objects():
    scheduler = FilterScheduler(filters=[], weighers=[LastNameWeigher])
    assert scheduler.select_destinations(SPEC, hosts(), filters=[OnlyFilter("h1")])[0].host == "h1"
    assert scheduler.select_destinations(SPEC, hosts(), filters=BusyFilter)[0].host == "h0"
    assert scheduler.place(SPEC, HostPool(hosts()), filters=["RamFilter", OnlyFilter("h3")])[0].host == "h3"


def test_scheduler_needs_no_filter_and_no_weigher():
    scheduler = FilterScheduler(filters=[], weighers=[])
    assert scheduler.select_destinations(SPEC, hosts())[0].host == "h0"


def test_two_objects_of_one_class_are_two_filters():
    scheduler = FilterScheduler(filters=[OnlyFilter("h1"), OnlyFilter("h2")], weighers=[])
    with pytest.raises(NoValidHost) as refusal:
        scheduler.select_destinations(SPEC, hosts())
    assert [step.after for step in refusal.value.explanation.steps] == [1, 0]


def test_configured_filters_are_not_loaded_where_others_are_given():
    conf = make_conf(enabled_filters=["NoSuchFilter"], weight_classes=["nowhere.Weigher"])
    scheduler = FilterScheduler(conf, filters=[BusyFilter], weighers=[LastNameWeigher])
    assert scheduler.select_destinations(SPEC, hosts())[0].host == "h0"


def test_filters_made_for_each_request_are_not_kept():
    scheduler = FilterScheduler(filters=[], weighers=[])
    pool = HostPool(hosts())
    for at in range(1000):
        scheduler.select_destinations(SPEC, pool, filters=[OnlyFilter(f"h{at % 4}")])
    assert Counter(map(type, _kept_alive_by(scheduler)))[OnlyFilter] < 300


def _kept_alive_by(scheduler):
    return [runner.plugin for runner in scheduler._engine._filters.values()]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([BusyFilter, 5], r"filters\[1\] is 5, and no name, no class derived from BaseHostFilter and no object of one"),
        ([LastNameWeigher], r"filters\[0\] is .*LastNameWeigher.*, and no name, no class derived from BaseHostFilter"),
    ],
)
def test_what_is_no_filter_is_an_error_that_names_its_place(given, sentence):
    with pytest.raises(InvalidRequest, match=sentence):
        FilterScheduler(filters=given)
    with pytest.raises(InvalidRequest, match=sentence):
        FilterScheduler(filters=[]).select_destinations(SPEC, hosts(), filters=given)


def test_unknown_name_is_an_error_that_names_the_argument():
    with pytest.raises(PluginNotFound, match=r"^filters names 'RanFilter', which is not available. .*'RamFilter'"):
        FilterScheduler(filters=["RanFilter"])
    with pytest.raises(PluginNotFound, match=r"^weighers names 'RAMWeiger', which is not installed. .*'RAMWeigher'"):
        FilterScheduler(weighers=["RAMWeiger"])


def test_class_that_cannot_be_made_is_an_error_that_names_it():
    with pytest.raises(PluginLoadError, match=r"'OnlyFilter' \(.*\) cannot be loaded: TypeError: .*missing 1 required"):
        FilterScheduler(filters=[OnlyFilter])
