"""Filters as other people write them: undeclared, declared by value, declared columnar, and odd ones."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from filtersched.columns.values import moment
from filtersched.filters.base import BaseHostFilter
from filtersched.plugins.columnar import count_instances, filled, is_named, of_each
from tests.differential import expressions

# -- undeclared: called for every host in play, at every instance ----------------------------------


class OddMemoryFilter(BaseHostFilter):
    """Refuse hosts whose free memory is three more than a multiple of seven."""

    def host_passes(self, host_state, spec):
        return host_state.free_ram_mb % 7 != 3


class OnceFilter(BaseHostFilter):
    """Refuse hosts with two instances and more, but only for the first instance of a request."""

    run_filter_once_per_request = True

    def host_passes(self, host_state, spec):
        return host_state.num_instances < 2


class TruthFilter(BaseHostFilter):
    """Refuse by truth value: text, lists and None."""

    def host_passes(self, host_state, spec):
        return host_state.hypervisor_type and [*host_state.capabilities.items(), *host_state.aggregates]


class LimitFilter(BaseHostFilter):
    """Refuse nobody, and write limits, as filters of old do."""

    def host_passes(self, host_state, spec):
        host_state.limits["seen"] = host_state.limits.get("seen", 0) + 1
        host_state.limits["memory_mb"] = host_state.total_usable_ram_mb * 1.5
        return True


class PickyFilter(BaseHostFilter):
    """Raise for a host that is broken."""

    def host_passes(self, host_state, spec):
        if host_state.hypervisor_type == "broken":
            raise LookupError(f"{host_state.host} is broken")
        return True


_ALWAYS_THE_SAME = LookupError("the same object every time")


class SameErrorFilter(BaseHostFilter):
    """Raise one and the same object for every host that is broken, or for the list."""

    def host_passes(self, host_state, spec):
        if host_state.hypervisor_type == "broken":
            raise _ALWAYS_THE_SAME
        return True

    def filter_all(self, hosts, spec):
        if spec.memory_mb == 300.3:
            raise _ALWAYS_THE_SAME
        return super().filter_all(hosts, spec)


class NoTruthFilter(BaseHostFilter):
    """Answer with what is neither true nor false, for values that are broken."""

    host_reads = ("hypervisor_type",)

    def host_passes(self, host_state, spec):
        return np.array([1, 2]) if host_state.hypervisor_type == "broken" else host_state.hypervisor_type


class RebuildFilter(BaseHostFilter):
    """Refuse hosts of another hypervisor, on a rebuild too."""

    RUN_ON_REBUILD = True

    def host_passes(self, host_state, spec):
        return host_state.hypervisor_type != "xen"


class FirstHalfFilter(BaseHostFilter):
    """Keep the first half of the list, which depends on its order."""

    def filter_all(self, hosts, spec):
        hosts = list(hosts)
        return hosts[: (len(hosts) + 1) // 2] if len(hosts) > 3 else hosts


class ReverseFilter(BaseHostFilter):
    """Turn the list round."""

    def filter_all(self, hosts, spec):
        return reversed(list(hosts))


class DroppingFilter(BaseHostFilter):
    """Drop from the list it is given, and return that list."""

    def filter_all(self, hosts, spec):
        for host in list(hosts):
            if host.num_io_ops == 1:
                hosts.remove(host)
        return hosts


class EmptyingFilter(BaseHostFilter):
    """Take hosts out of the list it is given until none is left, and return those that it likes."""

    def filter_all(self, hosts, spec):
        liked = []
        while hosts:
            host = hosts.pop()
            if host.num_instances != 1:
                liked.insert(0, host)
        return liked


class EndFilter(BaseHostFilter):
    """End filtering, by None, for the instances that end in a 2."""

    def filter_all(self, hosts, spec):
        return None if str(spec.instance_uuid).endswith("2") else iter(hosts)


class StrangerFilter(BaseHostFilter):
    """Return copies of some hosts, and the first one twice, for the instances that end in a 1."""

    def filter_all(self, hosts, spec):
        hosts = list(hosts)
        if not str(spec.instance_uuid).endswith("1"):
            return hosts
        return [hosts[0], *(host.copy() if host.num_io_ops else host for host in hosts)]


class ImpatientFilter(BaseHostFilter):
    """Fail when it is asked whether to run for a third instance."""

    def run_filter_for_index(self, index):
        if index >= 2:
            raise PermissionError("no more than two")
        return True

    def host_passes(self, host_state, spec):
        return True


# -- declared by value ------------------------------------------------------------------------------


class RackFilter(BaseHostFilter):
    """Refuse hosts outside the rack asked for."""

    host_reads = ("capabilities",)
    spec_reads = ("extra_specs",)

    def host_passes(self, host_state, spec):
        wanted = spec.extra_specs.get("rack")
        return wanted is None or host_state.capabilities.get("rack") == wanted


class TagFilter(BaseHostFilter):
    """Refuse hosts tagged as closed; many hosts have no tag at all."""

    host_reads = ("tag",)

    def host_passes(self, host_state, spec):
        return getattr(host_state, "tag", "open") != "closed"


class BrokenValueFilter(BaseHostFilter):
    """Raise, in several ways, for values that are broken."""

    host_reads = ("hypervisor_type", "topic")

    def host_passes(self, host_state, spec):
        if host_state.hypervisor_type == "broken":
            if host_state.topic == "compute":
                raise KeyError(host_state.hypervisor_type)
            return next(iter(()))
        return host_state.hypervisor_type != "vmware"


class UuidFilter(BaseHostFilter):
    """Refuse by the instance and by what the host has in use."""

    host_reads = ("vcpus_used",)
    spec_reads = ("instance_uuid",)

    def host_passes(self, host_state, spec):
        return (len(spec.instance_uuid) + ord(spec.instance_uuid[-1]) + (host_state.vcpus_used or 0)) % 5 != 0


class HowManyFilter(BaseHostFilter):
    """Refuse every host when four instances are asked for."""

    host_reads = ()
    spec_reads = ("num_instances",)

    def host_passes(self, host_state, spec):
        return spec.num_instances != 4


class ReadsNothingFilter(BaseHostFilter):
    """Fail for some requests, without reading anything of hosts."""

    host_reads = ()
    spec_reads = ("vcpus", "memory_mb")

    def host_passes(self, host_state, spec):
        if spec.vcpus == 2 and spec.memory_mb == 512:
            raise ValueError("not these")
        return True


class SensorFilter(BaseHostFilter):
    """Refuse by the names of sensors, some of which cannot be read."""

    host_reads = ("sensor",)

    def host_passes(self, host_state, spec):
        return getattr(host_state, "sensor", None) != ("compute", 1)


class ClockFilter(BaseHostFilter):
    """Refuse hosts heard of in another minute."""

    host_reads = ("updated",)
    spec_reads = ("now",)

    def host_passes(self, host_state, spec):
        return host_state.updated is None or host_state.updated.minute == spec.now.minute


class PauseFilter(BaseHostFilter):
    """Closed for half a minute from a moment on that the number of failed builds tells."""

    host_reads = ("failed_builds",)
    spec_reads = ("now",)
    columnar = True

    def host_passes(self, host_state, spec):
        late = moment(spec.now) - self._closes(host_state)
        return (late < 0) | (late >= 30_000_000)

    def changes_at(self, host_state):
        return self._closes(host_state), self._closes(host_state) + 30_000_000

    def _closes(self, host_state):
        return moment(datetime(2026, 1, 31, 11, 59, 50)) + host_state.failed_builds * 10_000_000


class CallerFilter(BaseHostFilter):
    """Refuse by an object in the context of the request."""

    host_reads = ("topic",)
    spec_reads = ("context",)

    def host_passes(self, host_state, spec):
        return spec.context is None or spec.context.may_use(host_state.topic)


class HintedFilter(BaseHostFilter):
    """Refuse by an attribute that the request names: what is read depends on the request."""

    spec_reads = ("scheduler_hints",)

    def host_reads(self, spec):
        return (spec.get_scheduler_hint("avoid_in"),) if "avoid_in" in spec.scheduler_hints else ()

    def host_passes(self, host_state, spec):
        attribute = spec.get_scheduler_hint("avoid_in")
        return attribute is None or getattr(host_state, attribute) not in (0, "xen")


class CustomRequestFilter(BaseHostFilter):
    """Refuse hosts by an attribute that only some requests have."""

    host_reads = ("num_instances",)
    spec_reads = ("tenant_limit",)

    def host_passes(self, host_state, spec):
        return host_state.num_instances <= getattr(spec, "tenant_limit", 99)


class NewsFilter(BaseHostFilter):
    """Refuse hosts by the one attribute that a test changes and nobody else reads."""

    host_reads = ("topic", "hypervisor_version", "num_io_ops")

    def host_passes(self, host_state, spec):
        return (host_state.topic, host_state.hypervisor_version, host_state.num_io_ops) != ("compute", 2, 1)


# -- declared columnar ------------------------------------------------------------------------------


class EverySecondFilter(BaseHostFilter):
    """Refuse busy hosts, for every second instance of a request only."""

    host_reads = ("num_io_ops",)
    columnar = True

    def run_filter_for_index(self, index):
        return index % 2 == 1

    def host_passes(self, host_state, spec):
        return host_state.num_io_ops < 3


class AverageFilter(BaseHostFilter):
    """Refuse hosts with small instances; it divides by zero where there is none."""

    host_reads = ("free_ram_mb", "num_instances")
    columnar = True

    def host_passes(self, host_state, spec):
        return host_state.free_ram_mb / host_state.num_instances >= 100


class ConstantFilter(BaseHostFilter):
    """Answer one truth value for all hosts, by the request."""

    host_reads = ("free_ram_mb",)
    spec_reads = ("memory_mb",)
    columnar = True

    def host_passes(self, host_state, spec):
        return True if spec.memory_mb != 2048 else host_state.free_ram_mb > 2048


class EmulationFilter(BaseHostFilter):
    """Compare text: a columnar body that columns do not help."""

    host_reads = ("hypervisor_type", "topic")
    columnar = True

    def host_passes(self, host_state, spec):
        return (host_state.hypervisor_type == "kvm") | (host_state.topic != "compute")


class GpuFilter(BaseHostFilter):
    """Refuse hosts without a GPU left: a number that only some hosts have."""

    host_reads = ("gpus_free",)
    spec_reads = ("vcpus",)
    columnar = True

    def host_passes(self, host_state, spec):
        return getattr(host_state, "gpus_free", 0) >= spec.vcpus


class SignFilter(BaseHostFilter):
    """Refuse by the sign of a zero."""

    host_reads = ("num_instances",)
    columnar = True

    def host_passes(self, host_state, spec):
        return np.logical_not(np.signbit(of_each(host_state, "num_instances", zero_of)))


def zero_of(count):
    """One of the two zeros."""
    return -0.0 if count else 0.0


class TemperatureFilter(BaseHostFilter):
    """Refuse hot hosts; of most hosts no temperature is known, and of some it cannot be read."""

    host_reads = ("temperature",)
    spec_reads = ("vcpus",)
    columnar = True

    def host_passes(self, host_state, spec):
        return getattr(host_state, "temperature", 0.5) < 3 - spec.vcpus


class EachFilter(BaseHostFilter):
    """Refuse by functions of attributes, which fail for values that are broken."""

    host_reads = ("hypervisor_type", "num_instances")
    columnar = True

    def host_passes(self, host_state, spec):
        age = filled(of_each(host_state, "hypervisor_type", age_of), 7)
        return (age < 9) & (of_each(host_state, "num_instances", lambda count: 12 // (3 - count)) > 1)


class NamesFilter(BaseHostFilter):
    """Refuse by name, and by what runs there."""

    host_reads = ("host", "instances")
    spec_reads = ("scheduler_hints", "instance_group")
    columnar = True

    def host_passes(self, host_state, spec):
        names = spec.scheduler_hints.get("avoid_hosts", ())
        members = spec.instance_group.members if spec.instance_group else ()
        return np.logical_not(is_named(host_state, names)) & (count_instances(host_state, members) < 3)


class CuriousFilter(BaseHostFilter):
    """Refuse by what is read of some requests only: the uuid, the group's hosts, the clock."""

    host_reads = ("num_io_ops", "num_instances", "free_ram_mb")
    spec_reads = ("memory_mb", "vcpus", "instance_uuid", "instance_group", "now")
    columnar = True

    def host_passes(self, host_state, spec):
        if spec.memory_mb <= 1:
            return host_state.num_io_ops <= 2
        if spec.vcpus <= 1:
            return (host_state.num_instances + ord(spec.instance_uuid[-1])) % 3 != 0
        if spec.instance_group is not None and len(spec.instance_group.hosts) > 1:
            return host_state.free_ram_mb > spec.now.minute
        return True


class ClosureFilter(BaseHostFilter):
    """Refuse by functions that look at the request for some values only."""

    host_reads = ("free_ram_mb", "num_instances", "num_io_ops")
    spec_reads = ("vcpus", "instance_uuid", "instance_group")
    columnar = True

    def host_passes(self, host_state, spec):
        fits = of_each(host_state, "num_instances", lambda count: count != 1 or ord(spec.instance_uuid[-1]) % 3 != 0)
        allowed = of_each(host_state, "num_io_ops", lambda count, asked=spec: count < 2 or asked.vcpus < 2)
        return (host_state.free_ram_mb >= 0) & fits & allowed


class SameFilter(BaseHostFilter):
    """Look no further where no host is a Xen."""

    host_reads = ("hypervisor_type", "free_ram_mb")
    spec_reads = ("vcpus",)
    columnar = True

    def host_passes(self, host_state, spec):
        xen = of_each(host_state, "hypervisor_type", is_xen)
        if xen is False:
            return host_state.free_ram_mb >= 0
        return (np.logical_not(xen) & (host_state.free_ram_mb >= 0)) | (xen & (spec.vcpus < 2))


class AnyExpressionFilter(BaseHostFilter):
    """Refuse by any expression over a host's numbers that the request brings."""

    host_reads = expressions.ATTRIBUTES
    spec_reads = ("extra_specs",)
    columnar = True

    def host_passes(self, host_state, spec):
        expression = spec.extra_specs.get("acme:expression")
        return True if expression is None else expressions.value_of(expression, host_state)


def is_xen(hypervisor):
    """Whether that is its name."""
    return hypervisor == "xen"


def age_of(hypervisor):
    """A number for a name; None for one that is not known, and an error for a broken one."""
    if hypervisor == "broken":
        raise ValueError(hypervisor)
    return {"kvm": 3, "xen": 9}.get(hypervisor)


# -- where the members of the group are, and hosts that may come back -------------------------------


class MatesFilter(BaseHostFilter):
    """Refuse kinds of hosts that have two members of the group."""

    host_reads = ("hypervisor_type",)
    spec_reads = ("member_hosts",)
    columnar = True

    def host_passes(self, host_state, spec):
        return of_each(host_state, "hypervisor_type", is_not_full, full_kinds(spec))


class MatesByValueFilter(BaseHostFilter):
    """Refuse kinds of hosts that have two members of the group, asked by value."""

    host_reads = ("hypervisor_type",)
    spec_reads = ("member_hosts",)

    def host_passes(self, host_state, spec):
        return host_state.hypervisor_type not in full_kinds(spec)


class MatesPlainFilter(BaseHostFilter):
    """Refuse kinds of hosts that have two members of the group, without saying so."""

    def host_passes(self, host_state, spec):
        return host_state.hypervisor_type not in full_kinds(spec)


class TurnFilter(BaseHostFilter):
    """Pass another third of the hosts for each member; those that it refuses come back."""

    refusals_are_final = False
    host_reads = ("host",)
    spec_reads = ("member_hosts",)
    columnar = True

    def host_passes(self, host_state, spec):
        return of_each(host_state, "host", has_its_turn, len(spec.member_hosts))


class TurnByValueFilter(BaseHostFilter):
    """The same by value, where the free memory says whose turn it is."""

    refusals_are_final = False
    host_reads = ("free_ram_mb",)
    spec_reads = ("instance_uuid",)

    def host_passes(self, host_state, spec):
        return int(host_state.free_ram_mb) // 512 % 2 == len(spec.instance_uuid or "") % 2


class TurnPlainFilter(BaseHostFilter):
    """The same, undeclared, for every other instance of the request only."""

    refusals_are_final = False

    def run_filter_for_index(self, index):
        return index % 2 == 0

    def host_passes(self, host_state, spec):
        return (host_state.num_instances + len(spec.member_hosts)) % 3 != 1


class LargeOnesFilter(BaseHostFilter):
    """Read the group and the time for large requests only."""

    host_reads = ("num_io_ops",)
    spec_reads = ("memory_mb", "instance_group", "now", "project_id")
    columnar = True

    def host_passes(self, host_state, spec):
        if spec.memory_mb < 512:
            return host_state.num_io_ops < 8
        most = 1 if spec.instance_group is None else 3
        if spec.memory_mb > 512:
            most += spec.now.second // 10
        return host_state.num_io_ops <= most


def full_kinds(spec):
    """The kinds of hosts with two members of the group and more."""
    kinds = [host.hypervisor_type for host in spec.member_hosts]
    return frozenset(kind for kind in kinds if kinds.count(kind) > 1)


def is_not_full(kind, full):
    """Whether there is room."""
    return kind not in full


def has_its_turn(name, turn):
    """Whether it is that host's turn."""
    return (int(name[1:]) + turn) % 3 != 0


def every_filter():
    """The classes of this module, as `scheduler_available_filters` wants them."""
    return [each for each in globals().values() if isinstance(each, type) and each.__module__ == __name__]


PLACEMENT_NAMES = (
    *("MatesFilter", "MatesByValueFilter", "MatesPlainFilter"),
    *("TurnFilter", "TurnByValueFilter", "TurnPlainFilter"),
    "LargeOnesFilter",
)
NAMES = tuple(each.__name__ for each in every_filter() if each.__name__ not in PLACEMENT_NAMES)
