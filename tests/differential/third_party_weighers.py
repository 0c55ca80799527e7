"""Weighers as other people write them: undeclared, declared, columnar, and odd ones."""

from __future__ import annotations

import numpy as np

from filtersched.plugins.columnar import of_each
from filtersched.weighers.base import BaseWeigher
from tests.differential import expressions

# -- undeclared -------------------------------------------------------------------------------------


class LuckWeigher(BaseWeigher):
    """Prefer hosts by their names; many names give the same."""

    def _weigh_object(self, host_state, weight_properties):
        return sum(map(ord, host_state.host)) % 4 / 3


class PlaceWeigher(BaseWeigher):
    """Weigh a host by its place in the list, so that every difference in order shows."""

    def weigh_objects(self, weighed_obj_list, weight_properties):
        return [(place * 7) % 5 for place, _one in enumerate(weighed_obj_list)]


class SortingWeigher(BaseWeigher):
    """Sort the list it is given, and weigh by a host's place in the other."""

    def weigh_objects(self, weighed_obj_list, weight_properties):
        names = [one.obj.host for one in weighed_obj_list]
        weighed_obj_list.sort(key=lambda one: one.obj.host)
        return [sorted(names).index(name) for name in names]


class PuttingWeigher(BaseWeigher):
    """Put other hosts in the places of those that it is given, and drop the last."""

    def weigh_objects(self, weighed_obj_list, weight_properties):
        raw = [one.obj.num_io_ops for one in weighed_obj_list]
        for weighed in weighed_obj_list:
            weighed.obj, weighed.weight = weighed_obj_list[0].obj, 99.0
        del weighed_obj_list[-1]
        return raw


class TooFewWeigher(BaseWeigher):
    """Return a weight too few for requests of three instances."""

    def weigh_objects(self, weighed_obj_list, weight_properties):
        weights = [1.0 * one.obj.num_io_ops for one in weighed_obj_list]
        return weights[1:] if weight_properties.num_instances == 3 else weights


class KiloWeigher(BaseWeigher):
    """Prefer fewer failed builds, with a multiplier that knows no host."""

    def weight_multiplier(self):
        return -1.5

    def _weigh_object(self, host_state, weight_properties):
        return host_state.failed_builds


class GrizzlyWeigher(BaseWeigher):
    """Prefer idle hosts, with the multiplier's first name."""

    def _weight_multiplier(self):
        return -2

    def _weigh_object(self, host_state, weight_properties):
        return host_state.num_io_ops


class HostMultiplierWeigher(BaseWeigher):
    """Multiply by what is known of the very host."""

    def weight_multiplier(self, host_state):
        return 2 if host_state.num_instances % 2 else -0.5

    def _weigh_object(self, host_state, weight_properties):
        return host_state.vcpus_used


class RawWeigher(BaseWeigher):
    """Add small fractions as they are."""

    normalized = False

    def _weigh_object(self, host_state, weight_properties):
        return host_state.num_io_ops * 0.1


# -- declared by value ------------------------------------------------------------------------------


class UuidWeigher(BaseWeigher):
    """Weigh every instance another way."""

    host_reads = ("num_instances",)
    spec_reads = ("instance_uuid",)

    def _weigh_object(self, host_state, weight_properties):
        return (host_state.num_instances * 3 + ord(weight_properties.instance_uuid[-1])) % 4


class GroupWeigher(BaseWeigher):
    """Prefer the hosts of the group by how often they are named."""

    host_reads = ("host",)
    spec_reads = ("instance_group",)
    maxval = 2

    def _weigh_object(self, host_state, weight_properties):
        group = weight_properties.instance_group
        return 0 if group is None else group.hosts.count(host_state.host)


class CuriousWeigher(BaseWeigher):
    """Weigh by the uuid for large requests only."""

    host_reads = ("num_instances", "num_io_ops")
    spec_reads = ("memory_mb", "instance_uuid")
    columnar = True

    def _weigh_object(self, host_state, weight_properties):
        if weight_properties.memory_mb <= 1:
            return host_state.num_io_ops
        return (host_state.num_instances * 3 + ord(weight_properties.instance_uuid[-1])) % 4


class NameWeigher(BaseWeigher):
    """Prefer hosts by name, so that the others have to follow."""

    host_reads = ("host",)

    def _weigh_object(self, host_state, weight_properties):
        return sum(map(ord, host_state.host)) % 5


class TagWeigher(BaseWeigher):
    """Prefer tagged hosts."""

    host_reads = ("tag",)

    def _weigh_object(self, host_state, weight_properties):
        return len(getattr(host_state, "tag", ""))


class NumpyWeigher(BaseWeigher):
    """Answer in numpy's scalars."""

    host_reads = ("num_io_ops", "num_instances")

    def _weigh_object(self, host_state, weight_properties):
        if host_state.num_instances == 1:
            return np.bool_(host_state.num_io_ops)
        return np.float32(host_state.num_io_ops) / np.float32(3)


class NumpyMultiplierWeigher(BaseWeigher):
    """Multiply by one of numpy's scalars, a short one."""

    host_reads = ("num_io_ops",)

    def weight_multiplier(self, host_state):
        return np.float32(0.1)

    def _weigh_object(self, host_state, weight_properties):
        return host_state.num_io_ops


class AggregateMultiplierWeigher(BaseWeigher):
    """Multiply by the first aggregate's name, which may be no number."""

    host_reads = ("num_io_ops",)

    def weight_multiplier(self, host_state):
        return float(host_state.aggregates[0].metadata.get("rank", 1)) if host_state.aggregates else 1

    def _weigh_object(self, host_state, weight_properties):
        return host_state.num_io_ops


class TextMultiplierWeigher(BaseWeigher):
    """Multiply by text on hosts of some aggregates, which is no multiplier."""

    host_reads = ("num_io_ops",)

    def weight_multiplier(self, host_state):
        return "2" if any(one.name == "text" for one in host_state.aggregates) else 2

    def _weigh_object(self, host_state, weight_properties):
        return host_state.num_io_ops


class BrokenWeigher(BaseWeigher):
    """Return or raise what no weigher should, for values that are broken."""

    host_reads = ("hypervisor_type", "hypervisor_version")

    def _weigh_object(self, host_state, weight_properties):
        if host_state.hypervisor_type == "broken":
            return (float("nan"), float("inf"), None, "1.0", 10**400)[(host_state.hypervisor_version or 0) % 5]
        if host_state.hypervisor_type == "vmware" and host_state.hypervisor_version == 3:
            raise ArithmeticError("three of vmware")
        return host_state.hypervisor_version or 0


class ReadsNothingWeigher(BaseWeigher):
    """Fail for some requests, without reading anything of hosts."""

    host_reads = ()
    spec_reads = ("vcpus", "memory_mb")

    def _weigh_object(self, host_state, weight_properties):
        if weight_properties.vcpus == 2 and weight_properties.memory_mb == 512:
            raise ValueError("not these")
        return 1.0


class FailingMultiplierWeigher(BaseWeigher):
    """Fail to multiply for the very host."""

    def weight_multiplier(self, host_state):
        if host_state.hypervisor_type == "broken":
            raise LookupError(host_state.host)
        return 1.0

    def _weigh_object(self, host_state, weight_properties):
        return host_state.num_io_ops


# -- declared columnar ------------------------------------------------------------------------------


class StepsWeigher(BaseWeigher):
    """Prefer free memory in whole GiB, so that hosts tie."""

    host_reads = ("free_ram_mb",)
    columnar = True

    def _weigh_object(self, host_state, weight_properties):
        return host_state.free_ram_mb // 1024


class UsedWeigher(BaseWeigher):
    """Prefer used CPUs on a scale whose ends both move, by more than one at a time."""

    host_reads = ("vcpus_used",)
    columnar = True

    def _weigh_object(self, host_state, weight_properties):
        return host_state.vcpus_used


class BetweenWeigher(BaseWeigher):
    """Prefer hosts with builds that failed, from one to three of them."""

    minval = 1
    maxval = 3
    host_reads = ("failed_builds",)
    columnar = True

    def _weigh_object(self, host_state, weight_properties):
        return host_state.failed_builds


class AtMostWeigher(BaseWeigher):
    """Prefer used CPUs up to four of them."""

    maxval = 4.5
    host_reads = ("vcpus_used",)
    columnar = True

    def _weigh_object(self, host_state, weight_properties):
        return -host_state.vcpus_used + 8


class UsedShareWeigher(BaseWeigher):
    """Prefer hosts that are used well; it divides by zero where nothing is known."""

    host_reads = ("vcpus_total", "vcpus_used")
    columnar = True

    def _weigh_object(self, host_state, weight_properties):
        return host_state.vcpus_used / host_state.vcpus_total


class RawColumnWeigher(BaseWeigher):
    """Add thirds as they are."""

    normalized = False
    multiplier_option = None
    host_reads = ("num_instances",)
    columnar = True

    def _weigh_object(self, host_state, weight_properties):
        return host_state.num_instances / 3


class HugeWeigher(BaseWeigher):
    """Add what leaves no room for a sum, on hosts with four instances."""

    normalized = False
    host_reads = ("num_instances",)
    columnar = True

    def _weigh_object(self, host_state, weight_properties):
        return (host_state.num_instances == 4) * 1.7e308

    def weight_multiplier(self, host_state):
        return 1.5


class ConstantWeigher(BaseWeigher):
    """Weigh all hosts alike."""

    normalized = False
    host_reads = ("num_instances",)
    columnar = True

    def _weigh_object(self, host_state, weight_properties):
        return 3


class SignWeigher(BaseWeigher):
    """Weigh 0.0 or -0.0, which are equal and not the same."""

    host_reads = ("num_io_ops",)

    def _weigh_object(self, host_state, weight_properties):
        return -0.0 if host_state.num_io_ops else 0.0

    def weight_multiplier(self, host_state):
        return -0.0 if len(host_state.aggregates) == 1 else 0.0


class SignColumnWeigher(BaseWeigher):
    """The same on columns, less what is known of builds that failed."""

    minval = -0.0
    host_reads = ("num_io_ops", "failed_builds")
    columnar = True

    def _weigh_object(self, host_state, weight_properties):
        return of_each(host_state, "num_io_ops", zero_of) * 1.0 - host_state.failed_builds


def zero_of(count):
    """One of the two zeros."""
    return -0.0 if count else 0.0


class TemperatureWeigher(BaseWeigher):
    """Prefer cold hosts; of most hosts no temperature is known, and of some it cannot be read."""

    host_reads = ("temperature",)
    columnar = True

    def _weigh_object(self, host_state, weight_properties):
        return -getattr(host_state, "temperature", 0.5)


class EachWeigher(BaseWeigher):
    """Weigh by a function of an attribute, which fails for values that are broken."""

    host_reads = ("num_instances", "hypervisor_type")
    columnar = True

    def _weigh_object(self, host_state, weight_properties):
        return of_each(host_state, "hypervisor_type", len) + 12 / (4 - host_state.num_instances)


class AnyExpressionWeigher(BaseWeigher):
    """Weigh by any expression over a host's numbers that the request brings."""

    host_reads = expressions.ATTRIBUTES
    spec_reads = ("extra_specs",)
    columnar = True

    def _weigh_object(self, host_state, weight_properties):
        expression = weight_properties.extra_specs.get("acme:weight")
        return 0 if expression is None else expressions.value_of(expression, host_state)


NAMES = tuple(name for name, each in globals().items() if isinstance(each, type) and each.__module__ == __name__)


def compute_third_cost_fn(host_state, weighing_properties):
    """Cost a third of what is going on."""
    return host_state.num_io_ops / 3
