"""A request that waits for a shared resource is tried again when an instance on any host may have given some back."""

from filtersched import PendingRequests
from tests.unit.resources.racks import names, pool_of, request, scheduler


def waiting(*racks):
    """A pool whose racks have no power left, and a request that waits for some."""
    pool, placing = pool_of(*racks), scheduler()
    placing.place(request(1000, count=len(set(racks))), pool)
    pending = PendingRequests(placing, pool)
    one = pending.add(request(600))
    assert pending.run() == []
    return pool, pending, one


def test_a_release_on_another_host_of_the_rack_wakes_it():
    pool, pending, one = waiting("r1", "r1")
    pool.release(next(iter(pool["h1"].instances)))
    pool["h1"].free_ram_mb = 0
    (placed,) = pending.run()
    assert (placed.request, names(placed.selections)) == (one, ["h2"])


def test_a_host_in_another_rack_wakes_it():
    pool, pending, _one = waiting("r1", "r1")
    pool["h2"].rack = "r2"
    assert [names(placed.selections) for placed in pending.run()] == [["h2"]]


def test_a_change_of_memory_does_not_wake_it():
    pool, pending, one = waiting("r1", "r1")
    pool["h2"].free_ram_mb = 60000
    assert (pending.run(), one.tries) == ([], 1)
