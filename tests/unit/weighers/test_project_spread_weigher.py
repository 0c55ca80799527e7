import pytest

from filtersched.hosts.host_state import HostState, Instance
from filtersched.requests.request_spec import RequestSpec
from filtersched.weighers.project_spread_weigher import ProjectSpreadWeigher
from tests.unit.weighers.ranked import bound, raw, weights

SPEC = RequestSpec(project_id="p1", user_id="u1")


def host(*owners, unknown=0, **attributes):
    """A host with an instance of each (project, user) and so many of which only the number is known."""
    instances = {f"i{nr}": Instance(f"i{nr}", project_id=owner[0], user_id=owner[1]) for nr, owner in enumerate(owners)}
    return HostState("a", instances=instances, num_instances=len(owners) + unknown, **attributes)


P1U1, P1U2, P2U1, P2U2, NOBODY = ("p1", "u1"), ("p1", "u2"), ("p2", "u1"), ("p2", "u2"), (None, None)


@pytest.mark.parametrize(
    ("host_state", "by_project", "by_user"),
    [
        (host(), 0, 0),
        (host(P2U2), 0, 0),
        (host(P1U1), -1, -1),
        (host(P1U2), -1, 0),
        (host(P2U1), 0, -1),
        (host(P1U1, P1U2, P1U2, P2U1), -3, -2),
        (host(unknown=2), -2, -2),
        (host(P1U1, P2U2, unknown=3), -4, -4),
        (host(NOBODY, P2U2), -1, -1),
    ],
)
def test_the_raw_weight_is_minus_the_instances_of_the_owner_and_of_unknown_ones(host_state, by_project, by_user):
    assert raw(ProjectSpreadWeigher(), host_state, SPEC) == by_project
    assert raw(bound(ProjectSpreadWeigher, project_spread_by="user"), host_state, SPEC) == by_user


@pytest.mark.parametrize(
    ("stats", "total", "expected"),
    [
        ({"num_proj_p1": 3, "num_proj_p2": 4}, 7, -3),
        ({"num_proj_p1": "3"}, 3, -3),
        ({"num_proj_p2": 4}, 4, 0),
        ({"num_proj_p2": 4}, 6, -2),
        ({"num_os_type_linux": 4}, 4, -4),
    ],
)
def test_statistics_count_where_instances_are_not_known(stats, total, expected):
    counted = HostState("a", stats=stats, num_instances=total)
    assert raw(ProjectSpreadWeigher(), counted, SPEC) == expected


def test_instances_count_and_not_statistics_where_both_are_known():
    assert raw(ProjectSpreadWeigher(), host(P1U1, stats={"num_proj_p1": 9}), SPEC) == -1


def test_fewer_counted_than_known_changes_nothing():
    counted = HostState("a", instances={"i1": Instance("i1", project_id="p2")}, num_instances=0)
    assert raw(ProjectSpreadWeigher(), counted, SPEC) == 0


def test_a_request_of_nobody_is_indifferent():
    assert raw(ProjectSpreadWeigher(), host(P1U1), RequestSpec()) == 0


def test_instances_that_the_same_request_has_placed_count():
    depleted = host(P2U2)
    depleted.consume_from_request(SPEC)
    depleted.consume_from_request(SPEC)
    assert raw(ProjectSpreadWeigher(), depleted, SPEC) == -2


def test_committed_instances_count_once():
    committed = host()
    spec = SPEC.copy()
    spec.instance_uuid = "new"
    committed.consume_from_request(spec)
    committed.add_instance(spec)
    assert raw(ProjectSpreadWeigher(), committed, SPEC) == -1
    assert raw(ProjectSpreadWeigher(), committed, RequestSpec(project_id="p2")) == 0


@pytest.mark.parametrize(
    ("multiplier", "expected"), [(1.0, [0.5, 1.0, 0.0]), (0.0, [0.0] * 3), (-3.0, [-1.5, -3.0, 0.0])]
)
def test_the_multiplier_says_how_far_instances_are_kept_apart(multiplier, expected):
    hosts = [host(P1U1), host(P2U2), host(P1U1, P1U2)]
    weigher = bound(ProjectSpreadWeigher, project_spread_weight_multiplier=multiplier)
    assert weights(weigher, hosts, SPEC) == expected


def test_the_multiplier_is_one_by_default():
    assert ProjectSpreadWeigher().weight_multiplier(HostState("a")) == 1.0
