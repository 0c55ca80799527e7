"""Runs on a Dask cluster: the same results, and words for a scheduler that is not there or dies."""

from __future__ import annotations

import contextlib
import logging

import pytest

from filtersched.planning import compare
from filtersched.planning.dask_runner import DaskError, DaskRunner
from filtersched.planning.runners import SerialRunner

distributed = pytest.importorskip("distributed", reason="the extra `dask` is not installed")

SPREAD = ("--scheduler-default-filters=RamFilter,CoreFilter", "--scheduler-weight-classes=RAMWeigher")
DRAWING = (*SPREAD, "--host-subset-size=2")

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster():
    """A scheduler and a worker in threads of this process."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, protocol="tcp://"
    ) as cluster:
        yield cluster


def timeless(comparison):
    return [
        {name: value for name, value in one.items() if name != "latency_ms"}
        for found in comparison.results.values()
        for one in found.values()
    ]


def test_cluster_gives_what_one_process_gives_and_names_what_failed(cluster, hosts, requests):
    given = {"spread": SPREAD, "drawn": DRAWING, "wrong": (*SPREAD, "--scheduler-weight-classes=metrics.none")}
    here = compare(given, hosts, requests, seeds=2, runner=SerialRunner())
    there = compare(given, hosts, requests, seeds=2, runner=DaskRunner(cluster.scheduler_address))
    assert timeless(here) == timeless(there)
    assert [one.configuration for one in there.failures] == ["wrong"]


def test_scheduler_that_dies_under_the_runs_is_named(cluster, hosts, requests):
    address = cluster.scheduler_address

    def end(_share):
        with contextlib.suppress(Exception):
            cluster.close(timeout=10)

    with pytest.raises(DaskError, match="Dask scheduler") as error:
        compare({"a": SPREAD, "b": DRAWING}, hosts, requests, seeds=3, runner=DaskRunner(address), progress=end)
    assert error.value.address == address


def test_scheduler_that_is_not_there_is_named(hosts, requests):
    runner = DaskRunner("tcp://127.0.0.1:9", timeout_s=1)
    with pytest.raises(DaskError, match=r"there is no Dask scheduler at tcp://127\.0\.0\.1:9"):
        compare({"a": SPREAD}, hosts, requests, runner=runner)


@pytest.mark.parametrize("address", ["nonsense://x:1", "scheduler", "tcp://scheduler"])
def test_address_that_is_none_is_named(address):
    with pytest.raises(DaskError, match="such as tcp://scheduler:8786, or local") as error:
        DaskRunner(address)
    assert error.value.address == address
