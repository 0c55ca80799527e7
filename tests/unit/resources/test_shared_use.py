"""What shared resources have left for each instance of a request."""

from tests.unit.resources.racks import pool_of, request, scheduler


def test_two_attempts_at_a_decision_do_not_count_for_each_other():
    pool, deciding = pool_of("r1", "r2"), scheduler()
    (selection,) = deciding.select_destinations(request(300), pool)
    (power,) = deciding.resources
    before = selection.spec.shared_resources
    first = before.with_taken(selection.spec, pool["h1"])
    second = before.with_taken(selection.spec, pool["h2"])
    free = [[use.account(power).free_in(rack) for rack in ("r1", "r2")] for use in (first, second, before, first)]
    assert free == [[700, 1000], [1000, 700], [1000, 1000], [700, 1000]]
