"""What filters say of one host: passes, or refuses, with what is short or a sentence."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from filtersched.results.weigher_shares import WeigherShare
from filtersched.results.words import amount_in_words, in_words, plain_amount


@dataclass(frozen=True, slots=True)
class Shortage:
    """A refusal in numbers: how much is needed, and how much there is."""

    #: Such as "RAM".
    what: str
    #: How much is needed.
    need: float
    #: How much there is.
    have: float
    #: Such as "MB".
    unit: str = ""
    #: What to say instead of "lacks … (free …, asked …)".
    sentence: str = field(default="", repr=False)

    @property
    def missing(self) -> float:
        """How much is lacking; NaN if it cannot be computed."""
        try:
            return self.need - self.have
        except Exception:
            # The boundary to the plug-in that filled it in.
            return math.nan

    @property
    def share(self) -> float:
        """The share of the need that is lacking; 1.0 or more if there is nothing at all.

        1.0 too where it cannot be reckoned.
        """
        try:
            share = float(self.missing / self.need) if self.need > 0 else math.inf
        except Exception:
            # The boundary to the plug-in that filled it in.
            return 1.0
        return 1.0 if math.isnan(share) else share

    def to_dict(self) -> dict[str, Any]:
        """The numbers and the sentence as plain data."""
        numbers = {name: plain_amount(getattr(self, name)) for name in ("need", "have", "missing")}
        return {"what": in_words(self.what), "unit": in_words(self.unit), **numbers, "sentence": in_words(self)}

    def __str__(self) -> str:
        if self.sentence:
            return in_words(self.sentence)
        what = in_words(self.what)
        if self.unit:
            what = f"{in_words(self.unit)} of {what}"
        have, need, missing = map(amount_in_words, (self.have, self.need, self.missing))
        return f"lacks {'' if missing == 'nan' else missing + ' '}{what} (free {have}, asked {need})"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of one filter about one host."""

    #: The name of the filter.
    filter: str
    #: Whether the host passes.
    passed: bool
    #: What is short, or a sentence; None if the filter gives no reason.
    reason: Shortage | str | None = None

    @staticmethod
    @functools.lru_cache(1000)
    def passing(name: str) -> Verdict:
        """The verdict of the filter of that name, if it passes a host."""
        return Verdict(name, passed=True)

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain data; `shortage` is None unless the reason is one."""
        shortage = self.reason.to_dict() if isinstance(self.reason, Shortage) else None
        reason = None if self.reason is None else in_words(self.reason)
        return {"filter": self.filter, "passed": self.passed, "reason": reason, "shortage": shortage}

    def __str__(self) -> str:
        if self.passed:
            return f"{self.filter}: passes"
        return f"{self.filter}: refuses" if self.reason is None else f"{self.filter}: {in_words(self.reason)}"


def _share(reason: Any) -> float:
    try:
        share = float(reason.share) if isinstance(reason, Shortage) else 1.0
    except Exception:
        # The boundary to a class derived from Shortage.
        return 1.0
    return 1.0 if math.isnan(share) else max(0.0, share)


def _plain(reason: Any) -> Shortage | str | None:
    if reason is None or type(reason) is str:
        return reason
    if type(reason) is Shortage:
        values = (reason.what, reason.need, reason.have, reason.unit, reason.sentence)
        if all(type(value) in (str, int, float) for value in values):
            return reason
    return in_words(reason)


@dataclass(frozen=True, slots=True)
class Rank:
    """A host's place among those that passed every filter."""

    #: The place; 1 is the best.
    rank: int
    #: How many hosts were ranked.
    of: int
    #: The host's weight.
    weight: float
    #: How much lower that is than the chosen host's; negative where that one was drawn and has less.
    behind: float
    #: By how much each weigher gave the host more than the chosen one; negative is less.
    differences: tuple[tuple[str, float], ...]
    #: What each weigher gave the host.
    shares: tuple[WeigherShare, ...] = ()

    @property
    def place(self) -> str:
        """The place in words: "rank 2 of 36"."""
        return f"rank {self.rank} of {self.of}"

    @property
    def distance(self) -> str:
        """How far the host is from the chosen one, in words: "0.2 behind"."""
        return f"{abs(self.behind):.3g} {'behind' if self.behind >= 0 else 'ahead of'}"

    def __str__(self) -> str:
        if self.rank == 1 and self.behind == 0:
            return self.place
        worst = sorted(((name, by) for name, by in self.differences if by), key=lambda one: one[1])
        weighers = ", ".join(f"{name} {by:+.3g}" for name, by in worst)
        return f"{self.place}, {self.distance} the chosen host" + (f" ({weighers})" if weighers else "")


Packed = tuple[
    str, str, tuple[tuple[str, bool, Shortage | str | None], ...], bool, str, str | None, tuple[str, ...]
]


@dataclass(frozen=True, slots=True)
class HostVerdicts:
    """The verdicts of all filters on one host."""

    #: The name of the host.
    host: str
    #: The name of the node.
    nodename: str
    #: One Verdict per filter, in the order of the filters.
    verdicts: tuple[Verdict, ...]
    #: True if the host has changed since the decision; the verdicts are about its present state.
    changed: bool = False
    #: What texts call the host: its name, or `host/nodename` if the host has several nodes.
    name: str = ""
    #: The field of the request, such as "ignore_hosts", or the driver's own step that excludes the host;
    #: None if none does.
    excluded_by: str | None = None
    #: Whether the host was chosen. If so, the verdicts are from the time of the decision.
    chosen: bool = False
    #: The host's place among those that passed, where it is known.
    rank: Rank | None = None
    #: What is reserved for others on a host that is refused, in words; one for each reservation.
    reserved: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.host)

    @property
    def refused_by(self) -> tuple[Verdict, ...]:
        """The verdicts of the filters that refuse the host."""
        return tuple(verdict for verdict in self.verdicts if not verdict.passed)

    @property
    def missing_share(self) -> float:
        """The missing shares of all refusals, added up; without numbers one counts 1, with nothing missing 0."""
        return sum(_share(verdict.reason) for verdict in self.refused_by)

    @property
    def miss(self) -> str:
        """Why the host does not pass, as the end of a sentence."""
        reasons = [verdict.reason for verdict in self.refused_by]
        if all(isinstance(reason, Shortage) and not reason.sentence for reason in reasons):
            return f"{self.name} " + " and ".join(map(in_words, reasons)) + self._held
        return str(self)

    @property
    def _held(self) -> str:
        return f"; {' and '.join(self.reserved)}" if self.reserved else ""

    def __str__(self) -> str:
        if self.chosen:
            return f"{self.name}: chosen" + ("" if self.rank is None else f", {self.rank.place}")
        excluded = [] if self.excluded_by is None else [f"excluded by {self.excluded_by}"]
        said = "; ".join([*excluded, *map(str, self.refused_by)]) or "passes every filter"
        if self.rank is not None:
            said += f", {self.rank}"
        said += self._held
        return f"{self.name}: {said}" + (" (it has changed since the decision)" if self.changed else "")

    @property
    def passed(self) -> bool:
        """Whether the request lets the host in and every filter passes it."""
        return self.excluded_by is None and all(verdict.passed for verdict in self.verdicts)

    def to_dict(self) -> dict[str, Any]:
        """The verdicts, and what follows from them, as plain data."""
        rank = self.rank
        place = None
        if rank is not None:
            differences = [{"weigher": name, "difference": by} for name, by in rank.differences]
            shares = [share.to_dict() for share in rank.shares]
            place = {
                "of": rank.of,
                "weight": rank.weight,
                "behind": rank.behind,
                "differences": differences,
                "shares": shares,
            }
        return {
            "host": self.host,
            "nodename": self.nodename,
            "name": self.name,
            "passed": self.passed,
            "chosen": self.chosen,
            "excluded_by": self.excluded_by,
            "changed": self.changed,
            "reserved": list(self.reserved),
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
            "rank": None if rank is None else rank.rank,
            "ranking": place,
            "sentence": in_words(self),
        }

    def packed(self) -> Packed:
        """The same as plain data, with reasons that can leave the process."""
        verdicts = tuple((one.filter, one.passed, _plain(one.reason)) for one in self.verdicts)
        return self.host, self.nodename, verdicts, self.changed, self.name, self.excluded_by, self.reserved

    @classmethod
    def unpacked(
        cls,
        host: str,
        nodename: str,
        verdicts: Sequence[Any],
        changed: bool,
        name: str,
        excluded_by: str | None,
        reserved: Sequence[str] = (),
    ) -> Self:
        """The verdicts that were packed."""
        each = tuple(Verdict(*one) for one in verdicts)
        return cls(host, nodename, each, changed, name, excluded_by, reserved=tuple(reserved))
