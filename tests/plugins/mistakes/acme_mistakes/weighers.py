"""Weighers with a mistake each."""

from filtersched import BaseWeigher


class NanWeigher(BaseWeigher):
    """Divide by what may be nothing."""

    def _weigh_object(self, host_state, weight_properties):
        return host_state.num_io_ops / host_state.vcpus_used if host_state.vcpus_used else float("nan")


class TextEndWeigher(BaseWeigher):
    """Write the end of a scale as text."""

    minval = "0"

    def _weigh_object(self, host_state, weight_properties):
        return host_state.num_io_ops
