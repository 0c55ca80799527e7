"""check_driver, on drivers that keep the rules and on those that break one."""

import itertools
from dataclasses import replace

import pytest

from filtersched import ChanceScheduler, FilterScheduler, NoValidHost, StochasticScheduler
from filtersched.testing import ConformanceError, check_driver, make_host, make_spec


@pytest.mark.parametrize("driver", [FilterScheduler, StochasticScheduler, ChanceScheduler])
def test_drivers_of_the_library_keep_the_rules(driver):
    check_driver(driver)


class NewestFirstScheduler(FilterScheduler):
    def select(self, ranked, chance):
        return sorted(ranked, key=lambda one: one.obj.host, reverse=True)


def test_driver_with_a_step_of_its_own_keeps_the_rules():
    check_driver(NewestFirstScheduler)


class TurningScheduler(FilterScheduler):
    turns = itertools.count()

    def select(self, ranked, chance):
        at = next(self.turns) % len(ranked)
        return [*ranked[at:], *ranked[:at]]


class MutatingScheduler(FilterScheduler):
    def narrow(self, hosts, spec):
        for host in hosts:
            host.__dict__["num_io_ops"] = 99
        return super().narrow(hosts, spec)


class InventingScheduler(FilterScheduler):
    def narrow(self, hosts, spec):
        return [make_host("nowhere")] if hosts else hosts


class ForgetfulScheduler(FilterScheduler):
    def select_destinations(self, *arguments, **options):
        return super().select_destinations(*arguments, **options)[:1]


class GenerousScheduler(FilterScheduler):
    def select_destinations(self, spec, hosts, *arguments, **options):
        return [] if not list(hosts) else super().select_destinations(spec, hosts, *arguments, **options)


class SilentScheduler(FilterScheduler):
    def select_destinations(self, *arguments, **options):
        super().select_destinations(*arguments, **options)


class LosingScheduler(FilterScheduler):
    def place(self, spec, pool, **options):
        return self.select_destinations(spec, pool, **options)


class BrokenScheduler(FilterScheduler):
    def weigh(self, hosts, spec):
        raise KeyError("eth0")


class NeedyScheduler(FilterScheduler):
    def __init__(self, conf, region):
        super().__init__(conf)


class NamingScheduler(FilterScheduler):
    def select_destinations(self, spec, hosts, *arguments, **options):
        found = super().select_destinations(spec, hosts, *arguments, **options)
        itself = [replace(one.alternates[0], host=one.host, nodename=one.nodename) for one in found]
        return [replace(one, alternates=(same,)) for one, same in zip(found, itself, strict=True)]


@pytest.mark.parametrize(
    ("driver", "rule", "sentence"),
    [
        (TurningScheduler, "seed", "decided otherwise again, with the same seed"),
        (MutatingScheduler, "changes", r"changed num_io_ops of <HostState host-0"),
        (InventingScheduler, "hosts", r"chose \[\('nowhere', 'nowhere'\)\], which was not offered"),
        (ForgetfulScheduler, "selections", r"returned selections \[0\] for 3 instances; return one for each"),
        (GenerousScheduler, "no hosts", "placed an instance though there was no host; raise NoValidHost"),
        (SilentScheduler, "selections", "returned None and no list of Selections"),
        (LosingScheduler, "commit", "place returned selections, but the pool has no instance"),
        (BrokenScheduler, "exception", r"select_destinations\(.*\) raised KeyError\('eth0'\)"),
        (NeedyScheduler, "exception", "the constructor raised TypeError.*'region'"),
        (NamingScheduler, "alternates", "among the alternates and among the chosen"),
        (dict, "base class", "is not derived from Scheduler; derive it from FilterScheduler"),
    ],
)
def test_rule_that_a_driver_breaks_is_named(driver, rule, sentence):
    with pytest.raises(ConformanceError, match=sentence) as error:
        check_driver(driver)
    assert (error.value.plugin, error.value.rule) == (driver.__name__, rule)


class RefusingScheduler(FilterScheduler):
    def narrow(self, hosts, spec):
        return []


def test_driver_that_places_nothing_needs_other_hosts():
    with pytest.raises(ConformanceError, match="found no host for any of the requests; give hosts and specs") as error:
        check_driver(RefusingScheduler)
    assert error.value.rule == "refuses all"


def test_driver_is_tried_on_hosts_and_requests_that_are_given():
    check_driver(FilterScheduler, [make_host("a")], [make_spec(num_instances=2)])
    with pytest.raises(ConformanceError, match="found no host"):
        check_driver(FilterScheduler, [make_host("a")], [make_spec(force_hosts=["b"])])


def test_refusal_of_a_driver_is_no_broken_rule():
    with pytest.raises(NoValidHost):
        FilterScheduler().select_destinations(make_spec(), [])
