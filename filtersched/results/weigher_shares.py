"""What weighers added to the weights of hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Weights = Sequence[float] | NDArray[np.float64]


class WeigherColumn:
    """The weights that one weigher gave to all hosts, in their order."""

    __slots__ = ("multipliers", "name", "normalized", "raw")

    def __init__(self, name: str, raw: Weights, normalized: Weights, multipliers: Weights) -> None:
        #: The name of the weigher.
        self.name: str = name
        #: The raw weights, one per host.
        self.raw: Weights = raw
        #: The raw weights, mapped to 0 ... 1.
        self.normalized: Weights = normalized
        #: What each normalized weight is multiplied by.
        self.multipliers: Weights = multipliers

    def share(self, place: int) -> WeigherShare:
        """The weigher's share in the weight of the host at `place`."""
        raw, normal, multiplier = float(self.raw[place]), float(self.normalized[place]), float(self.multipliers[place])
        return WeigherShare(self.name, raw, normal, multiplier)

    def ordered(self, places: Sequence[int]) -> WeigherColumn:
        """The hosts at these places, in this order, as (n_hosts,) float64 arrays."""
        raw, normal, multipliers = (
            np.asarray(values, dtype=np.float64)[list(places)]
            for values in (self.raw, self.normalized, self.multipliers)
        )
        return WeigherColumn(self.name, raw, normal, multipliers)


def totals_of(columns: Sequence[WeigherColumn]) -> NDArray[np.float64]:
    """The weights of all hosts, (n_hosts,): the shares of at least one weigher added up."""
    total = np.zeros(len(columns[0].raw), dtype=np.float64)
    for column in columns:
        total += np.asarray(column.multipliers) * np.asarray(column.normalized)
    return total


class WeigherShare(NamedTuple):
    """What one weigher added to a host's weight."""

    #: The name of the weigher.
    weigher: str
    #: The raw weight.
    raw: float
    #: The raw weight, mapped to 0 ... 1.
    normalized: float
    #: What it is multiplied by.
    multiplier: float

    @property
    def contribution(self) -> float:
        """What the weigher added: multiplier times normalized weight."""
        return self.multiplier * self.normalized

    def to_dict(self) -> dict[str, Any]:
        """The numbers as plain data."""
        return {
            "weigher": self.weigher,
            "raw": self.raw,
            "normalized": self.normalized,
            "multiplier": self.multiplier,
            "contribution": self.contribution,
        }
