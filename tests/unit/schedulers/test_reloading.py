"""A scheduler made again by what its settings files say now."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
from oslo_config import cfg

from filtersched import (
    BaseHostFilter,
    ChanceScheduler,
    ConfigurationError,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    PluginNotFound,
    RequestSpec,
    make_conf,
    scheduler_from,
)
from filtersched.schedulers.observer import Observer
from filtersched.schedulers.reloading import CurrentScheduler
from filtersched.settings import register_opts

RAM = "[filter_scheduler]\nenabled_filters = RamFilter\nram_allocation_ratio = 1.0\n"
RAM_AND_CORE = "[filter_scheduler]\nenabled_filters = RamFilter,CoreFilter\nram_allocation_ratio = 2.0\n"


class NothingFilter(BaseHostFilter):
    """Refuse no host."""

    def host_passes(self, host_state, spec):
        return True


class Listener(Observer):
    def __init__(self):
        self.problems = []

    def reload_ends(self, problem):
        self.problems.append(problem)


def names(scheduler):
    return [type(one).__name__ for one in scheduler.filters]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "filtersched.conf"
    path.write_text(RAM)
    return path


def test_reloaded_scheduler_follows_the_changed_file(file):
    scheduler = FilterScheduler(make_conf(files=[file]))
    file.write_text(RAM_AND_CORE)
    assert names(scheduler.reloaded()) == ["RamFilter", "CoreFilter"]


def test_scheduler_that_was_reloaded_stays_as_it_is(file):
    scheduler = FilterScheduler(make_conf(files=[file]))
    host = HostState("one", total_usable_ram_mb=1024, free_ram_mb=0)
    file.write_text(RAM_AND_CORE)
    after = scheduler.reloaded()
    verdicts = [one.explain(RequestSpec(Flavor(memory_mb=1024)), host).passed for one in (scheduler, after)]
    assert names(scheduler) == ["RamFilter"]
    assert verdicts == [False, True]


@pytest.mark.parametrize(
    ("text", "kind", "word"),
    [
        ("[filter_scheduler]\nenabled_filters = RAMFilter\n", PluginNotFound, "RamFilter"),
        ("[filter_scheduler]\nram_allocation_ratio = much\n", ConfigurationError, "much"),
        ("[filter_scheduler\n", ConfigurationError, "line 1"),
    ],
)
def test_bad_file_raises_and_says_why(file, text, kind, word):
    scheduler = FilterScheduler(make_conf(files=[file]))
    file.write_text(text)
    with pytest.raises(kind, match=word):
        scheduler.reloaded()


def test_missing_file_raises_and_the_old_scheduler_places_on(file):
    scheduler = FilterScheduler(make_conf(files=[file]))
    file.unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        scheduler.reloaded()
    pool = HostPool([HostState("one", total_usable_ram_mb=1024, free_ram_mb=1024)])
    assert [one.host for one in scheduler.place(RequestSpec(Flavor(memory_mb=512)), pool)] == ["one"]


def test_command_line_and_values_set_in_code_stay(file):
    conf = make_conf(["--ram_weight_multiplier=3.0"], files=file, host_subset_size=5)
    conf.set_override("max_attempts", 7, "scheduler")
    scheduler = FilterScheduler(conf)
    file.write_text(RAM_AND_CORE)
    settings = scheduler.reloaded().settings
    assert (settings.host_subset_size, settings.max_attempts) == (5, 7)
    assert names(scheduler.reloaded()) == ["RamFilter", "CoreFilter"]
    assert scheduler.reloaded().conf.raw_value(("DEFAULT", "ram_weight_multiplier")) == "3.0"


def test_new_file_of_a_directory_is_read(tmp_path):
    (tmp_path / "a.conf").write_text(RAM)
    scheduler = FilterScheduler(make_conf(["--config-dir", str(tmp_path)]))
    (tmp_path / "b.conf").write_text(RAM_AND_CORE)
    assert names(scheduler.reloaded()) == ["RamFilter", "CoreFilter"]


def test_filters_given_by_the_program_stay(file):
    given = NothingFilter()
    scheduler = FilterScheduler(make_conf(files=[file]), filters=[given], use_engine=False)
    after = scheduler.reloaded()
    assert after.filters == [given]
    assert after._engine is None


def test_configuration_given_by_keyword_is_read_again(file):
    scheduler = FilterScheduler(conf=make_conf(files=[file]))
    file.write_text(RAM_AND_CORE)
    assert names(scheduler.reloaded()) == ["RamFilter", "CoreFilter"]


def test_scheduler_without_files_can_be_reloaded():
    assert names(FilterScheduler().reloaded()) == names(FilterScheduler())


def test_driver_that_the_file_names_is_chosen_anew(file):
    scheduler = scheduler_from(make_conf(files=[file]))
    file.write_text("[DEFAULT]\nscheduler_driver = ChanceScheduler\n")
    assert type(scheduler.reloaded()) is ChanceScheduler


def test_driver_that_the_program_names_stays(file):
    scheduler = FilterScheduler(make_conf(files=[file]))
    file.write_text("[DEFAULT]\nscheduler_driver = ChanceScheduler\n")
    assert type(scheduler.reloaded()) is FilterScheduler


def test_configuration_of_others_cannot_be_read_again():
    conf = cfg.ConfigOpts()
    register_opts(conf)
    conf([], default_config_files=[])
    with pytest.raises(ConfigurationError, match="make_conf"):
        FilterScheduler(conf).reloaded()


def test_observer_stays_and_hears_of_reloads(file):
    scheduler = FilterScheduler(make_conf(files=[file]))
    scheduler.observer = listener = Listener()
    assert scheduler.reloaded().observer is listener
    file.unlink()
    with pytest.raises(ConfigurationError) as problem:
        scheduler.reloaded()
    assert listener.problems == [None, problem.value]


def test_global_options_of_plugins_stay_with_the_scheduler_in_use(file):
    shared = cfg.ConfigOpts()
    shared.register_opt(cfg.FloatOpt("ram_allocation_ratio"), group="filter_scheduler")
    conf = make_conf(files=[file])
    conf.plugins_read = shared
    scheduler = FilterScheduler(conf)
    file.write_text("[filter_scheduler]\nram_allocation_ratio = 4.0\nenabled_filters = NoSuchFilter\n")
    with pytest.raises(PluginNotFound):
        scheduler.reloaded()
    assert shared.filter_scheduler.ram_allocation_ratio == 1.0


def test_current_scheduler_is_replaced_by_a_reload(file):
    current = CurrentScheduler(FilterScheduler(make_conf(files=[file])))
    file.write_text(RAM_AND_CORE)
    assert current.reload() is True
    assert names(current.scheduler) == ["RamFilter", "CoreFilter"]


def test_failed_reload_is_logged_and_changes_nothing(file, caplog):
    current = CurrentScheduler(before := FilterScheduler(make_conf(files=[file])))
    file.write_text("[filter_scheduler]\nenabled_filters = RAMFilter\n")
    assert current.reload() is False
    assert current.scheduler is before
    assert "not reloaded, the old configuration stays" in caplog.text


class Fragile(FilterScheduler):
    """Raise what no configuration error is, once it is broken."""

    broken = False

    def __init__(self, conf=None):
        super().__init__(conf)
        if self.broken:
            raise ZeroDivisionError("a driver's own mistake")


def test_driver_that_raises_at_a_reload_leaves_the_old_one(file, caplog, monkeypatch):
    current = CurrentScheduler(before := Fragile(make_conf(files=[file])))
    monkeypatch.setattr(Fragile, "broken", True)
    assert current.reload() is False
    assert current.scheduler is before
    assert "a driver's own mistake" in caplog.text


def test_signal_reloads(file):
    program = textwrap.dedent(
        """
        import os, signal, sys, time
        from filtersched import FilterScheduler, make_conf
        from filtersched.schedulers.reloading import CurrentScheduler

        current = CurrentScheduler(FilterScheduler(make_conf(files=[sys.argv[1]])))
        current.reload_at()
        before = current.scheduler
        with open(sys.argv[1], "a") as stream:
            stream.write("host_subset_size = 9\\n")
        os.kill(os.getpid(), signal.SIGHUP)
        end = time.monotonic() + 60
        while current.scheduler is before and time.monotonic() < end:
            time.sleep(0.01)
        print(current.scheduler.settings.host_subset_size)
        """
    )
    run = [sys.executable, "-c", program, file]
    done = subprocess.run(run, capture_output=True, text=True, timeout=240, check=True)
    assert done.stdout == "9\n"
