"""One pool and many threads: every way in waits for the lock, and nothing is read before."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import pytest

from filtersched import (
    BaseHostFilter,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InvalidHost,
    RequestSpec,
    make_conf,
)

FLAVOR = Flavor(memory_mb=100)


def host(name: str, free_ram_mb: int = 1000) -> HostState:
    return HostState(name, total_usable_ram_mb=1000, free_ram_mb=free_ram_mb)


class AnnouncingPool(HostPool):
    """Says when somebody is about to wait for the lock."""

    def __init__(self, *hosts: HostState) -> None:
        super().__init__(hosts)
        self.waiting = threading.Event()

    def run(self, act: Callable[..., Any], *args: Any) -> Any:
        self.waiting.set()
        return super().run(act, *args)

    def change(self, host: HostState, name: str, value: Any) -> None:
        self.waiting.set()
        super().change(host, name, value)

    def while_it_waits(self, act: Callable[[], Any], meanwhile: Callable[[], Any]) -> Any:
        """What `act` returns in a thread that waits for the lock while `meanwhile` is done; or its exception."""
        found: list[Any] = []

        def run() -> None:
            try:
                found.append(act())
            except BaseException as problem:
                found.append(problem)

        thread = threading.Thread(target=run)
        with self.lock:
            self.waiting.clear()
            thread.start()
            self.waiting.wait(timeout=5)
            meanwhile()
        thread.join()
        return found[0]


def test_assignment_that_waits_while_its_host_is_removed_is_made_all_the_same():
    pool = AnnouncingPool(host("a"), host("b"))
    member = pool["a"]
    assert pool.while_it_waits(lambda: setattr(member, "free_ram_mb", 7), lambda: pool.remove("a")) is None
    assert (member.free_ram_mb, len(pool)) == (7, 1)


def test_assignment_that_waits_while_its_host_goes_to_another_pool_is_seen_there():
    pool, other = AnnouncingPool(host("a")), HostPool([host("b", 500)])
    scheduler = FilterScheduler(make_conf(enabled_filters=["RamFilter"]))
    member = pool["a"]

    def go() -> None:
        other.add(pool.remove("a"))
        assert scheduler.select_destinations(RequestSpec(FLAVOR), other)[0].host == "a"

    assert pool.while_it_waits(lambda: setattr(member, "free_ram_mb", 7), go) is None
    assert scheduler.select_destinations(RequestSpec(FLAVOR), other)[0].host == "b"


@pytest.mark.parametrize("use_engine", [True, False])
def test_decision_looks_at_clock_and_hosts_once_it_has_the_lock(use_engine):
    pool = AnnouncingPool(host("a"), host("b", 900))
    scheduler = FilterScheduler(make_conf(enabled_filters=["RamFilter"]), use_engine=use_engine)
    then = []

    def meanwhile() -> None:
        pool["a"].free_ram_mb = 0
        then.append(datetime.now(UTC).replace(tzinfo=None))

    (selection,) = pool.while_it_waits(
        lambda: scheduler.select_destinations(RequestSpec(FLAVOR), pool), meanwhile
    )
    assert selection.host == "b"
    assert selection.spec.now >= then[0]
    pool.commit(selection)


class SlowFilter(BaseHostFilter):
    """While it is asked, another thread changes the host, or waits to."""

    change = None

    def host_passes(self, host_state, spec):
        before = host_state.free_ram_mb
        thread = threading.Thread(target=self.change)
        thread.start()
        thread.join(0.2)
        self.thread = thread
        return host_state.free_ram_mb == before


def test_host_does_not_change_while_it_is_explained():
    pool = HostPool([host("a"), host("b")])
    scheduler = FilterScheduler(make_conf(enabled_filters=["RamFilter"]))
    (selection,) = scheduler.select_destinations(RequestSpec(FLAVOR), pool)
    slow = SlowFilter()
    slow.change = lambda: pool.update("b", free_ram_mb=pool["b"].free_ram_mb - 1)
    scheduler.filters[:] = [slow]
    for ask in (lambda: selection.explanation.why("b"), lambda: scheduler.explain(RequestSpec(FLAVOR), pool["b"])):
        assert [verdict.passed for verdict in ask().verdicts] == [True]
        slow.thread.join()
    assert pool["b"].free_ram_mb == 998


def test_hosts_of_a_pool_do_not_change_while_they_are_chosen_from_as_a_list():
    pool = HostPool([host("a"), host("b")])
    scheduler = FilterScheduler(make_conf(enabled_filters=["RamFilter"]))
    slow = SlowFilter()
    slow.change = lambda: pool.update("a", free_ram_mb=1)
    scheduler.filters[:] = [slow]
    (selection,) = scheduler.select_destinations(RequestSpec(FLAVOR), [pool["a"]])
    slow.thread.join()
    assert (selection.host_state.free_ram_mb, pool["a"].free_ram_mb) == (900, 1)


def test_two_decisions_on_hosts_of_two_pools_do_not_wait_for_each_other():
    pools = HostPool([host("a"), host("b")]), HostPool([host("c"), host("d")])
    scheduler = FilterScheduler(make_conf(enabled_filters=["RamFilter"]))
    hosts = [one for pool in pools for one in pool]

    def work(given: list[HostState]) -> None:
        for _ in range(200):
            scheduler.select_destinations(RequestSpec(FLAVOR), given)

    threads = [threading.Thread(target=work, args=(given,), daemon=True) for given in (hosts, hosts[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def stopped_at_line(number: int, act: Callable[[], Any], meanwhile: Callable[[], Any]) -> bool:
    """Run `act`, and `meanwhile` in another thread before one of the lines of rows and names that it comes to.

    The other thread has ended by the next line, unless it waits. Returns whether there are so many lines.
    """
    left = number
    other = threading.Thread(target=meanwhile)

    def trace(frame: FrameType, event: str, _arg: object) -> Any:
        nonlocal left
        if event == "call" and not frame.f_code.co_filename.endswith(("host_rows.py", "row_index.py")):
            return None
        if event == "line":
            left -= 1
            if left == -1:
                other.start()
                other.join(0.03)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    if left < 0:
        other.join()
    return left < 0


def pool_without_a_list_of_names() -> HostPool:
    pool = HostPool(host(f"h{n}") for n in range(7))
    pool.rows.drop_caches()
    return pool


def test_host_is_never_lost_wherever_names_are_being_listed_anew():
    found: list[bool] = []
    while True:
        pool = pool_without_a_list_of_names()
        change = functools.partial(pool.update, "h1", num_io_ops=1)
        if not stopped_at_line(len(found), change, lambda pool=pool: found.append("h6" in pool)):
            break
        assert pool["h6"].host == "h6"
    assert len(found) > 12
    assert all(found)


def test_second_host_of_a_name_is_refused_wherever_names_are_being_listed_anew():
    refused: list[str] = []

    def add(pool: HostPool) -> None:
        try:
            pool.add(host("h6"))
        except InvalidHost as problem:
            refused.append(problem.value)

    stops = 0
    while True:
        pool = pool_without_a_list_of_names()
        if not stopped_at_line(stops, lambda pool=pool: "h1" in pool, functools.partial(add, pool)):
            break
        stops += 1
        assert refused == ["h6"] * stops
    assert stops > 12


def test_assignment_to_a_host_that_a_pool_is_taking_in_waits_for_its_row():
    first = host("a")
    other = threading.Thread(target=setattr, args=(first, "free_ram_mb", 7))

    def hosts() -> Iterator[HostState]:
        yield first
        other.start()
        other.join(0.05)
        yield host("b")

    pool = HostPool(hosts())
    other.join(60)
    assert pool["a"].free_ram_mb == 7
    assert pool.rows.column("free_ram_mb").values[0] == 7
