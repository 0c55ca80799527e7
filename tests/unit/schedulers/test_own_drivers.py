"""Drivers of other people: their options, and their steps in explanations."""

import pytest
from oslo_config import cfg

from filtersched import (
    ConfigurationError,
    Filtered,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InstanceGroup,
    NoValidHost,
    RequestSpec,
    make_conf,
    scheduler_from,
)

SPEC = RequestSpec(Flavor(memory_mb=512))


def hosts():
    return [HostState(f"h{n}", free_ram_mb=1024 * (4 - n), total_usable_ram_mb=8192) for n in range(3)]


class NightScheduler(FilterScheduler):
    """Keep off hosts that are under maintenance."""

    options = (cfg.ListOpt("closed", default=["h0"]),)
    option_group = "night"

    def narrow(self, hosts, spec):
        left = super().narrow(hosts, spec)
        return Filtered.of(left, [host for host in left if host.host not in self.option("closed")], "maintenance")


class PlainScheduler(FilterScheduler):
    """The same, as a list without a word."""

    def narrow(self, hosts, spec):
        return [host for host in super().narrow(hosts, spec) if host.host != "h0"]


class FewScheduler(FilterScheduler):
    """Drop hosts behind the filters."""

    def filter(self, hosts, spec, index, filters):
        passed = super().filter(hosts, spec, index, filters)
        return Filtered.of(passed, passed[:1], "only one")


def test_driver_has_its_defaults():
    assert NightScheduler().select_destinations(SPEC, hosts())[0].host == "h1"


def test_driver_has_the_options_of_the_configuration(tmp_path):
    (tmp_path / "site.conf").write_text(
        f"[DEFAULT]\nscheduler_driver = {__name__}.NightScheduler\n[night]\nclosed = h0,h1\n"
    )
    scheduler = scheduler_from(make_conf(files=[tmp_path / "site.conf"]))
    assert scheduler.select_destinations(SPEC, hosts())[0].host == "h2"


def test_option_that_a_driver_does_not_have_is_an_error():
    with pytest.raises(ConfigurationError, match=r"NightScheduler has no option 'close'. .*'closed'"):
        NightScheduler().option("close")


@pytest.mark.parametrize("offer", [hosts, lambda: HostPool(hosts())], ids=["list", "pool"])
def test_step_of_a_driver_is_counted_in_the_refusal(offer):
    with pytest.raises(NoValidHost) as refusal:
        NightScheduler(make_conf(enabled_filters="RamFilter")).select_destinations(
            RequestSpec(Flavor(memory_mb=10**6), ignore_hosts=["h1"]), offer()
        )
    assert refusal.value.explanation.counts() == (
        "3 hosts, 1 ignored by the request, 1 refused by maintenance, 1 refused by RamFilter."
    )


def test_host_that_a_driver_dropped_is_said_to_be():
    (selection,) = NightScheduler().select_destinations(SPEC, hosts())
    assert str(selection.explanation.why("h0")) == "h0: excluded by maintenance"
    assert selection.explanation.why("h0").to_dict()["excluded_by"] == "maintenance"
    assert not selection.explanation.why("h0").passed


def test_what_a_driver_drops_without_a_word_is_its_own_step():
    (selection,) = PlainScheduler().select_destinations(SPEC, hosts())
    assert [(step.name, step.refused) for step in selection.explanation.steps][:1] == [("PlainScheduler", ("h0",))]
    assert str(selection.explanation.why("h0")) == "h0: excluded by PlainScheduler"


def test_steps_of_the_filters_stay_in_front_of_the_drivers():
    (selection,) = FewScheduler(make_conf(enabled_filters="RamFilter")).select_destinations(SPEC, hosts())
    assert [(step.name, step.before, step.after) for step in selection.explanation.steps] == [
        ("RamFilter", 3, 3),
        ("only one", 3, 1),
    ]
    assert str(selection.explanation.why("h2")) == "h2: excluded by only one"


class OddScheduler(FilterScheduler):
    """Keep off the third host behind the filters, as a list without a word."""

    def filter(self, hosts, spec, index, filters):
        return [host for host in super().filter(hosts, spec, index, filters) if host.host != "h2"]


class RackedHost(HostState):
    """A host in a rack."""

    rack: str = ""


def in_racks():
    return [RackedHost(f"h{at}", free_ram_mb=9000 - at, rack=rack) for at, rack in enumerate(("r1", "r2", "r1"))]


def test_hosts_that_a_filter_set_aside_come_back_though_a_driver_returns_a_plain_list():
    scheduler = OddScheduler(make_conf(enabled_filters="TopologySpreadFilter", weight_classes="RAMWeigher"))
    group = InstanceGroup(uuid="web", rules={"spread": "rack", "max_skew": 1})
    spec = RequestSpec(Flavor(memory_mb=1), num_instances=4, instance_group=group)
    chosen = scheduler.select_destinations(spec, in_racks())
    assert [one.host for one in chosen] == ["h0", "h1", "h0", "h1"]


def test_driver_that_returns_a_plain_list_keeps_the_steps_of_the_filters():
    scheduler = OddScheduler(make_conf(enabled_filters="TopologySpreadFilter", weight_classes="RAMWeigher"))
    group = InstanceGroup(uuid="web", rules={"spread": "rack", "max_per_domain": 1})
    spec = RequestSpec(Flavor(memory_mb=1), num_instances=3, instance_group=group)
    with pytest.raises(NoValidHost) as refusal:
        scheduler.select_destinations(spec, in_racks())
    steps = [(step.name, step.before, step.after) for step in refusal.value.explanation.steps]
    assert steps == [("TopologySpreadFilter", 2, 1), ("TopologySpreadFilter", 1, 0)]
