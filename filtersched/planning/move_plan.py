"""MovePlan: moves of instances in the order in which they are to happen, and what they bring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from filtersched.columns.plain_data import FORMAT_VERSION

#: What a plan can be for.
DRAIN, EVEN, EMPTY, RULES, ROOM = "drain", "even", "empty", "rules", "room"
GOALS = (DRAIN, EVEN, EMPTY, RULES, ROOM)


@dataclass(frozen=True, slots=True)
class Move:
    """One instance that goes from one host to another."""

    #: The uuid of the instance.
    instance_uuid: str
    #: The host that it leaves.
    source: str
    #: The host that it goes to.
    target: str
    #: What the move brings: how far the plan's measure falls. Negative for one that only makes way for others.
    gain: float
    #: The plan's measure after the move.
    measure: float
    #: The node that it leaves.
    source_node: str
    #: The node that it goes to.
    target_node: str


@dataclass(frozen=True, slots=True)
class Staying:
    """An instance that a plan does not move."""

    #: The uuid of the instance.
    instance_uuid: str
    #: Its host.
    host: str
    #: Why it stays, as the end of a sentence.
    reason: str


@dataclass(frozen=True, slots=True)
class ClusterState:
    """The hosts of a pool at one time, in numbers."""

    #: How many hosts there are.
    hosts: int
    #: How many of them have instances.
    hosts_in_use: int
    #: How many instances there are.
    instances: int
    #: The used share of each resource, averaged over the hosts.
    used_share: Mapping[str, float]
    #: The standard deviation of the hosts' used share, by resource.
    deviation: Mapping[str, float]
    #: The sum of these deviations.
    imbalance: float

    def to_dict(self) -> dict[str, Any]:
        """The numbers as plain data."""
        return {**asdict(self), "used_share": dict(self.used_share), "deviation": dict(self.deviation)}


@dataclass(frozen=True, slots=True)
class MovePlan:
    """Moves that reach a goal, or come as near as they can.

    Every move passes all filters and group rules at its turn. The pool that was planned on is unchanged.
    """

    #: "drain", "even", "empty", "rules" or "room".
    goal: str
    #: The moves, in order.
    moves: tuple[Move, ...]
    #: What the measure of the goal counts, such as "instances on the drained hosts".
    measure: str
    #: The measure before the first move.
    measure_before: float
    #: The measure after the last move.
    measure_after: float
    #: The pool before the first move.
    before: ClusterState
    #: The pool after the last move.
    after: ClusterState
    #: Instances that no plan moves: pinned and forced ones, and those whose flavor is unknown.
    staying: tuple[Staying, ...] = ()
    #: Instances that should move for the goal, and found no host.
    left: tuple[Staying, ...] = ()
    #: For "empty": the hosts that had instances before, and have none after the last move.
    switch_off: tuple[str, ...] = ()
    #: Whether the goal is reached: nothing is left to move, nothing is broken, the request fits.
    #: For "even" and "empty": whether a move was found.
    reached: bool = field(default=False)

    @property
    def gain(self) -> float:
        """How far the measure falls over all moves."""
        return self.measure_before - self.measure_after

    @property
    def staying_because(self) -> dict[str, int]:
        """How many instances stay, by reason."""
        counted: dict[str, int] = {}
        for one in self.staying:
            counted[one.reason] = counted.get(one.reason, 0) + 1
        return counted

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain data with a version number."""
        data = {"version": FORMAT_VERSION, **asdict(self)}
        data["gain"] = self.gain
        data["moves"] = [{"number": number, **asdict(move)} for number, move in enumerate(self.moves, 1)]
        data["before"], data["after"] = self.before.to_dict(), self.after.to_dict()
        for name in ("staying", "left"):
            data[name] = [asdict(one) for one in getattr(self, name)]
        data["switch_off"] = list(self.switch_off)
        return data

    def __str__(self) -> str:
        said = f"{len(self.moves)} move{'' if len(self.moves) == 1 else 's'}"
        return f"{said}: {self.measure} {_number(self.measure_before)} -> {_number(self.measure_after)}"


def _number(value: float) -> str:
    return f"{value:.4g}" if value != int(value) else f"{int(value)}"
