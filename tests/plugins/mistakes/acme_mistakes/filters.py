"""Filters with a mistake each."""

import time

from oslo_config import cfg

from filtersched import BaseHostFilter


class GoodFilter(BaseHostFilter):
    """Refuse hosts on which four or more builds run."""

    host_reads = ("num_io_ops",)
    columnar = True

    def host_passes(self, host_state, spec):
        return host_state.num_io_ops < 4


class AsyncFilter(BaseHostFilter):
    """Ask a service that answers later."""

    async def host_passes(self, host_state, spec):
        return False


class TextReadsFilter(BaseHostFilter):
    """Declare a text where a tuple is meant."""

    host_reads = "num_io_ops"

    def host_passes(self, host_state, spec):
        return host_state.num_io_ops < 4


class ForgetfulFilter(BaseHostFilter):
    """Read what is not declared."""

    host_reads = ("num_io_ops",)

    def host_passes(self, host_state, spec):
        return host_state.num_io_ops < 4 and host_state.num_instances < 50


class ChangingFilter(BaseHostFilter):
    """Write down what it found, on the host."""

    def host_passes(self, host_state, spec):
        host_state.num_io_ops += 1
        return True


class NothingFilter(BaseHostFilter):
    """Forget to return."""

    def host_passes(self, host_state, spec):
        host_state.num_io_ops  # noqa: B018


class BranchingFilter(BaseHostFilter):
    """Branch on a column."""

    host_reads = ("num_io_ops",)
    columnar = True

    def host_passes(self, host_state, spec):
        return True if host_state.num_io_ops < 4 else False  # noqa: SIM210


class ClashingFilter(GoodFilter):
    """Give an option of the library another meaning."""

    options = (cfg.StrOpt("max_io_ops_per_host", default="few"),)


class _Base(BaseHostFilter):
    options = (cfg.IntOpt("most", default=1),)
    option_group = "first"


class TwoGroupsFilter(_Base):
    """Name an option as the base does, in another group."""

    options = (cfg.IntOpt("most", default=2),)
    option_group = "second"

    def host_passes(self, host_state, spec):
        return host_state.num_io_ops <= self.option("most")


class AlwaysFilter(BaseHostFilter):
    """Pass every host, so that the checks say nothing of it."""

    def host_passes(self, host_state, spec):
        return True


class RaisingFilter(BaseHostFilter):
    """Read what most hosts lack."""

    def host_passes(self, host_state, spec):
        return host_state.capabilities["eth0"]


class OtherItemFilter(BaseHostFilter):
    """Declare one hint, and read another."""

    host_reads = ("num_io_ops",)
    spec_reads = ("scheduler_hints.rack",)

    def host_passes(self, host_state, spec):
        return host_state.num_io_ops < 4 and spec.get_scheduler_hint("zone") is None


class KeylessFilter(BaseHostFilter):
    """Forget the key behind the dot."""

    host_reads = ("capabilities.",)

    def host_passes(self, host_state, spec):
        return host_state.num_io_ops < 4


class HintFilter(BaseHostFilter):
    """Refuse hosts outside the rack of the hint, if there is one; no mistake."""

    host_reads = ("capabilities.rack", "num_io_ops")
    spec_reads = ("scheduler_hints.rack",)

    def host_passes(self, host_state, spec):
        wanted = spec.get_scheduler_hint("rack")
        return host_state.num_io_ops < 4 and wanted in (None, host_state.capabilities.get("rack"))


class DearFilter(BaseHostFilter):
    """Take long to say what it reads."""

    spec_reads = ("memory_mb",)

    def host_reads(self, spec):
        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass
        return ("num_io_ops",)

    def host_passes(self, host_state, spec):
        return host_state.num_io_ops < 4
