"""A shared resource refuses hosts in whose scope too little is left, on both paths."""

import math

import pytest

from filtersched import (
    Aggregate,
    ConfigurationError,
    FilterScheduler,
    HostPool,
    Instance,
    InvalidAnswer,
    NoValidHost,
    PluginLoadError,
    RequestSpec,
    SharedResource,
    Shortage,
    make_conf,
)
from tests.unit.resources.racks import Power, RackHost, host, names, pool_of, racks, request, scheduler

BOTH = pytest.mark.parametrize("use_engine", [True, False], ids=["engine", "plain"])


def resource(**members):
    """A class of resources: one unit per instance and 2 in all, unless `members` say otherwise."""
    usual = {"name": "seats", "total": lambda self, scope: 2, "amount": lambda self, spec, host: 1}
    return type("Seats", (SharedResource,), {**usual, **members})


@BOTH
def test_a_request_of_many_instances_stops_at_the_limit(use_engine):
    with pytest.raises(NoValidHost) as caught:
        scheduler(use_engine=use_engine).select_destinations(request(count=100), pool_of("r1", "r1", "r2"))
    assert caught.value.index == 6


@BOTH
def test_as_many_as_fit_are_spread_over_the_racks(use_engine):
    selections = scheduler(use_engine=use_engine).select_destinations(request(count=6), pool_of("r1", "r1", "r2"))
    assert sorted(one.host_state.rack for one in selections) == ["r1", "r1", "r1", "r2", "r2", "r2"]


@BOTH
def test_what_exactly_fits_passes(use_engine):
    assert names(scheduler(use_engine=use_engine).select_destinations(request(1000), pool_of("r1"))) == ["h1"]


@BOTH
def test_one_watt_more_than_there_is_is_refused(use_engine):
    with pytest.raises(NoValidHost):
        scheduler(use_engine=use_engine).select_destinations(request(1001), pool_of("r1"))


@BOTH
def test_deciding_takes_nothing(use_engine):
    pool, deciding = pool_of("r1"), scheduler(use_engine=use_engine)
    for _ in range(5):
        deciding.select_destinations(request(600), pool)
    assert deciding.shared_use(pool) == {"power": {}}


@BOTH
def test_what_is_placed_counts_for_the_next_request(use_engine):
    pool, placing = pool_of("r1", "r1", "r2"), scheduler(use_engine=use_engine)
    placing.place(request(600), pool)
    assert names(placing.place(request(600), pool)) == ["h3"]


@BOTH
def test_a_refusal_says_who_has_how_much_and_what_was_asked(use_engine):
    pool, placing = pool_of("r1"), scheduler(use_engine=use_engine)
    placing.place(request(700), pool)
    with pytest.raises(NoValidHost) as caught:
        placing.place(request(450), pool)
    assert str(caught.value) == (
        "No valid host was found. Instance 1 of 1: 1 host, 1 refused by power. "
        "Nearest: h1: power: rack 'r1' has 300 of 1000 W of 'power' free, asked 450."
    )


@BOTH
def test_the_verdict_on_a_host_is_a_shortage(use_engine):
    pool, placing = pool_of("r1"), scheduler(use_engine=use_engine)
    placing.place(request(700), pool)
    verdict = placing.explain(request(450), "h1", pool).refused_by[0]
    assert (verdict.filter, verdict.reason) == ("power", Shortage("power", 450, 300, "W", verdict.reason.sentence))


@BOTH
def test_alternates_fit_into_what_the_request_leaves(use_engine):
    deciding = scheduler(use_engine=use_engine)
    (selection,) = deciding.select_destinations(request(600), pool_of("r1", "r1", "r2"), return_alternates=True)
    assert (selection.host, [one.host for one in selection.alternates]) == ("h1", ["h2", "h3"])


@BOTH
def test_alternates_of_several_instances_come_from_racks_with_power_left(use_engine):
    deciding = scheduler(use_engine=use_engine)
    pool = pool_of("r1", "r1", "r2", "r3")
    selections = deciding.select_destinations(request(600, count=2), pool, return_alternates=True)
    assert [[other.host for other in one.alternates] for one in selections] == [["h4"], ["h4"]]


@BOTH
def test_instances_of_a_plain_list_of_hosts_count(use_engine):
    first, *others = racks("r1", "r1", "r2")
    first.instances = [Instance("i1", flavor=request(600).flavor)]
    selections = scheduler(use_engine=use_engine).select_destinations(request(600), [first, *others])
    assert names(selections) == ["h3"]


@BOTH
def test_an_instance_that_takes_nothing_goes_to_a_rack_without_power(use_engine):
    pool, placing = pool_of("r1"), scheduler(use_engine=use_engine)
    placing.place(request(1000), pool)
    assert names(placing.place(request(0), pool)) == ["h1"]


@BOTH
def test_a_host_that_has_no_rack_is_refused(use_engine):
    with pytest.raises(NoValidHost, match="the host has no rack, so there is no W of 'power' for it, asked 300"):
        scheduler(use_engine=use_engine).select_destinations(request(), pool_of(None))


@BOTH
def test_a_host_that_has_no_rack_passes_where_the_resource_says_so(use_engine):
    lenient = type("Lenient", (Power,), {"unlimited_outside": True})
    assert names(scheduler(lenient, use_engine=use_engine).select_destinations(request(), pool_of(None))) == ["h1"]


@BOTH
def test_a_total_of_none_is_no_limit(use_engine):
    free = resource(total=lambda self, scope: None)
    selections = scheduler(free, use_engine=use_engine).select_destinations(request(count=50), pool_of("r1"))
    assert len(selections) == 50


@BOTH
def test_a_pool_shares_one_total(use_engine):
    with pytest.raises(NoValidHost, match="the pool has 0 of 2 of 'seats' free, asked 1") as caught:
        scheduler(resource(), use_engine=use_engine).select_destinations(request(count=3), pool_of("r1", "r2"))
    assert caught.value.index == 2


@BOTH
def test_each_project_has_its_own_total(use_engine):
    pool, placing = pool_of("r1"), scheduler(resource(scope="project"), use_engine=use_engine)
    placing.place(request(count=2, project_id="p1"), pool)
    placing.place(request(project_id="p2"), pool)
    with pytest.raises(NoValidHost, match="project 'p1' has 0 of 2 of 'seats' free, asked 1"):
        placing.place(request(project_id="p1"), pool)


@BOTH
def test_a_request_without_a_project_is_refused_where_projects_have_totals(use_engine):
    with pytest.raises(NoValidHost, match="the request names no project"):
        scheduler(resource(scope="project"), use_engine=use_engine).select_destinations(request(), pool_of("r1"))


@BOTH
def test_an_aggregate_itself_is_what_total_gets(use_engine):
    def total(self, aggregate):
        return int(aggregate.metadata["seats"])

    licences = resource(name="licences", scope="aggregate", total=total, unlimited_outside=True)
    few, many = Aggregate("few", {"seats": "1"}), Aggregate("many", {"seats": "5"})
    pool = HostPool([host("h1", aggregates=[few, many]), host("h2", aggregates=[many])])
    placing = scheduler(licences, use_engine=use_engine)
    assert sorted(names(placing.place(request(count=5), pool))) == ["h1", "h2", "h2", "h2", "h2"]
    assert placing.shared_use(pool) == {"licences": {"few": 1, "many": 5}}


@BOTH
def test_the_amount_may_depend_on_the_host(use_engine):
    def amount(self, spec, host):
        return 0 if host.instances else 1

    per_host = resource(amount=amount, total=lambda self, scope: 1)
    pool, placing = pool_of("r1", "r1"), scheduler(per_host, use_engine=use_engine)
    assert names(placing.place(request(), pool)) == ["h1"]
    assert names(placing.place(request(count=3), pool)) == ["h1", "h1", "h1"]


@BOTH
def test_an_amount_on_columns_of_hosts_is_that_of_each_host(use_engine):
    class Cores(SharedResource):
        """Refuse hosts whose cores no licence is left for."""

        host_reads, columnar = ("vcpus_total",), True

        def total(self, scope):
            return 40

        def amount(self, spec, host):
            return host.vcpus_total / 2

    pool = HostPool([host("big", vcpus_total=96), host("small", vcpus_total=32)])
    with pytest.raises(NoValidHost, match="the pool has 8 of 40 of 'Cores' free, asked 16") as caught:
        scheduler(Cores, use_engine=use_engine).select_destinations(request(count=9), pool)
    assert caught.value.index == 2


@BOTH
def test_tenths_add_up_exactly(use_engine):
    tenths = resource(amount=lambda self, spec, host: 0.1, total=lambda self, scope: 1)
    selections = scheduler(tenths, use_engine=use_engine).select_destinations(request(count=10), pool_of("r1"))
    assert len(selections) == 10


@BOTH
@pytest.mark.parametrize("wrong", [-1, math.nan, "5", None, [1]], ids=repr)
def test_an_amount_that_is_none_names_resource_host_and_scope(use_engine, wrong):
    bad = resource(scope="rack", amount=lambda self, spec, host: wrong)
    with pytest.raises(InvalidAnswer, match=r"seats\.amount returned .* for host 'h1' \(rack 'r1'\)") as caught:
        scheduler(bad, use_engine=use_engine).select_destinations(request(), pool_of("r1"))
    assert (caught.value.plugin, caught.value.method) == ("seats", "amount")


@BOTH
@pytest.mark.parametrize("wrong", [-1, math.nan, "5"], ids=repr)
def test_a_total_that_is_none_names_resource_and_scope(use_engine, wrong):
    bad = resource(scope="rack", total=lambda self, scope: wrong)
    with pytest.raises(InvalidAnswer, match=r"seats\.total returned .* for rack 'r1'"):
        scheduler(bad, use_engine=use_engine).select_destinations(request(), pool_of("r1"))


@BOTH
def test_a_negative_amount_of_a_column_names_the_host(use_engine):
    bad = resource(host_reads=("free_ram_mb",), columnar=True, amount=lambda self, spec, host: host.free_ram_mb - 65537)
    with pytest.raises(InvalidAnswer, match="for host 'h1'"):
        scheduler(bad, use_engine=use_engine).select_destinations(request(), pool_of("r1"))


@BOTH
def test_an_exception_in_amount_has_a_note(use_engine):
    def amount(self, spec, host):
        raise KeyError("watts")

    with pytest.raises(KeyError) as caught:
        scheduler(resource(amount=amount), use_engine=use_engine).select_destinations(request(), pool_of("r1"))
    assert any("seats was asked" in note and "h1" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("kind", ["", "aggregate:", "two words", 5, None], ids=repr)
def test_a_scope_of_an_unknown_kind_is_refused_with_the_kinds(kind):
    with pytest.raises(ConfigurationError, match="it is pool, project, aggregate, aggregate:KEY, zone, or the name"):
        scheduler(resource(scope=kind))


@BOTH
def test_a_scope_that_no_host_has_is_refused_with_the_nearest(use_engine):
    deciding = scheduler(resource(scope="rakc"), use_engine=use_engine)
    with pytest.raises(ConfigurationError, match=r"hosts have no attribute 'rakc' to be its scope.*'rack'"):
        deciding.select_destinations(request(), pool_of("r1"))


def test_two_resources_of_one_name_are_refused():
    with pytest.raises(ConfigurationError, match="Two shared resources have the name 'seats'"):
        scheduler(resource(), resource())


def test_an_amount_that_takes_one_argument_is_refused_at_once():
    with pytest.raises(PluginLoadError, match="is called with 2 arguments"):
        scheduler(resource(amount=lambda self, spec: 1))


def test_a_filter_left_out_of_a_request_leaves_the_resource_in():
    with pytest.raises(NoValidHost):
        scheduler().select_destinations(request(1001), pool_of("r1"), filters=[])


def test_a_forced_host_is_not_asked_but_counts():
    pool, placing = pool_of("r1"), scheduler()
    placing.place(request(1500, force_hosts=["h1"]), pool)
    assert placing.shared_use(pool) == {"power": {"r1": 1500}}


def test_no_resource_is_in_use_by_default():
    assert FilterScheduler(make_conf()).shared_use(pool_of("r1")) == {}


def test_a_selection_without_resources_says_none():
    (selection,) = FilterScheduler(make_conf(scheduler_default_filters=[])).select_destinations(
        RequestSpec(), pool_of("r1")
    )
    assert selection.resources is None


@pytest.mark.parametrize("name", [5, "two\nlines", " seats", "seats "], ids=repr)
def test_a_name_that_results_cannot_show_is_refused(name):
    with pytest.raises(ConfigurationError, match="Seats: name must be text that can be printed"):
        scheduler(resource(name=name))


def test_the_name_of_a_filter_in_use_is_refused():
    with pytest.raises(ConfigurationError, match="A shared resource and a filter in use have the name 'RamFilter'"):
        scheduler(resource(name="RamFilter"))


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"total": SharedResource.total}, "Seats defines no total"),
        ({"amount": SharedResource.amount}, "Seats defines no amount"),
    ],
)
def test_a_resource_without_a_method_is_refused_at_once(members, said):
    with pytest.raises(ConfigurationError, match=said):
        scheduler(resource(**members))


def test_a_request_that_was_decided_with_resources_is_decided_without_them():
    (selection,) = scheduler().select_destinations(request(), pool_of("r1"))
    plain = FilterScheduler(make_conf(scheduler_default_filters=[]))
    (again,) = plain.select_destinations(selection.spec.copy(), pool_of("r1"))
    assert again.resources is None


@BOTH
def test_an_explanation_read_later_says_what_there_was(use_engine):
    pool, placing = pool_of("r1", "r2"), scheduler(use_engine=use_engine)
    (first,) = placing.place(request(700, ignore_hosts=["h2"]), pool)
    (second,) = placing.place(request(500), pool)
    pool.release(first)
    placing.place(request(10), pool)
    said = "rack 'r1' has 300 of 1000 W of 'power' free, asked 500"
    assert said in str(second.explanation.why("h1"))


def test_hosts_that_are_columns_only_stay_so():
    count = 50
    room = {"total_usable_ram_mb": [65536] * count, "free_ram_mb": [65536] * count}
    names_ = [f"h{number}" for number in range(count)]
    pool = HostPool.from_columns(names_, host_class=RackHost, rack=["r1"] * count, **room)
    placing = scheduler()
    placing.place(request(300, count=3), pool)
    with pytest.raises(NoValidHost):
        placing.place(request(300), pool)
    assert placing.shared_use(pool) == {"power": {"r1": 900}}
