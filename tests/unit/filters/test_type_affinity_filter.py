import pytest

from filtersched import HostState, RequestSpec
from filtersched.filters.type_affinity_filter import TypeAffinityFilter


def running(*flavor_ids):
    instances = {f"uuid-{at}": {"instance_type_id": flavor} for at, flavor in enumerate(flavor_ids)}
    return HostState("cmp1", instances=instances)


@pytest.mark.parametrize(
    ("flavor_ids", "expected"),
    [((), True), ((1,), True), ((1, 1), True), ((2,), False), ((1, 2), False), ((None,), False), (("1",), False)],
)
def test_no_instance_on_the_host_may_have_another_flavor_id(flavor_ids, expected):
    assert TypeAffinityFilter().host_passes(running(*flavor_ids), RequestSpec(flavor={"id": 1})) is expected


def test_instance_of_an_unknown_kind_has_another_flavor():
    host = HostState("cmp1", instances={"uuid-1": {}})
    assert not TypeAffinityFilter().host_passes(host, RequestSpec(flavor={"id": 1}))


def test_is_asked_for_every_instance():
    assert TypeAffinityFilter().run_filter_for_index(1)


def test_reason_counts_the_instances_of_other_flavors():
    rule, spec = TypeAffinityFilter(), RequestSpec(flavor={"id": 1})
    assert rule.rejection_reason(running(1, 2, 2, 3), spec) == "runs 3 instances of flavors 2, 3, the request is for 1"
    assert rule.rejection_reason(running(1), spec) is None
