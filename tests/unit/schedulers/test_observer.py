"""What schedulers tell an observer."""

from __future__ import annotations

import pytest

from filtersched import FilterScheduler, Flavor, HostPool, HostState, NoValidHost, RequestSpec, make_conf
from filtersched.schedulers.observer import Observer, Observers


class Listener(Observer):
    def __init__(self, heard=None, name=""):
        self.heard = [] if heard is None else heard
        self.name = name

    def decision_begins(self, operation, spec):
        self.heard.append((f"{self.name}begins", operation, spec))
        return f"{self.name}token"

    def decision_ends(self, operation, begun, selections, problem):
        said = [one.host for one in selections] if problem is None else type(problem).__name__
        self.heard.append((f"{self.name}ends", operation, begun, said))

    def claim_ends(self, result, *, conflicts, seconds):
        self.heard.append((result, conflicts, seconds))

    def replica_read(self, changes, *, lag_s, seconds):
        self.heard.append((changes, lag_s, seconds))

    def reload_ends(self, problem):
        self.heard.append(problem)


class Broken(Observer):
    def decision_begins(self, operation, spec):
        raise RuntimeError("no room for the beginning")

    def decision_ends(self, operation, begun, selections, problem):
        raise RuntimeError("no room for the end")


def spec(memory_mb=1024, **given):
    return RequestSpec(Flavor(memory_mb=memory_mb), **given)


@pytest.fixture
def pool():
    return HostPool([HostState("one", total_usable_ram_mb=4096, free_ram_mb=4096)])


@pytest.fixture
def scheduler():
    return FilterScheduler(make_conf(enabled_filters=["RamFilter"], ram_allocation_ratio=1.0))


def test_scheduler_has_no_observer_by_default(scheduler):
    assert scheduler.observer is None


def test_observer_hears_of_beginning_and_end_with_its_own_token(scheduler, pool):
    scheduler.observer = listener = Listener()
    wanted = spec()
    scheduler.place(wanted, pool)
    assert listener.heard == [("begins", "place", wanted), ("ends", "place", "token", ["one"])]


def test_request_given_by_name_is_told_too(scheduler, pool):
    scheduler.observer = listener = Listener()
    wanted = spec()
    scheduler.select_destinations(spec=wanted, hosts=pool)
    assert listener.heard[0] == ("begins", "select_destinations", wanted)


def test_refusal_ends_with_its_error(scheduler, pool):
    scheduler.observer = listener = Listener()
    with pytest.raises(NoValidHost):
        scheduler.place(spec(8192), pool)
    assert listener.heard[-1] == ("ends", "place", "token", "NoValidHost")


def test_several_requests_are_one_operation_with_all_selections(scheduler, pool):
    scheduler.observer = listener = Listener()
    scheduler.place_all((spec() for _ in range(2)), pool)
    assert listener.heard == [("begins", "place_all", None), ("ends", "place_all", "token", ["one", "one"])]


def test_commit_and_reserve_are_told(scheduler, pool):
    selections = scheduler.select_destinations(spec(), pool)
    scheduler.observer = listener = Listener()
    scheduler.commit(selections, pool)
    scheduler.reserve(spec(), pool, 1, name="held", owners={"project_id": "p"})
    assert [one[:2] for one in listener.heard] == [
        ("begins", "commit"),
        ("ends", "commit"),
        ("begins", "reserve"),
        ("ends", "reserve"),
    ]


def test_observer_that_raises_is_logged_and_changes_no_decision(scheduler, pool, caplog):
    scheduler.observer = Broken()
    (selection,) = scheduler.place(spec(), pool)
    assert selection.host == "one"
    assert "no room for the beginning" in caplog.text
    assert "no room for the end" in caplog.text


def test_observer_that_raises_hides_no_refusal(scheduler, pool):
    scheduler.observer = Broken()
    with pytest.raises(NoValidHost):
        scheduler.place(spec(8192), pool)


def test_several_observers_end_in_the_reverse_order(scheduler, pool):
    heard = []
    scheduler.observer = Observers([Listener(heard, "a "), Listener(heard, "b ")])
    scheduler.place(spec(), pool)
    assert [one[0] for one in heard] == ["a begins", "b begins", "b ends", "a ends"]
    assert [one[2] for one in heard[2:]] == ["b token", "a token"]


def test_several_observers_go_on_where_one_raises(scheduler, pool):
    listener = Listener()
    scheduler.observer = Observers([Broken(), listener, Broken()])
    scheduler.place(spec(), pool)
    assert listener.heard[-1] == ("ends", "place", "token", ["one"])


def test_several_observers_hear_of_claims_replicas_and_reloads():
    listener = Listener()
    both = Observers([listener, listener])
    both.claim_ends("alternate", conflicts=2, seconds=0.5)
    both.replica_read(3, lag_s=1.5, seconds=0.25)
    both.reload_ends(None)
    assert listener.heard == [*[("alternate", 2, 0.5)] * 2, *[(3, 1.5, 0.25)] * 2, None, None]


def test_base_observer_does_nothing(scheduler, pool):
    scheduler.observer = Observer()
    (selection,) = scheduler.place(spec(), pool)
    assert selection.host == "one"
