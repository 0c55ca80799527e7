"""Reservations: places that are held for requests to come, and requests that go where theirs are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from filtersched.engine.decision import Decision
from filtersched.errors import InvalidRequest
from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.hosts.reservations import Reservation
from filtersched.plugins.columnar import is_node
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.no_valid_host import NoValidHost
from filtersched.results.selection import Selection

_T = TypeVar("_T")


class ReservedPlaceFilter(BaseHostFilter):
    """Refuse hosts where no place is reserved for the request.

    Every driver puts it in front of its filters for a request that its reserved places have room for.
    """

    host_reads: Sequence[str] = ("host", "nodename")
    columnar = True
    reason_is_text = True

    def __init__(self, nodes: Collection[tuple[str, str]] = ()) -> None:
        super().__init__()
        self.nodes = list(dict.fromkeys(nodes))

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        return is_node(host_state, self.nodes)

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str:
        return "has no place that is reserved for the request, and others have"


def open_places(decision: Decision, *, move: bool = False) -> None:
    """Let the decision see the places that are held for its request, and those whose time is over, as free.

    move : the same for its instances, where they are now.
    """
    pool, spec = decision.hosts, decision.spec
    if isinstance(pool, HostPool) and (move or pool.ever_reserved):
        uuids = [*(decision.uuids if move else ()), *pool.reserved.open_to(spec, spec.now)]
        if uuids:
            decision.without = pool.without(uuids)


def where_reserved(decision: Decision, decide: Callable[[Decision], _T]) -> _T:
    """What `decide` makes of the decision; on hosts with reserved places, if these have room for all instances."""
    pool, spec = decision.hosts, decision.spec
    if decision.without and isinstance(pool, HostPool):
        nodes = pool.reserved.owned_by(spec, spec.now)
        if nodes and len(nodes) >= len(decision.uuids):
            try:
                return decide(replace(decision, filters=[ReservedPlaceFilter(nodes), *decision.filters]))
            except NoValidHost:
                pass
    return decide(decision)


def give_back(pool: HostPool) -> None:
    """Release the places whose time is over."""
    if pool.ever_reserved:
        over = pool.reserved.over(pool.clock())
        if over:
            pool.release(over)


def hold(pool: HostPool, reservation: Reservation, selections: Sequence[Selection]) -> Reservation:
    """Commit the selections as places of the reservation."""
    pool.take(selections)
    for one in selections:
        node = (one.host, one.nodename)
        instances = pool[node].instances
        held = reservation.held_by(instances[one.instance_uuid])
        pool.update(node, instances={**instances, one.instance_uuid: held})
    return pool.reservations[reservation.name]


def checked(pool: HostPool, count: Any, name: Any, owners: Any, until: Any) -> Reservation:
    """The reservation to be made, without places. Raises InvalidRequest."""
    reservation = Reservation.of(name, owners, until)
    if type(count) is not int or count < 1:
        raise InvalidRequest(f"n must be a whole number above 0, not {count!r}", field="n", value=count)
    if reservation.name in pool.reservations:
        said = f"there is a reservation {reservation.name!r} already; unreserve() gives it back"
        raise InvalidRequest(said, field="name", value=name)
    if reservation.is_over(pool.clock()):
        raise InvalidRequest(f"until must be later than now, not {until!r}", field="until", value=until)
    return reservation
