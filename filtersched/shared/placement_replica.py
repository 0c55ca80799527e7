"""PlacementReplica: the hosts of a PlacementPool, as Placement had them when they were read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self, TypeVar

from filtersched.errors import FilterschedError, InvalidHost, InvalidRequest, PoolError
from filtersched.hosts.host_pool import HostPool, Key, Report
from filtersched.hosts.host_state import HostState
from filtersched.hosts.host_values import Aggregate
from filtersched.schedulers.observer import Observer, tell
from filtersched.shared.placement_client import PlacementClient
from filtersched.shared.placement_providers import SHARES, Provider, ProviderReader, Tree, trees_of

_T = TypeVar("_T")

#: What Placement says of a host, and nobody else.
_PLACEMENTS = frozenset(
    (
        *("uuid", "vcpus_total", "vcpus_used", "cpu_allocation_ratio", "total_usable_ram_mb", "free_ram_mb"),
        *("ram_allocation_ratio", "total_usable_disk_gb", "free_disk_mb", "disk_mb_used", "disk_allocation_ratio"),
        *("resources", "providers", "traits", "instances", "num_instances"),
    )
)


class PlacementReplica(HostPool):
    """Hosts that show what was read of Placement, and follow its changes."""

    def __init__(self, client: PlacementClient, max_age_s: float | None) -> None:
        super().__init__()
        self.observer: Observer | None = None
        self.max_age_s = max_age_s
        self._reader = ProviderReader(client)
        self._providers: dict[str, Provider] = {}
        self._trees: dict[str, Tree] = {}
        # When the last reading began that the hosts show, and when the next is due.
        self._read_at = 0.0
        self._due_at = 0.0
        # The providers that were claimed of since a reading began, for each reading that has not ended.
        self._claimed_since: dict[object, set[str]] = {}
        self.refresh()

    # -- the replica -------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read what has changed in Placement. Raises PoolError, and InvalidRequest in a transaction."""
        began = time.monotonic()
        before = self._read_at
        if self.max_age_s is not None:
            # Other threads go on with what they have.
            self._due_at = began + self.max_age_s
        reading, claimed = object(), set[str]()
        self._claimed_since[reading] = claimed
        try:
            found = self._reader.read(self._providers)
            changes = super().run(self._take_over, found, claimed, began)
        except BaseException:
            self._due_at = 0.0
            raise
        finally:
            del self._claimed_since[reading]
        if self.observer is not None:
            lag = began - before if changes and before else 0.0
            tell(self.observer.replica_read, changes, lag_s=lag, seconds=time.monotonic() - began)

    def _catch_up(self) -> None:
        if self.max_age_s is not None and time.monotonic() >= self._due_at and self._transaction is None:
            self.refresh()

    def run(self, act: Callable[..., _T], *args: Any) -> _T:
        self._catch_up()
        return super().run(act, *args)

    def transaction(self, act: Callable[..., _T], *args: Any) -> _T:
        self._catch_up()
        return super().transaction(act, *args)

    def _take_over(self, found: Mapping[str, Provider], claimed: Iterable[str], began: float) -> int:
        """Let the hosts be what was read; returns how many providers had changed."""
        self._check_no_transaction("refresh() cannot be called")
        if began < self._read_at:
            return 0
        self._read_at = began
        # What was claimed in between may be in the reading or not: the next one tells.
        kept = {uuid: self._providers[uuid].unread() for uuid in claimed if uuid in self._providers and uuid in found}
        changes = sum(self._providers.get(uuid) is not one for uuid, one in found.items())
        self._providers = {**found, **kept}
        trees = {tree.root.name: tree for tree in trees_of(self._providers.values()).values()}
        self._show({**dict.fromkeys(self._trees), **trees})
        return changes

    def _show(self, trees: Mapping[str, Tree | None]) -> None:
        """Let hosts have what their trees have; one without a tree, or that shares its inventory, is none."""
        aggregates = self._named_aggregates()
        for name, tree in trees.items():
            before = self._trees.get(name)
            if tree is None or SHARES in tree.root.traits:
                if before is not None:
                    del self._trees[name]
                    self._host_changed(name, None)
                    super()._remove(name)
                continue
            if before is not None and before.is_same(tree):
                continue
            try:
                known = None if before is None else self.rows.host(self._row(name))
                attributes = tree.attributes(known, aggregates)
                if known is None:
                    super()._add(HostState(name, **attributes))
                else:
                    super()._update(name, attributes)
            except FilterschedError as error:
                raise PoolError(f"Placement: provider {name!r}: {error}", problem="damaged") from None
            self._trees[name] = tree
            self._host_changed(name, tree)

    def _named_aggregates(self) -> dict[str, Aggregate]:
        """The aggregates of hosts that say more than their uuid, by uuid."""
        return {
            one.uuid: one
            for host in self.rows.hosts()
            for one in host.aggregates
            if one.uuid is not None and (one.name != one.uuid or one.metadata)
        }

    def _host_changed(self, name: str, tree: Tree | None) -> None:
        """Called for each host whose providers have changed; None if it is gone."""

    @property
    def sharing(self) -> tuple[str, ...]:
        """The names of the providers that share their inventory; they are no hosts, and nothing is claimed of them."""
        return tuple(sorted(one.name for one in self._providers.values() if SHARES in one.traits))

    # -- what comes from Placement, and what it does not keep --------------------------------

    def change(self, host: HostState, name: str, value: Any) -> None:
        _check_is_ours(host.host, [name])
        super().change(host, name, value)

    def update(self, name: str | Key, /, **changes: Any) -> None:
        _check_is_ours(str(name), changes)
        super().update(name, **changes)

    def report(
        self,
        name: str | Key,
        /,
        *,
        instances: Any = None,
        observed_at: Any = None,
        **figures: Any,
    ) -> Report:
        """Take over what a host measured of itself, apart from what Placement says of it."""
        _check_is_ours(str(name), figures if instances is None else [*figures, "instances"])
        return super().report(name, observed_at=observed_at, **figures)

    def add(self, host: HostState) -> None:
        raise _refusal("add", "hosts are the providers that Placement has")

    def remove(self, name: str | Key) -> HostState:
        raise _refusal("remove", "hosts are the providers that Placement has")

    def adopt(self, name: str | Key, instances: Any) -> None:
        raise _refusal("adopt", "instances are the consumers that Placement has")

    def save(self, path: Any) -> None:
        raise _refusal("save", "Placement keeps the pool")

    @classmethod
    def load(cls, path: Any, *, host_class: Any = HostState) -> Self:
        raise _refusal("load", "Placement keeps the pool")

    @classmethod
    def from_columns(cls, *args: Any, **columns: Any) -> Self:
        raise _refusal("from_columns", "hosts are the providers that Placement has")

    def __copy__(self) -> HostPool:  # type: ignore[override]
        """A HostPool of copies of the hosts, which claims nothing."""
        return HostPool(self._atomic.run(lambda: [host.copy() for host in self.rows.hosts()]))

    def __deepcopy__(self, memo: dict[int, Any]) -> HostPool:  # type: ignore[override]
        return self.__copy__()


def _check_is_ours(host: str, names: Iterable[str]) -> None:
    for name in names:
        if name in _PLACEMENTS:
            raise InvalidHost(
                f"host {host!r}: {name} is what Placement says; change it there, and refresh()",
                host=host,
                attribute=name,
            )


def _refusal(method: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"a PlacementPool has no {method}(): {why}", field=method)
