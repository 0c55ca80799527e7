import pytest

from filtersched import HostState, RequestSpec
from filtersched.filters.aggregate_type_affinity_filter import AggregateTypeAffinityFilter


def on(*metadata):
    return HostState("cmp1", aggregates=[{"metadata": one} for one in metadata])


def passes(host, name="m1.small"):
    return AggregateTypeAffinityFilter().host_passes(host, RequestSpec(flavor={"name": name}))


@pytest.mark.parametrize("metadata", [[], [{}], [{"other": "m1.large"}]])
def test_host_without_the_key_takes_any_flavor(metadata):
    assert passes(on(*metadata))


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ([{"instance_type": "m1.small"}], True),
        ([{"instance_type": "m1.large"}], False),
        ([{"instance_type": "m1.large,m1.small"}], True),
        ([{"instance_type": " m1.large , m1.small "}], True),
        ([{"instance_type": "m1.large"}, {"instance_type": "m1.small"}], True),
        ([{"instance_type": "m1.smaller"}], False),
        ([{"instance_type": "M1.SMALL"}], False),
        ([{"instance_type": ""}], False),
    ],
)
def test_name_of_the_flavor_must_be_among_the_split_values(metadata, expected):
    assert passes(on(*metadata)) is expected


def test_flavor_without_a_name_is_refused_where_names_are_given():
    assert not passes(on({"instance_type": "m1.small"}), None)


def test_is_asked_for_the_first_instance_only_and_not_on_a_rebuild():
    rule = AggregateTypeAffinityFilter()
    assert [rule.run_filter_for_index(index) for index in (0, 1)] == [True, False]
    assert not rule.asked_about(RequestSpec(scheduler_hints={"_nova_check_type": ["rebuild"]}))


def test_reason_names_the_flavors_and_the_one_asked_for():
    rule, spec = AggregateTypeAffinityFilter(), RequestSpec(flavor={"name": "m1.small"})
    said = "is for flavors m1.large, m1.tiny, not for 'm1.small'"
    assert rule.rejection_reason(on({"instance_type": "m1.tiny,m1.large"}), spec) == said
    assert rule.rejection_reason(on({"instance_type": "m1.small"}), spec) is None
