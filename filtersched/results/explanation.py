"""Explanation: why an instance was placed where it was, or nowhere; facts first, words when they are read."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from filtersched.errors import InvalidRequest
from filtersched.hosts.host_state import HostState


@dataclass(frozen=True, slots=True)
class Shortage:
    """A refusal in numbers: of `what` is needed `need` and there is `have`, in `unit`."""

    #: Such as "RAM".
    what: str
    #: How much is needed.
    need: float
    #: How much there is.
    have: float
    #: Such as "MB".
    unit: str = ""

    @property
    def missing(self) -> float:
        """How much is lacking."""
        return self.need - self.have

    @property
    def share(self) -> float:
        """The part of the need that is lacking, 1.0 and more if there is nothing at all."""
        return self.missing / self.need if self.need > 0 else float("inf")

    def __str__(self) -> str:
        what = f"{self.unit} of {self.what}" if self.unit else self.what
        have, need = _amount(self.have), _amount(self.need)
        return f"lacks {_amount(self.missing)} {what} (free {have}, asked {need})"


def _amount(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else f"{value:.6g}"


Weights = Sequence[float] | NDArray[np.float64]


class WeigherColumn:
    """What one weigher said of all hosts it was asked about, in their order."""

    __slots__ = ("multipliers", "name", "normalized", "raw")

    def __init__(self, name: str, raw: Weights, normalized: Weights, multipliers: Weights) -> None:
        self.name = name
        self.raw = raw
        self.normalized = normalized
        self.multipliers = multipliers

    def share(self, place: int) -> WeigherShare:
        """What it said of the host at `place`."""
        raw, normal, multiplier = float(self.raw[place]), float(self.normalized[place]), float(self.multipliers[place])
        return WeigherShare(self.name, raw, normal, multiplier)

    def ordered(self, places: Sequence[int]) -> WeigherColumn:
        """The hosts at these places, in this order, as (n_hosts,) float64 arrays."""
        raw, normal, multipliers = (
            np.asarray(values, dtype=np.float64)[list(places)]
            for values in (self.raw, self.normalized, self.multipliers)
        )
        return WeigherColumn(self.name, raw, normal, multipliers)


@dataclass(frozen=True, slots=True)
class WeigherShare:
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
        """The part of the weight that this weigher gave."""
        return self.multiplier * self.normalized


class FilterStep:
    """One filter that ran: its `name`, and how many hosts there were `before` and `after`."""

    __slots__ = ("_who", "after", "before", "name")

    def __init__(self, name: str, before: int, after: int, who: Callable[[], Iterable[str]]) -> None:
        self.name = name
        self.before = before
        self.after = after
        self._who = who

    @classmethod
    def of_lists(cls, name: str, before: Sequence[HostState], after: Sequence[HostState]) -> Self:
        """The step that made `after` out of `before`."""

        def who() -> list[str]:
            kept = {id(host) for host in after}
            return [host.host for host in before if id(host) not in kept]

        return cls(name, len(before), len(after), who)

    @property
    def refused(self) -> tuple[str, ...]:
        """The names of the hosts that were dropped here."""
        return tuple(self._who())

    def __repr__(self) -> str:
        return f"{self.name}: (start: {self.before}, end: {self.after})"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one filter says of one host; `reason` is a Shortage or a sentence where it refuses."""

    #: The name of the filter.
    filter: str
    #: Whether the host passes.
    passed: bool
    #: What is short, or a sentence; None if the filter gives no reason.
    reason: Shortage | str | None = None

    def __str__(self) -> str:
        if self.passed:
            return f"{self.filter}: passes"
        return f"{self.filter}: refuses" if self.reason is None else f"{self.filter}: {self.reason}"


@dataclass(frozen=True, slots=True)
class HostVerdicts:
    """What every filter says of one host."""

    #: The name of the host.
    host: str
    #: The name of the node.
    nodename: str
    #: One Verdict per filter, in the order of the filters.
    verdicts: tuple[Verdict, ...]
    #: True if the host has changed since the decision; the verdicts are about its present state.
    changed: bool = False

    @property
    def refused_by(self) -> tuple[Verdict, ...]:
        """The verdicts that refuse the host."""
        return tuple(verdict for verdict in self.verdicts if not verdict.passed)

    @property
    def missing_share(self) -> float:
        """How much of what it needs is missing, summed over the refusals; one that cannot be measured counts 1."""
        reasons = (verdict.reason for verdict in self.refused_by)
        return sum(reason.share if isinstance(reason, Shortage) else 1.0 for reason in reasons)

    @property
    def miss(self) -> str:
        """What keeps the host from passing, as the end of a sentence."""
        if all(isinstance(verdict.reason, Shortage) for verdict in self.refused_by):
            return f"{self.host} " + " and ".join(str(verdict.reason) for verdict in self.refused_by)
        return str(self)

    def __str__(self) -> str:
        said = "; ".join(str(verdict) for verdict in self.refused_by) or "passes every filter"
        return f"{self.host}: {said}" + (" (it has changed since the decision)" if self.changed else "")


@dataclass(slots=True)
class Facts:
    """What an explanation is made of.

    steps, earlier : the filters that ran for this instance, and for those before it.
    find : the hosts of some names, as they are now; ask : what every filter says of one.
    second : the name of the next best host, and its weight.
    The others are as Explanation has them.
    """

    index: int
    num_instances: int
    offered: int
    steps: Sequence[FilterStep]
    find: Callable[[Collection[str]], Sequence[HostState]]
    ask: Callable[[HostState], HostVerdicts]
    earlier: Callable[[], Sequence[FilterStep]] = tuple
    shares: tuple[WeigherShare, ...] = ()
    weight: float | None = None
    second: tuple[str, float] | None = None
    columns: Sequence[WeigherColumn] = ()
    ranked: Sequence[str] = ()


class Explanation:
    """Why an instance was placed where it was, or nowhere.

    Texts and verdicts are computed when you read them.
    """

    __slots__ = ("_known", "_of", "_tell", "_words")

    def __init__(self, tell: Callable[..., Facts], *of: Any) -> None:
        self._tell = tell
        self._of = of
        self._known: Facts | None = None
        self._words: tuple[str, list[HostVerdicts]] | None = None

    @property
    def _facts(self) -> Facts:
        if self._known is None:
            self._known = self._tell(*self._of)
        return self._known

    @property
    def index(self) -> int:
        """The instance's place in the request, from 0."""
        return self._facts.index

    @property
    def num_instances(self) -> int:
        """How many instances the request is for."""
        return self._facts.num_instances

    @property
    def offered(self) -> int:
        """How many hosts there were."""
        return self._facts.offered

    @property
    def weight(self) -> float | None:
        """The weight of the chosen host; None if there is none."""
        return self._facts.weight

    @property
    def shares(self) -> tuple[WeigherShare, ...]:
        """What each weigher added to the weight of the chosen host; empty if there is none."""
        return self._facts.shares

    @property
    def columns(self) -> tuple[WeigherColumn, ...]:
        """One WeigherColumn per weigher, over the hosts in `ranked`; empty without `explain="full"`."""
        return tuple(self._facts.columns)

    @property
    def ranked(self) -> tuple[str, ...]:
        """The names of the hosts in `columns`, best first."""
        return tuple(self._facts.ranked)

    @property
    def runner_up(self) -> str | None:
        """The name of the next best host; None if there is none."""
        second = self._facts.second
        return None if second is None else second[0]

    @property
    def margin(self) -> float | None:
        """How much lower the weight of the next best host is; None if there is none."""
        facts = self._facts
        return None if facts.second is None or facts.weight is None else facts.weight - facts.second[1]

    @property
    def steps(self) -> tuple[FilterStep, ...]:
        """One FilterStep per filter that ran for this instance, in order."""
        return tuple(self._facts.steps)

    @property
    def earlier(self) -> tuple[FilterStep, ...]:
        """The steps of earlier instances of the request; a host refused then stays refused."""
        return tuple(self._facts.earlier())

    @property
    def refused(self) -> dict[str, int]:
        """How many hosts each filter refused, for this instance or one before it in the request."""
        counts: dict[str, int] = {}
        for step in (*self.earlier, *self.steps):
            counts[step.name] = counts.get(step.name, 0) + step.before - step.after
        return counts

    def why(self, host: str | HostState) -> HostVerdicts:
        """What every filter says of a host, not only the first that refused it.

        Raises InvalidRequest for a host that was not among those offered. An explanation that was
        pickled knows the hosts that came nearest.
        """
        name = host if isinstance(host, str) else host.host
        if self._words is not None:
            kept = [verdicts for verdicts in self._words[1] if name in (verdicts.host, verdicts.nodename)]
            if kept:
                return kept[0]
        found = self._facts.find((name,))
        if found:
            return self._facts.ask(host if isinstance(host, HostState) else found[0])
        raise InvalidRequest(f"host {name!r} was not among the hosts of this decision", field="host", value=name)

    def near_misses(self, limit: int = 3) -> list[HostVerdicts]:
        """The refused hosts that came nearest: fewest refusing filters, then the smallest missing share.

        No more than 10,000 hosts are looked at, those first that the last filters refused.
        """
        if self._words is not None:
            return self._words[1][:limit]
        steps = (*self.earlier, *self.steps)
        refused = itertools.islice((name for step in reversed(steps) for name in step.refused), _MOST_ASKED)
        asked = [self._facts.ask(host) for host in self._facts.find(frozenset(refused))]
        missed = [verdicts for verdicts in asked if verdicts.refused_by]
        missed.sort(key=lambda one: (len(one.refused_by), one.missing_share))
        return missed[:limit]

    def summary(self) -> str:
        """The counts per filter and the nearest miss, in a sentence or two."""
        if self._words is not None:
            return self._words[0]
        start = self.offered
        counts = [f"{count} refused by {name}" for name, count in self.refused.items() if count]
        said = f"{start} host{'' if start == 1 else 's'}" + "".join(f", {count}" for count in counts) + "."
        nearest = self.near_misses(1) if not self.steps or self.steps[-1].after == 0 else []
        return f"{said} Nearest: {nearest[0].miss}." if nearest else said

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return f"<Explanation instance {self.index + 1} of {self.num_instances}: {list(self.steps)}>"

    def to_dict(self) -> dict[str, Any]:
        """Counts, shares and words as plain data."""
        return {
            "index": self.index,
            "steps": [{"filter": step.name, "before": step.before, "after": step.after} for step in self.steps],
            "shares": [
                {
                    "weigher": share.weigher,
                    "raw": share.raw,
                    "normalized": share.normalized,
                    "multiplier": share.multiplier,
                    "contribution": share.contribution,
                }
                for share in self.shares
            ],
            "runner_up": self.runner_up,
            "margin": self.margin,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        facts = self._facts
        kept = {
            "index": facts.index,
            "num_instances": facts.num_instances,
            "offered": facts.offered,
            "shares": facts.shares,
            "weight": facts.weight,
            "second": facts.second,
        }
        steps, earlier = ([(one.name, one.before, one.after) for one in some] for some in (self.steps, self.earlier))
        return _unpickled, (kept, steps, earlier, (self.summary(), self.near_misses()))


_MOST_ASKED = 10_000


def _unpickled(
    kept: dict[str, Any],
    steps: Sequence[tuple[str, int, int]],
    earlier: Sequence[tuple[str, int, int]],
    words: tuple[str, list[HostVerdicts]],
) -> Explanation:
    """An explanation that has left its process: counts and words, and no hosts to ask."""
    facts = Facts(
        **kept,
        steps=[FilterStep(name, before, after, tuple) for name, before, after in steps],
        earlier=lambda: [FilterStep(name, before, after, tuple) for name, before, after in earlier],
        find=lambda _names: (),
        ask=lambda host: HostVerdicts(host.host, host.nodename, ()),
    )
    made = Explanation(lambda: facts)
    made._words = words
    return made
