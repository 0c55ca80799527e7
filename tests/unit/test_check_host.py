"""check_host: every leak of a class of hosts is caught, and an honest one passes."""

from __future__ import annotations

from typing import Any

import pytest

from filtersched import FilterScheduler, Flavor, HostState, RequestSpec, host_attribute, make_conf
from filtersched.testing import ConformanceError, SameAnswerWarning, check_host, make_host, make_spec, sample_specs


class Licensed(HostState):
    """Gives back what it takes."""

    licenses: int = 10

    def consume_from_request(self, spec):
        taken = super().consume_from_request(spec) or {}
        self.licenses -= 1
        return {**taken, "licenses": 1}

    def release_instance(self, instance):
        super().release_instance(instance)
        self.licenses += instance.consumed["licenses"]


def refused(host_class, *given: Any) -> ConformanceError:
    with pytest.raises(ConformanceError) as caught:
        check_host(host_class, *given)
    assert caught.value.plugin == host_class.__name__
    return caught.value


@pytest.mark.parametrize("host_class", [HostState, Licensed])
def test_honest_class_passes(host_class):
    check_host(host_class)


def test_consume_without_its_release_is_found():
    class Leaking(Licensed):
        def release_instance(self, instance):
            HostState.release_instance(self, instance)

    assert refused(Leaking).rule == "release"
    error = refused(Leaking, [Leaking("h")])
    assert str(error) == (
        "Leaking: licenses of host 'h' was 10, and is 8 after instances were placed and released; release_instance "
        "must give back what consume_from_request takes"
    )


def test_release_that_restores_an_earlier_state_is_found():
    class Remembering(Licensed):
        def consume_from_request(self, spec):
            before = self.licenses
            super().consume_from_request(spec)
            return {"before": before}

        def release_instance(self, instance):
            HostState.release_instance(self, instance)
            self.licenses = instance.consumed["before"]

    assert refused(Remembering).rule == "release"


class Shallow(HostState):
    """Its slots are nested: its copies share the inner lists."""

    slots: Any = host_attribute(default=None, check=lambda value: [[0, 0], [0, 0]] if value is None else value)

    def consume_from_request(self, spec):
        super().consume_from_request(spec)
        self.slots[0][0] += 1

    def release_instance(self, instance):
        super().release_instance(instance)


def test_copy_that_shares_what_is_nested_is_found():
    hosts = [Shallow("s", slots=[[0, 0], [0, 0]])]
    error = refused(Shallow, hosts)
    assert error.rule == "copy"
    assert "a decision changes slots of host 's'" in str(error)


def test_what_it_finds_is_what_a_decision_does():
    host = Shallow("s", slots=[[0, 0], [0, 0]])
    scheduler = FilterScheduler(make_conf(enabled_filters="AllHostsFilter"))
    scheduler.select_destinations(RequestSpec(Flavor()), [host])
    assert host.slots != [[0, 0], [0, 0]]


def test_copy_of_its_own_passes():
    class Deep(Shallow):
        def copy(self):
            new = super().copy()
            new.slots = [list(one) for one in self.slots]
            return new

        def release_instance(self, instance):
            super().release_instance(instance)
            self.slots[0][0] -= 1

    check_host(Deep, [Deep("s", slots=[[0, 0], [0, 0]])])


@pytest.mark.parametrize(
    "taken", [3, {"cells": object()}, {1: 2}], ids=["no mapping", "an object", "a key that is no text"]
)
def test_what_cannot_be_kept_with_an_instance_is_found(taken):
    class Odd(Licensed):
        def consume_from_request(self, spec):
            super().consume_from_request(spec)
            return taken

    assert refused(Odd).rule == "consumed"


def test_release_that_fails_after_a_restart_is_found():
    class Pinned(Licensed):
        def consume_from_request(self, spec):
            return {**super().consume_from_request(spec), "cpus": (1, 2)}

        def release_instance(self, instance):
            super().release_instance(instance)
            assert instance.consumed["cpus"] == {1, 2}

    error = refused(Pinned)
    assert error.rule == "release"
    assert "raised AssertionError" in str(error)


def test_attribute_that_json_does_not_bring_back_is_found():
    class Odd(HostState):
        pair: Any = host_attribute(default=(1, 2), check=tuple, plain=lambda value: [*value, 3])

    error = refused(Odd)
    assert error.rule == "to_dict"
    assert "pair of host 'host-0', node 'node-0' is (1, 2), and (1, 2, 3) after from_dict" in str(error)


def test_older_release_by_request_counts():
    class Older(Licensed):
        release_instance = HostState.release_instance

        def release_request(self, spec):
            super().release_request(spec)
            self.licenses += 1

    check_host(Older)


class Named(Licensed):
    """Takes a license only where the flavor asks for one, and raises where there is none."""

    def consume_from_request(self, spec):
        taken = HostState.consume_from_request(self, spec) or {}
        wanted = int(spec.extra_specs.get("licenses", 0))
        if wanted > self.licenses:
            raise ValueError("none left")
        self.licenses -= wanted
        return {**taken, "licenses": wanted}


def test_class_of_which_no_request_took_anything_warns():
    with pytest.warns(SameAnswerWarning, match="Named: none of 30 requests took anything of licenses of 30 hosts"):
        check_host(Named)
    check_host(Named, [make_host(Named)], [*sample_specs(), make_spec(extra_specs={"licenses": "2"})])


def test_warning_names_what_consuming_raised():
    with pytest.warns(SameAnswerWarning, match=r"consume_from_request raised ValueError\('none left'\)"):
        check_host(Named, [make_host(Named, licenses=1)], [make_spec(extra_specs={"licenses": "2"})])


def test_record_of_cells_and_devices_that_is_dropped_is_found():
    class Forgetful(Licensed):
        def consume_from_request(self, spec):
            super().consume_from_request(spec)
            return {"licenses": 1}

    error = refused(Forgetful)
    assert "numa_topology" in str(error) or "pci_stats" in str(error)
