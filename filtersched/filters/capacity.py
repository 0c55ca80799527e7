"""The formulas that the capacity filters share: enough room, exactly the room, not too many."""

from __future__ import annotations

from typing import Any, ClassVar

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.plugins.columnar import least
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.verdict import Shortage


class CapacityFilter(BaseHostFilter):
    """Refuses hosts on which what is needed does not fit, oversubscription included.

    | total >= needed | total × ratio − used >= needed | verdict                                       |
    |-----------------|--------------------------------|-----------------------------------------------|
    | yes             | yes                            | pass                                          |
    | yes             | no                             | refuse                                        |
    | no              | yes or no                      | refuse, no oversubscription against itself    |

    A derived class says what is counted, all of it in `unit`, and declares what it reads for that.
    Its methods are given one host, or columns of many in the place of one: operators only.
    """

    reason_is_columnar = True

    what: ClassVar[str]
    unit: ClassVar[str] = ""

    def needed(self, spec: RequestSpec) -> Any:
        """What one instance takes."""
        raise NotImplementedError

    def total(self, host: HostState) -> Any:
        """What the host physically has."""
        raise NotImplementedError

    def used(self, host: HostState) -> Any:
        """What is taken of it; more than the total on an oversubscribed host."""
        raise NotImplementedError

    def ratio(self, host: HostState) -> Any:
        """How many times its total the host may give out."""
        raise NotImplementedError

    def room(self, host: HostState) -> Any:
        """The most that one instance may need, below zero on an overfull host; cached for all requests."""
        total = self.total(host)
        return least(total, total * self.ratio(host) - self.used(host))

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        return self.room(host_state) >= self.needed(spec)

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> Shortage:
        have = CapacityFilter.room(self, host_state)
        return Shortage(self.what, need=self.needed(spec), have=have, unit=self.unit)


class ExactFilter(BaseHostFilter):
    """Refuses hosts on which something else than exactly what is needed is free.

    For hosts that are given away whole, such as bare metal. A derived class defines `needed` and
    `free`, both in `unit`, and declares what they read.
    """

    what: ClassVar[str]
    unit: ClassVar[str] = ""

    def needed(self, spec: RequestSpec) -> Any:
        """What one instance takes."""
        raise NotImplementedError

    def free(self, host: HostState) -> Any:
        """What is not taken."""
        raise NotImplementedError

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        return self.free(host_state) == self.needed(spec)

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> Shortage | str:
        needed, free = self.needed(spec), self.free(host_state)
        if free < needed:
            return Shortage(self.what, need=needed, have=free, unit=self.unit)
        amount = f"{free} {self.unit} of {self.what}" if self.unit else f"{free} {self.what}"
        return f"has {amount} free, asked exactly {needed}"


class CountFilter(BaseHostFilter):
    """Refuses hosts that have as many of something as they may have, or more.

    A derived class defines `count` and `most`, and declares what they read.
    """

    reason_is_text = True

    what: ClassVar[str]

    def count(self, host: HostState) -> Any:
        """How many there are."""
        raise NotImplementedError

    def most(self, host: HostState) -> Any:
        """With how many the host is full."""
        raise NotImplementedError

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        # Nova refuses at the boundary too: 8 operations running and a limit of 8 is full.
        return self.count(host_state) < self.most(host_state)

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str:
        return f"has {self.count(host_state)} {self.what}, {self.most(host_state)} is full"
