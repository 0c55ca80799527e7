"""What filters say of one host: passes, or refuses, with what is short or a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from filtersched.results.words import amount_in_words, in_words


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

    def __str__(self) -> str:
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
        values = (reason.what, reason.need, reason.have, reason.unit)
        if all(type(value) in (str, int, float) for value in values):
            return reason
    return in_words(reason)


Packed = tuple[str, str, tuple[tuple[str, bool, Shortage | str | None], ...], bool, str]


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
        if all(isinstance(verdict.reason, Shortage) for verdict in self.refused_by):
            return f"{self.name} " + " and ".join(in_words(verdict.reason) for verdict in self.refused_by)
        return str(self)

    def __str__(self) -> str:
        said = "; ".join(str(verdict) for verdict in self.refused_by) or "passes every filter"
        return f"{self.name}: {said}" + (" (it has changed since the decision)" if self.changed else "")

    def packed(self) -> Packed:
        """The same as plain data, with reasons that can leave the process."""
        verdicts = tuple((one.filter, one.passed, _plain(one.reason)) for one in self.verdicts)
        return self.host, self.nodename, verdicts, self.changed, self.name

    @classmethod
    def unpacked(cls, host: str, nodename: str, verdicts: Sequence[Any], changed: bool, name: str) -> Self:
        """The verdicts that were packed."""
        return cls(host, nodename, tuple(Verdict(*one) for one in verdicts), changed, name)
