"""ExpressionFilter and ExpressionWeigher, on both paths: where expressions come from, and what errors say."""

from __future__ import annotations

import pytest

from filtersched import (
    ConfigurationError,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InvalidHost,
    InvalidRequest,
    NoValidHost,
    RequestSpec,
    make_conf,
)


@pytest.fixture(params=[True, False], ids=["engine", "handlers"])
def use_engine(request):
    return request.param


def scheduler(use_engine, **conf):
    given = {"enabled_filters": "ExpressionFilter", "weight_classes": "ExpressionWeigher", **conf}
    return FilterScheduler(make_conf(**given), use_engine=use_engine)


def host(name, free=1000, **attributes):
    return HostState(name, total_usable_ram_mb=1000, free_ram_mb=free, vcpus_total=4, **attributes)


def aggregate(**metadata):
    return [{"name": "gold", "metadata": {key.replace("_", ":", 1): text for key, text in metadata.items()}}]


def placed(scheduler, hosts, count=1, **extra_specs):
    flavor = Flavor(memory_mb=100, extra_specs={key.replace("_", ":", 1): text for key, text in extra_specs.items()})
    spec = RequestSpec(flavor, num_instances=count)
    return [one.host for one in scheduler.select_destinations(spec, hosts)]


def test_configured_expression_refuses_and_counts_what_is_placed(use_engine):
    expression = "free_ram_mb / total_usable_ram_mb > 0.8"
    asked = scheduler(use_engine, filter_expression=expression, weight_classes="RAMWeigher")
    assert placed(asked, [host("a"), host("b", 950)], 4) == ["a", "b", "a", "b"]
    with pytest.raises(NoValidHost) as caught:
        placed(asked, [host("a"), host("b", 950)], 5)
    said = "'free_ram_mb / total_usable_ram_mb > 0.8' of the configuration does not hold"
    assert caught.value.explanation.why("a").refused_by[0].reason == said


def test_configuration_flavor_and_aggregates_must_all_hold(use_engine):
    asked = scheduler(use_engine, filter_expression="free_ram_mb > 100")
    hosts = [
        host("a", 50),
        host("b", vcpus_used=3),
        host("c", aggregates=aggregate(filtersched_filter="free_ram_mb < 500")),
        host("d"),
    ]
    for one in hosts[2:]:
        one.hypervisor_type = "xen"
    assert placed(asked, hosts, filtersched_filter="vcpus_used < 2 and hypervisor_type == 'xen'") == ["d"]


def test_commas_separate_nothing(use_engine):
    asked = scheduler(use_engine, filter_expression="host in ('b', 'c') and max(free_ram_mb, 1) > 1")
    assert placed(asked, [host("a"), host("b")]) == ["b"]


def test_unknown_answer_refuses_unless_an_option_lets_it_pass(use_engine):
    with pytest.raises(NoValidHost) as caught:
        placed(scheduler(use_engine, filter_expression="metrics['load'] < 1"), [host("a")])
    said = "\"metrics['load'] < 1\" of the configuration has no answer: no value of metrics['load']"
    assert caught.value.explanation.why("a").refused_by[0].reason == said
    lenient = scheduler(use_engine, filter_expression="metrics['load'] < 1", filter_expression_passes_unknown=True)
    assert placed(lenient, [host("a", metrics={"load": 2}), host("b")]) == ["b"]


def test_division_by_zero_is_said(use_engine):
    with pytest.raises(NoValidHost) as caught:
        placed(scheduler(use_engine, filter_expression="1 / num_io_ops > 0"), [host("a")])
    assert caught.value.explanation.why("a").refused_by[0].reason.endswith(
        "has no answer: a division by zero, text among numbers, or too large a number"
    )


def test_weights_of_all_expressions_add_up(use_engine):
    asked = scheduler(use_engine, weight_expression="free_ram_mb / 1000", enabled_filters="AllHostsFilter")
    twice = [{"name": name, "metadata": {"filtersched:weight": "0.3"}} for name in "xy"]
    hosts = [host("a", 1000), host("b", 500, aggregates=twice), host("c", 100, metrics={"load": -2})]
    assert placed(asked, hosts) == ["b"]
    assert placed(asked, hosts, filtersched_weight="0 - 2 * metrics['load']") == ["c"]


def test_weight_without_a_value_is_zero(use_engine):
    asked = scheduler(use_engine, weight_expression="0 - metrics['load']", enabled_filters="AllHostsFilter")
    assert placed(asked, [host("a", metrics={"load": 1}), host("b"), host("c", metrics={"load": 2})]) == ["b"]


def test_changed_metadata_counts_in_the_next_request(use_engine):
    asked = scheduler(use_engine)
    pool = HostPool([host("a"), host("b")])
    spec = RequestSpec(Flavor(memory_mb=100))
    assert asked.select_destinations(spec, pool)[0].host == "a"
    pool["a"].aggregates = aggregate(filtersched_filter="free_ram_mb < 500")
    assert asked.select_destinations(spec, pool)[0].host == "b"
    pool["a"].free_ram_mb = 400
    pool["b"].aggregates = aggregate(filtersched_filter="False")
    assert asked.select_destinations(spec, pool)[0].host == "a"


def test_bad_expression_of_the_configuration_is_an_error_when_it_is_read(use_engine):
    with pytest.raises(ConfigurationError, match="Did you mean 'free_ram_mb'") as caught:
        scheduler(use_engine, filter_expression="free_ram > 1")
    assert (caught.value.group, caught.value.option) == ("DEFAULT", "filter_expression")
    with pytest.raises(ConfigurationError, match="weight_expression"):
        scheduler(use_engine, weight_expression="1 +")


def test_bad_expression_of_a_flavor_names_the_extra_spec(use_engine):
    with pytest.raises(InvalidRequest, match="which hosts do not have") as caught:
        placed(scheduler(use_engine), [host("a")], filtersched_filter="nothing > 1")
    assert caught.value.field == "flavor.extra_specs['filtersched:filter']"


def test_bad_expression_of_an_aggregate_names_the_host(use_engine):
    hosts = [host("a", aggregates=aggregate(filtersched_filter="1 +"))]
    with pytest.raises(InvalidHost, match="filtersched:filter of an aggregate of host 'a'") as caught:
        placed(scheduler(use_engine), hosts)
    assert (caught.value.host, caught.value.attribute) == ("a", "aggregates")


def test_no_other_filter_reads_the_extra_specs(use_engine):
    names = "AggregateInstanceExtraSpecsFilter,ComputeCapabilitiesFilter,ComputeFilter,ResourceFilter,TraitsFilter"
    asked = scheduler(use_engine, enabled_filters=f"{names},ExpressionFilter")
    specs = {"filtersched_filter": "free_ram_mb > 1", "filtersched_weight": "1"}
    assert placed(asked, [host("a", capabilities={"gpu": 1})], **specs) == ["a"]
