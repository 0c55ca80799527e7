"""Names of Nova's that are not here: the nearest thing, or a sentence."""

import pytest

from filtersched import (
    BareMetalHost,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InvalidHost,
    NoValidHost,
    PluginNotFound,
    RequestSpec,
    make_conf,
    scheduler_from,
)


@pytest.mark.parametrize("option", ["available_filters", "enabled_filters", "weight_classes"])
def test_file_of_an_operator_in_the_package_nova_is_told_where_to_go(option):
    with pytest.raises(PluginNotFound, match="put it outside of the package nova"):
        scheduler_from(make_conf(**{option: ["nova.scheduler.filters.ours_filter.OursFilter"]}))


@pytest.mark.parametrize(
    ("driver", "name", "sentence"),
    [
        ("caching_scheduler", "FilterScheduler", ""),
        ("nova.scheduler.caching_scheduler.CachingScheduler", "FilterScheduler", ""),
        ("nova.scheduler.simple.SimpleScheduler", "FilterScheduler", "the host with the fewest used CPUs"),
        ("nova.scheduler.distributed_scheduler.FilterScheduler", "FilterScheduler", ""),
        ("nova.scheduler.distributed_scheduler.DistributedScheduler", "FilterScheduler", "FilterScheduler takes its"),
        ("nova.scheduler.multi.MultiScheduler", "FilterScheduler", ""),
        ("nova.scheduler.zone.ZoneScheduler", "ChanceScheduler", "ChanceScheduler takes its place"),
    ],
)
def test_driver_of_novas_means_the_nearest_here_with_a_sentence_where_it_differs(caplog, driver, name, sentence):
    assert type(scheduler_from(make_conf(scheduler_driver=driver))).__name__ == name
    assert (sentence in caplog.text) if sentence else caplog.text == ""


@pytest.mark.parametrize("driver", ["fake_scheduler", "nova.scheduler.fake_scheduler.FakeScheduler"])
def test_driver_that_nothing_here_stands_for_is_an_error_with_a_sentence(driver):
    with pytest.raises(PluginNotFound, match="which does nothing; configure filter_scheduler"):
        scheduler_from(make_conf(scheduler_driver=driver))


# -- bare metal --------------------------------------------------------------------------------

IRONIC = ("ironic_host_manager", "nova.scheduler.ironic_host_manager.IronicHostManager")
TWO = RequestSpec(Flavor(memory_mb=1, vcpus=1), num_instances=2)


def nodes(kind=HostState, **facts):
    facts = {"total_usable_ram_mb": 8, "free_ram_mb": 8, "vcpus_total": 8, **facts}
    return [kind("svc", name, **facts) for name in ("n1", "n2")]


def chosen(hosts, manager, spec=TWO):
    conf = make_conf(scheduler_host_manager=manager, enabled_filters=["RamFilter"])
    return [one.nodename for one in scheduler_from(conf).select_destinations(spec, hosts)]


@pytest.mark.parametrize("manager", IRONIC)
@pytest.mark.parametrize("kind", [HostState, BareMetalHost])
def test_instance_takes_the_whole_node_whatever_its_flavor(manager, kind):
    assert sorted(chosen(nodes(kind), manager)) == ["n1", "n2"]


def test_node_that_was_given_away_takes_no_third_instance():
    with pytest.raises(NoValidHost):
        chosen(nodes(), IRONIC[0], RequestSpec(Flavor(memory_mb=1), num_instances=3))


@pytest.mark.parametrize("use_engine", [True, False])
@pytest.mark.parametrize("kind", [HostState, BareMetalHost])
def test_flavor_without_sizes_takes_a_node_whatever_filters_there_are(kind, use_engine):
    conf = make_conf(scheduler_host_manager=IRONIC[0], enabled_filters=[])
    scheduler = FilterScheduler(conf, use_engine=use_engine)
    assert len(scheduler.select_destinations(RequestSpec(num_instances=2), nodes(kind))) == 2
    with pytest.raises(NoValidHost, match="2 refused by WholeNodeFilter"):
        scheduler.select_destinations(RequestSpec(num_instances=3), nodes(kind))


def test_ordinary_hosts_among_nodes_are_shared():
    assert len(chosen(nodes(hypervisor_type="QEMU"), IRONIC[0], RequestSpec(Flavor(memory_mb=1), num_instances=5))) == 5


def test_other_host_managers_share_hosts():
    spec = RequestSpec(Flavor(memory_mb=1), num_instances=5)
    assert len(chosen(nodes(), "nova.scheduler.host_manager.HostManager", spec)) == 5


def test_node_of_a_pool_is_free_again_when_its_instance_is_released():
    pool = HostPool(nodes(BareMetalHost))
    scheduler = scheduler_from(make_conf(scheduler_host_manager=IRONIC[0], enabled_filters=["RamFilter"]))
    (selection,) = scheduler.place(RequestSpec(Flavor(memory_mb=1)), pool)
    key = (selection.host, selection.nodename)
    assert (pool[key].free_ram_mb, pool[key].vcpus_used) == (0, 8)
    pool.release(selection)
    assert (pool[key].free_ram_mb, pool[key].vcpus_used) == (8, 0)


def test_pool_of_ordinary_hosts_is_refused_with_what_its_hosts_must_be():
    scheduler = scheduler_from(make_conf(scheduler_host_manager=IRONIC[0]))
    with pytest.raises(InvalidHost, match="the hosts of the pool must be of BareMetalHost"):
        scheduler.place(TWO, HostPool(nodes()))
