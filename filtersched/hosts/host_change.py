"""Change: new attributes of a host in a pool; and what of the pool is another with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from filtersched.columns.frozen import FrozenDict, typed_key
from filtersched.hosts.host_state import HostState
from filtersched.hosts.instance_index import groups_of
from filtersched.hosts.reports import HostReports
from filtersched.hosts.service import Service
from filtersched.hosts.shared_amounts import ScopeKey, scopes_changed_by

Key = tuple[str, str]


class Change(NamedTuple):
    """New attributes of a host in the pool.

    generation : the host's, with them.
    names : of the attributes that change; None if any may.
    arrived, left : the instances by which `instances` changes, unless `names` is None.
    groups : the server groups of instances that arrive or leave.
    scopes : of shared resources, whose use changes; None if it may be any.
    reports : what is remembered of the host's reports with them; None where that stays.
    """

    host: HostState
    row: int
    generation: int
    attributes: Mapping[str, Any]
    names: Collection[str] | None
    arrived: Sequence[str] = ()
    left: Sequence[str] = ()
    groups: Collection[str] = ()
    scopes: Collection[ScopeKey] | None = ()
    reports: HostReports | None = None

    @property
    def key(self) -> Key:
        """The name and the node of the host."""
        return self.host.host, self.host.nodename

    @property
    def changes_host(self) -> bool:
        """Whether the host is another with it."""
        return self.names != [] or bool(self.arrived or self.left)


def is_unchanged(old: Any, new: Any) -> bool:
    """Whether a value is the one that stands there already, as far as any code can tell."""
    if old is new:
        return True
    if type(old) is not type(new) or type(old) not in _COMPARED or old != new:
        return False
    return type(old) in _TOLD_BY_EQUALITY or bool(typed_key(old) == typed_key(new))


# Of these types values are compared; any other may change without becoming unequal.
_COMPARED = frozenset((int, float, str, bool, tuple, frozenset, FrozenDict, datetime, Service))
_TOLD_BY_EQUALITY = frozenset((int, str, bool))


def groups_in(host: HostState, others: Any = None) -> set[str]:
    """The groups of a host's instances, and of other instances."""
    try:
        known = [*host.instances.values(), *(others.values() if others is not None else ())]
    except Exception:
        # The boundary to a class derived from HostState, whose instances may be unreadable.
        return set()
    return {group for one in known for group in groups_of(one)}


def scopes_in(host: HostState) -> Collection[ScopeKey] | None:
    """The scopes that a host's instances take something of; None if it may be any."""
    try:
        return scopes_changed_by(host.instances.values())
    except Exception:
        # As above.
        return None
