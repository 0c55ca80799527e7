"""What a filter may return: verdicts, and hosts that it was given; the same on both paths."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from filtersched import BaseHostFilter, FilterScheduler, HostState, InvalidAnswer, RequestSpec, make_conf
from filtersched.testing import ConformanceError, check_filter, make_host

HOSTS = ("a", "b", "c")


async def _later(self, host_state, spec):
    return False


def _one_by_one(self, host_state, spec):
    yield False


def filter_that(*, declares=False, **members):
    declared = {"host_reads": ("free_ram_mb",), "spec_reads": ()} if declares else {}
    return type("OwnFilter", (BaseHostFilter,), {**declared, **members})


def chosen(filter_class, *, use_engine=True):
    scheduler = FilterScheduler(make_conf(weight_classes=""), filters=[filter_class], use_engine=use_engine)
    hosts = [make_host(name, free_ram_mb=row) for row, name in enumerate(HOSTS)]
    return [one.host for one in scheduler.select_destinations(RequestSpec(num_instances=2), hosts)]


both_paths = pytest.mark.parametrize("use_engine", [True, False], ids=["engine", "handlers"])


@both_paths
@pytest.mark.parametrize("declares", [True, False], ids=["declared", "undeclared"])
@pytest.mark.parametrize(("body", "what"), [(_later, "coroutine"), (_one_by_one, "generator")])
def test_what_was_not_run_is_no_verdict(body, what, declares, use_engine):
    # Wrapped, so that the class does not show it.
    own = filter_that(host_passes=lambda self, host, spec: body(self, host, spec), declares=declares)
    with pytest.raises(InvalidAnswer, match=f"OwnFilter.host_passes returned a {what}; write no await") as caught:
        chosen(own, use_engine=use_engine)
    assert (caught.value.plugin, caught.value.method) == ("OwnFilter", "host_passes")


@both_paths
@pytest.mark.parametrize("declares", [True, False], ids=["declared", "undeclared"])
def test_truth_value_of_numpy_counts(declares, use_engine):
    own = filter_that(host_passes=lambda self, host, spec: np.bool_(host.free_ram_mb == 1), declares=declares)
    assert chosen(own, use_engine=use_engine) == ["b", "b"]


@both_paths
@pytest.mark.parametrize("kind", [list, tuple, iter, lambda hosts: (host for host in hosts)])
def test_filter_all_may_return_any_iterable_of_its_hosts(kind, use_engine):
    own = filter_that(filter_all=lambda self, hosts, spec: kind([one for one in hosts if one.host != "a"]))
    assert chosen(own, use_engine=use_engine) == ["b", "b"]


@both_paths
@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda hosts: [*hosts, HostState("x")], "returned host 'x', which it was not given"),
        (lambda hosts: [one.copy() for one in hosts], "returned host 'a', which it was not given"),
        (lambda hosts: (HostState("x") for _one in range(1)), "returned host 'x', which it was not given"),
        (lambda hosts: "ab", "returned 'a', which it was not given"),
        (lambda hosts: 3, "returned 3; return hosts, or None to end filtering"),
        (lambda hosts: _later(None, hosts, None), "returned <coroutine .*; return hosts, or None"),
    ],
)
def test_host_that_filter_all_invents_is_an_error_by_name(made, said, use_engine):
    own = filter_that(filter_all=lambda self, hosts, spec: made(hosts))
    with pytest.raises(InvalidAnswer, match=f"OwnFilter.filter_all {said}") as caught:
        chosen(own, use_engine=use_engine)
    assert (caught.value.plugin, caught.value.method) == ("OwnFilter", "filter_all")


@pytest.mark.parametrize("answer", [None, (False,), "False", float("nan"), 1, [], HOSTS], ids=repr)
def test_check_wants_true_or_false(answer):
    with pytest.raises(ConformanceError, match="return True or False") as caught:
        check_filter(filter_that(host_passes=lambda self, host, spec: answer))
    assert caught.value.rule == "answer"


@pytest.mark.parametrize("body", [_later, _one_by_one])
def test_check_finds_what_was_not_run(body):
    with pytest.raises(ConformanceError, match="write no await and no yield") as caught:
        check_filter(filter_that(host_passes=functools.partialmethod(body)))
    assert caught.value.rule == "answer"


def test_check_takes_the_truth_value_of_numpy():
    check_filter(filter_that(host_passes=lambda self, host, spec: np.bool_(host.free_ram_mb > 0)))
