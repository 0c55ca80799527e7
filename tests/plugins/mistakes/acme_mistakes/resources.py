"""Shared resources with the mistakes that authors make, and one without any."""

from filtersched import SharedResource


class GoodResource(SharedResource):
    """Refuse hosts for which no seat is left."""

    host_reads = ()
    spec_reads = ("vcpus",)
    columnar = True

    def total(self, scope):
        return 1000

    def amount(self, spec, host):
        return spec.vcpus


class NegativeResource(SharedResource):
    """Give back what should be taken."""

    def total(self, scope):
        return 1000

    def amount(self, spec, host):
        return -1


class ForgetfulResource(SharedResource):
    """Read what is not declared."""

    host_reads = ("vcpus_total",)

    def total(self, scope):
        return 1000

    def amount(self, spec, host):
        return host.num_instances


class UnlimitedResource(SharedResource):
    """Say in words that there is no limit."""

    def total(self, scope):
        return "unlimited"

    def amount(self, spec, host):
        return 1
