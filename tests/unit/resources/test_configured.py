"""Resources that the configuration defines in one line."""

import pytest

from filtersched import Aggregate, ConfigurationError, HostPool, InvalidHost, InvalidRequest, NoValidHost
from tests.unit.resources.racks import configured, host, names, pool_of, racks, request

BOTH = pytest.mark.parametrize("use_engine", [True, False], ids=["engine", "plain"])


@BOTH
@pytest.mark.parametrize(
    ("line", "placed"),
    [
        ("seats total=3", 3),
        ("seats of=instances per=pool total=3", 3),
        ("seats of=2 total=7", 3),
        ("seats of=0.5 total=1.5", 3),
        ("cores of=vcpus total=7", 3),
        ("memory of=memory_mb total=3072 unit=MiB", 3),
        ("power of=extra_specs.watts total=900", 3),
        ("power of=extra_specs.watts per=rack total=900", 6),
        ("power of=extra_specs.watts per=rack total=900 total.r2=300", 4),
        ("power of=extra_specs.watts per=rack total.r1=300 total.r2=600", 3),
        ("quota per=project total=9 total.p1=2", 2),
        ("quota per=project total=4 total.p2=2", 4),
        ('"two words" per=project total=4 "total.p 2=2"', 4),
    ],
)
def test_a_line_says_how_many_fit(line, placed, use_engine):
    deciding = configured(line, use_engine=use_engine)
    with pytest.raises(NoValidHost) as caught:
        deciding.select_destinations(request(count=20, project_id="p1"), pool_of("r1", "r2"))
    assert caught.value.index == placed


@BOTH
def test_licences_stand_in_the_metadata_of_aggregates(use_engine):
    few, many = Aggregate("few", {"licences": "1"}), Aggregate("many", {"licences": "3"})
    pool = HostPool([host("h1", aggregates=[few]), host("h2", aggregates=[many]), host("h3")])
    placing = configured("licences per=aggregate total=metadata.licences", use_engine=use_engine)
    assert sorted(names(placing.place(request(count=4), pool))) == ["h1", "h2", "h2", "h2"]
    with pytest.raises(NoValidHost, match="3 refused by licences"):
        placing.place(request(), pool)


def test_an_aggregate_without_the_metadata_has_no_limit():
    pool = HostPool([host("h1", aggregates=[Aggregate("a", {})])])
    placing = configured("licences per=aggregate total=metadata.licences")
    assert len(placing.place(request(count=30), pool)) == 30


def test_metadata_that_is_no_number_names_the_aggregate():
    pool = HostPool([host("h1", aggregates=[Aggregate("a", {"licences": "many"})])])
    with pytest.raises(InvalidHost, match=r"aggregate 'a': licences must be a number of 0 or more.*'licences'"):
        configured("licences per=aggregate total=metadata.licences").place(request(), pool)


def test_a_key_of_aggregates_is_a_scope():
    hosts = racks("r1", "r2")
    for one in hosts:
        one.aggregates = [Aggregate(f"of-{one.host}", {"room": "east"})]
    with pytest.raises(NoValidHost, match="room 'east' has 0 of 3 of 'seats' free") as caught:
        configured("seats per=aggregate:room total=3").place(request(count=9), HostPool(hosts))
    assert caught.value.index == 3


def test_an_availability_zone_is_a_scope():
    with pytest.raises(NoValidHost, match="zone 'nova' has 0 of 3 of 'seats' free"):
        configured("seats per=zone total=3").place(request(count=9), pool_of("r1"))


def test_hosts_outside_pass_where_the_line_says_so():
    placing = configured("power of=extra_specs.watts per=rack total=900 outside=unlimited")
    assert len(placing.place(request(count=9), pool_of(None))) == 9


def test_several_resources_hold_together():
    placing = configured("power of=extra_specs.watts per=rack total=900", "quota per=project total=4")
    with pytest.raises(NoValidHost, match="2 refused by quota") as caught:
        placing.place(request(count=20, project_id="p1"), pool_of("r1", "r2"))
    assert caught.value.index == 4


def test_an_extra_spec_that_is_no_number_names_the_field():
    with pytest.raises(InvalidRequest, match=r"flavor.extra_specs\['watts'\] must be a number of 0 or more") as caught:
        configured("power of=extra_specs.watts total=900").place(request("much"), pool_of("r1"))
    assert caught.value.field == "flavor.extra_specs['watts']"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("total=5", "it must begin with the name of the resource"),
        ("seats total=5 seats", "'seats' is not KEY=VALUE"),
        ("seats total=", "'total=' is not KEY=VALUE"),
        ("seats totl=5", "there is no 'totl'; Did you mean 'total'?"),
        ("seats total.=5", "there is no 'total.'"),
        ("seats total=5 total=6", "'total' is there twice"),
        ("seats total=many", "total must be a number of 0 or more, not 'many'"),
        ("seats total=-1", "total must be a number of 0 or more"),
        ("seats total=nan", "total must be a number of 0 or more"),
        ("seats total.a=x", "total.a must be a number of 0 or more"),
        ("seats of=vcpu total=5", "Did you mean 'vcpus'?"),
        ("seats of=extra_specs. total=5", "of must be instances, vcpus"),
        ("seats of=-3 total=5", "of must be instances, vcpus"),
        ("seats per=rack", "it has no total, so it limits nothing"),
        ("seats per=a-b total=5", "scope cannot be 'a-b'; it is pool, project"),
        ("seats per=rack total=metadata.x", "needs per=aggregate, whose metadata has it"),
        ("seats outside=maybe total=5", "outside must be refused or unlimited"),
        ('seats "total=5', "quotes come in pairs"),
    ],
)
def test_a_line_that_makes_no_sense_names_the_option_and_the_word(line, said):
    with pytest.raises(ConfigurationError) as caught:
        configured(line)
    assert "shared_resources: " in str(caught.value)
    assert said in str(caught.value)


def test_a_name_that_is_not_installed_is_refused():
    with pytest.raises(ConfigurationError, match="'Power', which is not installed"):
        configured("Power")


def test_a_class_is_named_by_its_path():
    placing = configured("tests.unit.resources.racks.Power")
    with pytest.raises(NoValidHost, match="refused by power"):
        placing.place(request(1001), pool_of("r1"))
