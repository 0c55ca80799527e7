import pytest

from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.weighers.cross_cell_weigher import CrossCellWeigher
from tests.unit.weighers.ranked import bound, raw, weights


def move(**destination):
    return RequestSpec(requested_destination=destination)


@pytest.mark.parametrize(
    ("spec", "cell", "expected"),
    [
        (RequestSpec(), "c1", 0),
        (move(), "c1", 0),
        (move(host="a", allow_cross_cell_move=True), "c1", 0),
        (move(cell="c1"), "c1", 0),
        (move(cell="c1"), "c2", 0),
        (move(cell="c1", allow_cross_cell_move=True), "c1", 1),
        (move(cell="c1", allow_cross_cell_move=True), "c2", -1),
        (move(cell="c1", allow_cross_cell_move=True), "C1", -1),
        (move(cell="c1", allow_cross_cell_move=True), None, -1),
    ],
)
def test_only_a_move_that_may_leave_its_cell_prefers_it(spec, cell, expected):
    assert raw(CrossCellWeigher(), HostState("a", cell_uuid=cell), spec) == expected


@pytest.mark.parametrize(
    ("multiplier", "expected"),
    [(1_000_000.0, [0.0, 1_000_000.0, 0.0]), (0.0, [0.0, 0.0, 0.0]), (-1.0, [0.0, -1.0, 0.0])],
)
def test_hosts_of_the_cell_get_the_whole_multiplier_and_others_nothing(multiplier, expected):
    hosts = [HostState(f"h{cell}", cell_uuid=cell) for cell in ("c2", "c1", None)]
    spec = move(cell="c1", allow_cross_cell_move=True)
    assert weights(bound(CrossCellWeigher, cross_cell_move_weight_multiplier=multiplier), hosts, spec) == expected


def test_the_default_multiplier_is_a_million():
    assert CrossCellWeigher().weight_multiplier(HostState("a")) == 1_000_000.0


def test_where_all_hosts_are_of_one_cell_it_has_no_say():
    hosts = [HostState(name, cell_uuid="c1") for name in "ab"]
    assert weights(CrossCellWeigher(), hosts, move(cell="c1", allow_cross_cell_move=True)) == [0.0, 0.0]
