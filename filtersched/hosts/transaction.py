"""Transaction: several changes of a pool that all happen, or none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState


class Transaction:
    """Stand-ins for the hosts that change, in their rows until the transaction ends; the hosts stay as they are.

    restore : gives back what the pool keeps beside its hosts.
    """

    def __init__(self, rows: HostRows, restore: Callable[[], None], outer: Transaction | None) -> None:
        self._rows = rows
        self._restore = restore
        self._outer = outer
        # The hosts that have stand-ins, by row.
        self._hosts: dict[int, HostState] = {}
        self._has_ended = False

    def changed(self) -> Mapping[int, HostState]:
        """The hosts that have stand-ins, by row, as they were before the transaction."""
        return self._hosts

    def stand_in(self, row: int) -> HostState:
        """What may change in place of the host of a row."""
        host = self._rows.host(row)
        if row not in self._hosts:
            stand_in = host.copy()
            stand_in._owner = host._owner
            self._hosts[row] = host
            self._rows.exchange(row, stand_in)
            return stand_in
        return host

    def keep(self) -> None:
        """Give the hosts, or the stand-ins of the outer transaction, the state that their stand-ins have."""
        for row, host in self._hosts.items():
            if self._outer is not None and self._outer._hosts.setdefault(row, host) is host:
                continue
            stand_in = self._rows.host(row)
            if stand_in is not host:
                host._generation = stand_in._generation
                host.__dict__.update(stand_in.__dict__)
                for name in host.__dict__.keys() - stand_in.__dict__.keys():
                    del host.__dict__[name]
                self._rows.exchange(row, host)
                stand_in._owner = None
        self._has_ended = True

    def undo(self) -> None:
        """Let the hosts have their rows again, as if nothing had happened."""
        if self._has_ended:
            return
        for row, host in self._hosts.items():
            stand_in = self._rows.host(row)
            self._rows.exchange(row, host)
            self._rows.mark_dirty(row)
            if stand_in is not host:
                stand_in._owner = None
        self._restore()
        self._has_ended = True
