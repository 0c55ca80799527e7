import pytest

from filtersched import HostState, RequestSpec
from filtersched.filters.aggregate_multi_tenancy_isolation import AggregateMultiTenancyIsolation


def on(*metadata):
    return HostState("cmp1", aggregates=[{"metadata": one} for one in metadata])


def passes(host, project="mine"):
    return AggregateMultiTenancyIsolation().host_passes(host, RequestSpec(project_id=project))


@pytest.mark.parametrize("metadata", [[], [{}], [{"other": "theirs"}], [{"my_filter_tenant_id": "theirs"}]])
def test_host_that_is_set_aside_for_nobody_passes(metadata):
    assert passes(on(*metadata))


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ([{"filter_tenant_id": "mine"}], True),
        ([{"filter_tenant_id": "theirs"}], False),
        ([{"filter_tenant_id": "theirs,mine"}], True),
        ([{"filter_tenant_id": " theirs , mine "}], True),
        ([{"filter_tenant_id": "theirs"}, {"filter_tenant_id": "mine"}], True),
        ([{"filter_tenant_id": "mine2"}], False),
        ([{"filter_tenant_id": "Mine"}], False),
        ([{"filter_tenant_id": ""}], False),
    ],
)
def test_project_must_be_among_the_split_values(metadata, expected):
    assert passes(on(*metadata)) is expected


def test_every_key_that_begins_with_filter_tenant_id_counts():
    host = on({"filter_tenant_id": "theirs", "filter_tenant_id2": "others, mine"})
    assert passes(host)
    assert not passes(on({"filter_tenant_id_more": "theirs"}))


def test_request_without_a_project_is_refused_where_projects_are_named():
    assert not passes(on({"filter_tenant_id": "theirs"}), None)
    assert passes(on(), None)


def test_is_asked_for_the_first_instance_only_and_not_on_a_rebuild():
    rule = AggregateMultiTenancyIsolation()
    assert [rule.run_filter_for_index(index) for index in (0, 1)] == [True, False]
    assert not rule.asked_about(RequestSpec(scheduler_hints={"_nova_check_type": ["rebuild"]}))


def test_reason_names_a_few_of_the_projects_and_the_one_that_asks():
    rule, spec = AggregateMultiTenancyIsolation(), RequestSpec(project_id="mine")
    assert rule.rejection_reason(on({"filter_tenant_id": "b,a"}), spec) == "is for projects a, b, not for 'mine'"
    assert rule.rejection_reason(on({"filter_tenant_id": "g,f,e,d,c,b,a"}), spec) == (
        "is for projects a, b, c, d, e and 2 more, not for 'mine'"
    )
    assert rule.rejection_reason(on({"filter_tenant_id": "e,d,c,b,a"}), spec) == (
        "is for projects a, b, c, d, e, not for 'mine'"
    )
    assert rule.rejection_reason(on({"filter_tenant_id": "mine"}), spec) is None
    assert rule.rejection_reason(on(), spec) is None
