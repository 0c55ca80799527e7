"""compare: configurations on one trace, their runs and their differences."""

from __future__ import annotations

import json
import os
import threading

import pytest

from filtersched import ConfigurationError
from filtersched.planning import Configuration, Journal, NothingToCompare, compare
from filtersched.planning.journal import JournalError
from filtersched.planning.metrics import elsewhere
from filtersched.planning.runners import LocalRunner, SerialRunner

SPREAD = ("--scheduler-default-filters=RamFilter,CoreFilter", "--scheduler-weight-classes=RAMWeigher")
PACK = (*SPREAD, "--ram-weight-multiplier=-1")
DRAWING = (*SPREAD, "--host-subset-size=2")

PLUGINS = '''
import os
from filtersched import BaseHostFilter


class DyingFilter(BaseHostFilter):
    """Refuse nothing, and end the process at the tenth request."""

    def host_passes(self, host_state, spec):
        if spec.request_id == "r10":
            os._exit(9)
        return True


class RaisingFilter(BaseHostFilter):
    """Refuse nothing, and raise at the tenth request."""

    def host_passes(self, host_state, spec):
        if spec.request_id == "r10":
            raise ZeroDivisionError("ten")
        return True


class PrintingFilter(BaseHostFilter):
    """Refuse nothing, and print."""

    def host_passes(self, host_state, spec):
        print("noise")
        return True
'''


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "planning_plugins.py").write_text(PLUGINS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield lambda name: (
            f"--scheduler-available-filters=planning_plugins.{name}",
            f"--scheduler-default-filters={name}",
        )


@pytest.fixture
def ask(hosts, requests):
    def ask(configurations, **how):
        return compare(configurations, hosts, requests, **{"runner": SerialRunner(), **how})

    return ask


def timeless(result):
    """The result without what no two runs have alike."""
    return {name: value for name, value in result.items() if name != "latency_ms"}


def test_metrics_have_differences_from_the_first_configuration(ask):
    found = ask({"spread": SPREAD, "pack": PACK}).to_dict()
    spread, pack = (one["metrics"]["hosts_in_use_mean"] for one in found["configurations"])
    assert spread["difference"] is None
    assert pack["difference"] == pytest.approx(pack["mean"] - spread["mean"])
    assert pack["mean"] < spread["mean"]


def test_instances_on_other_hosts_are_counted():
    mine, first = [[0], [1, 2], None, [3]], [[0], [2, 1], [1], None]
    assert elsewhere({"placements": mine}, {"placements": first}) == 2


def test_first_configuration_places_nothing_elsewhere_than_itself(ask):
    found = ask({"spread": SPREAD, "same": SPREAD}).to_dict()
    assert [one["metrics"]["elsewhere"]["mean"] for one in found["configurations"]] == [None, 0]


def test_configuration_that_draws_nothing_runs_once(ask):
    found = ask({"spread": SPREAD, "drawn": DRAWING}, seeds=3)
    assert {name: sorted(results) for name, results in found.results.items()} == {"spread": [1], "drawn": [1, 2, 3]}


def test_spread_over_seeds_is_told(ask):
    found = ask({"spread": SPREAD, "drawn": DRAWING}, seeds=3).to_dict()
    drawn = found["configurations"][1]["metrics"]["elsewhere"]
    assert drawn["min"] <= drawn["mean"] <= drawn["max"]
    assert drawn["deviation"] > 0


def test_refusals_are_counted_by_filter(ask):
    found = ask({"spread": SPREAD})
    (one,) = found.to_dict()["configurations"]
    assert one["metrics"]["refused"]["mean"] == sum(one["refused_by"].values())
    assert one["metrics"]["refused"]["mean"] > 0


@pytest.mark.slow
def test_processes_give_what_one_process_gives(ask):
    here = ask({"spread": SPREAD, "drawn": DRAWING}, seeds=2)
    there = ask({"spread": SPREAD, "drawn": DRAWING}, seeds=2, runner=LocalRunner(2))
    assert [[timeless(one) for one in found.values()] for found in here.results.values()] == [
        [timeless(one) for one in found.values()] for found in there.results.values()
    ]


@pytest.mark.slow
def test_run_whose_process_dies_is_named_and_the_others_are_kept(ask, plugins):
    told = []
    found = ask(
        {"dying": plugins("DyingFilter"), "noisy": plugins("PrintingFilter"), "spread": SPREAD},
        runner=LocalRunner(2),
        failed=told.append,
    )
    assert found.names == ["noisy", "spread"]
    assert [str(one) for one in told] == ["dying, seed 1: the worker process ended with status 9"]


def test_run_that_raises_is_named_with_its_request(ask, plugins):
    found = ask({"raising": plugins("RaisingFilter"), "spread": SPREAD})
    (failure,) = found.failures
    assert found.names == ["spread"]
    assert (failure.configuration, failure.seed) == ("raising", 1)
    assert failure.error.startswith("ZeroDivisionError: ten; ")
    assert "request r10" in failure.error


def test_configuration_that_cannot_be_used_is_named_and_the_others_go_on(ask):
    found = ask({"wrong": ("--scheduler-default-filters=RamFilterr",), "spread": SPREAD})
    (failure,) = found.failures
    assert found.names == ["spread"]
    assert (failure.configuration, failure.seed) == ("wrong", None)
    assert "RamFilterr" in failure.error


def test_nothing_to_compare_says_why(ask):
    with pytest.raises(NothingToCompare, match=r"wrong: .*RamFilterr") as error:
        ask({"wrong": ("--scheduler-default-filters=RamFilterr",)})
    assert [one.configuration for one in error.value.failures] == ["wrong"]


def test_files_of_a_configuration_are_complete_in_themselves():
    file = "[DEFAULT]\nscheduler_default_filters = CoreFilter\nram_weight_multiplier = 2.5\n"
    conf = Configuration("a", files=(("a.conf", file),), args=("--scheduler-default-filters=RamFilter",)).conf()
    assert conf.scheduler_default_filters == ["RamFilter"]
    with pytest.raises(ConfigurationError, match="ram-weight-multipier"):
        Configuration("a", args=("--ram-weight-multipier=2",)).conf()


def test_finished_runs_of_a_journal_are_not_done_again(ask, tmp_path):
    path = tmp_path / "runs.jsonl"
    with Journal(path) as journal:
        first = ask({"spread": SPREAD, "drawn": DRAWING}, seeds=2, journal=journal)
    lines = path.read_text().splitlines()
    # As a command that was killed leaves it: two results, and half of a third.
    path.write_text("".join(f"{line}\n" for line in lines[:2]) + lines[2][:50])
    runner = Counting()
    with Journal(path, resume=True) as journal:
        second = ask({"spread": SPREAD, "drawn": DRAWING}, seeds=2, journal=journal, runner=runner)
    assert runner.names == ["drawn, seed 2"]
    assert [json.loads(line)["seed"] for line in path.read_text().splitlines()] == [1, 1, 2]
    assert [[timeless(one) for one in found.values()] for found in first.results.values()] == [
        [timeless(one) for one in found.values()] for found in second.results.values()
    ]


def test_other_settings_are_another_run(ask, tmp_path):
    path = tmp_path / "runs.jsonl"
    with Journal(path) as journal:
        ask({"a": SPREAD}, journal=journal)
    runner = Counting()
    with Journal(path, resume=True) as journal:
        ask({"a": PACK}, journal=journal, runner=runner)
    assert runner.names == ["a, seed 1"]


class Counting(SerialRunner):
    """Notes which runs it performs."""

    def __init__(self):
        self.names = []

    def events(self, runs, parts):
        self.names += [run.name for run in runs]
        return super().events(runs, parts)


def test_journal_of_something_else_is_an_error(tmp_path):
    path = tmp_path / "hosts.jsonl"
    path.write_text('{"host": "a"}\n')
    with pytest.raises(JournalError, match="line 1: not the result of a run") as error:
        Journal(path, resume=True)
    assert (error.value.path, error.value.line) == (str(path), 1)
    assert path.read_text() == '{"host": "a"}\n'


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_full_disk_under_the_journal_is_named(ask):
    full = "/dev/full cannot be written: No space left"
    with pytest.raises(JournalError, match=full), Journal("/dev/full") as journal:
        ask({"spread": SPREAD}, journal=journal)


@pytest.mark.slow
def test_leaving_ends_the_workers(hosts, requests):
    runner = LocalRunner(2)
    seen = []

    def stop(share):
        raise KeyboardInterrupt

    before = {*threading.enumerate()}
    with pytest.raises(KeyboardInterrupt):
        compare({"a": SPREAD, "b": PACK}, hosts, requests, runner=runner, progress=stop, failed=seen.append)
    assert {*threading.enumerate()} <= before
    assert seen == []
