"""What plans of moves lower: each goal's measure, and the measure after every move that is possible next."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from filtersched.planning.amounts import Floats
from filtersched.planning.host_use import HostUse

Rows = NDArray[np.intp]
# Of two states with the same measure the one with fuller hosts is nearer to the next move that counts.
# So small that it never outweighs one instance or one host.
_FULLER = 1e-7


class Goal(Protocol):
    """What a plan is for."""

    #: What the measure counts.
    measure_name: str

    def measure(self, use: HostUse, where: Rows) -> float:
        """How far the goal is; lower is better."""

    def rated(self, use: HostUse, where: Rows, amounts: Floats, columns: Rows) -> Floats:
        """(n_columns, n_hosts): the measure after moving each of these instances to each host, and a tie-break.

        Infinite where the goal forbids the move.
        """


def rated_by_fullness(
    measures: Floats, use: HostUse, where: Rows, amounts: Floats, columns: Rows, *, closed: Sequence[int] = ()
) -> Floats:
    """(k, n): the measures after each move, where of equal ones the fuller, more packed cluster comes first.

    closed : rows that no move goes to. An instance's own host is no target either.
    """
    shares = use.shares
    inverse = np.divide(1.0, use.total, out=np.zeros_like(use.total), where=use.has)
    sources, moved = where[columns], amounts[columns]
    less, more = moved * inverse[sources], moved[:, None, :] * inverse
    squares = (more * (more + 2 * shares)).sum(axis=2) + (less * (less - 2 * shares[sources])).sum(axis=1)[:, None]
    rated: Floats = measures - _FULLER * (squares + float((shares * shares).sum()))
    rated[:, list(closed)] = np.inf
    rated[np.arange(len(columns)), sources] = np.inf
    return rated


class EvenGoal:
    """The imbalance: per resource the standard deviation of the hosts' used share, added up."""

    measure_name = "imbalance"

    def measure(self, use: HostUse, where: Rows) -> float:
        """The imbalance."""
        return use.imbalance()

    def rated(self, use: HostUse, where: Rows, amounts: Floats, columns: Rows) -> Floats:
        """The imbalance after each move."""
        return self.rated_on(np.arange(len(use.counts), dtype=np.intp), use, where, amounts, columns)

    def rated_on(self, rows: Rows, use: HostUse, where: Rows, amounts: Floats, columns: Rows) -> Floats:
        """(n_columns, n_rows): the imbalance after each move to one of these hosts."""
        shares, has = use.shares, use.has
        inverse = np.divide(1.0, use.total, out=np.zeros_like(use.total), where=has)
        count = np.maximum(has.sum(axis=0), 1)
        total, squares = shares.sum(axis=0), (shares * shares).sum(axis=0)
        sources, moved = where[columns], amounts[columns]
        less, more = moved * inverse[sources], moved[:, None, :] * inverse[rows]
        new_total = total + more - less[:, None, :]
        new_squares = squares + more * (more + 2 * shares[rows]) + (less * (less - 2 * shares[sources]))[:, None, :]
        variance = new_squares / count - (new_total / count) ** 2
        found: Floats = np.sqrt(np.maximum(variance, 0.0)).sum(axis=2)
        found[sources[:, None] == rows] = np.inf
        return found


class DrainGoal:
    """How many instances that may move are on the hosts to be drained."""

    measure_name = "instances on the drained hosts"

    def __init__(self, drained: Collection[int], n_hosts: int) -> None:
        self.is_drained: NDArray[np.bool_] = np.zeros(n_hosts, dtype=np.bool_)
        self.is_drained[list(drained)] = True

    def measure(self, use: HostUse, where: Rows) -> float:
        """The instances on the drained hosts."""
        return float(self.is_drained[where].sum())

    def rated(self, use: HostUse, where: Rows, amounts: Floats, columns: Rows) -> Floats:
        """The instances left after each move; no move goes to a drained host."""
        left = self.measure(use, where) - self.is_drained[where[columns]]
        measures = np.tile(left[:, None], (1, len(use.counts)))
        closed = np.flatnonzero(self.is_drained).tolist()
        return rated_by_fullness(measures, use, where, amounts, columns, closed=closed)


class EmptyGoal:
    """How many hosts have instances; hosts that take some keep a share of each resource free."""

    measure_name = "hosts in use"

    def __init__(self, keep_free: float) -> None:
        """keep_free : the share of what a host may give out that stays free where instances arrive."""
        self._keep_free = keep_free

    def measure(self, use: HostUse, where: Rows) -> float:
        """The hosts in use."""
        return float((use.counts > 0).sum())

    def rated(self, use: HostUse, where: Rows, amounts: Floats, columns: Rows) -> Floats:
        """The hosts in use after each move; none goes to a host that would keep too little free."""
        emptied = (use.counts[where[columns]] == 1).astype(np.float64)
        begun = (use.counts == 0).astype(np.float64)
        in_use = self.measure(use, where) - emptied[:, None] + begun[None, :]
        in_use[~self.has_room(use, amounts[columns])] = np.inf
        return rated_by_fullness(in_use, use, where, amounts, columns)

    def has_room(self, use: HostUse, amounts: Floats) -> NDArray[np.bool_]:
        """(k, n_hosts): whether each host keeps enough free when it takes these amounts."""
        if not self._keep_free:
            return np.ones((len(amounts), len(use.counts)), dtype=np.bool_)
        after = use.used[None, :, :] + amounts[:, None, :]
        fits = (after <= use.limit * (1.0 - self._keep_free) + 1e-9) | (amounts[:, None, :] == 0)
        found: NDArray[np.bool_] = fits.all(axis=2)
        return found
