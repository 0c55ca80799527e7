"""Risks among the weighers, and the share that each really has on an inventory."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from filtersched.cli.findings import Checked, Finding
from filtersched.hosts.host_state import HostState
from filtersched.schedulers import FilterScheduler
from filtersched.weighers.base import BaseWeigher
from filtersched.weighers.handler import HostWeightHandler, multiplier

# A multiplier so many times as large as all others together leaves them nothing to decide.
_SWAMPS = 10
# The same on an inventory: the part of all differences that one weigher makes.
_SWAMPS_SHARE = 0.9
# What is left of two weighers' differences when they are added, if they cancel out.
_CANCELS = 0.1


@dataclass(frozen=True, slots=True)
class Share:
    """What one weigher adds to the weights of the hosts of an inventory, for the smallest request.

    contributions : one number a host. multiplier : what it multiplies by. configured : the option's
    value, which has the other sign for some. problem : why it cannot weigh them, or "".
    """

    weigher: str
    multiplier: float
    configured: float
    contributions: Sequence[float] = ()
    problem: str = ""

    @property
    def span(self) -> float:
        """How far apart it can move two hosts."""
        return max(self.contributions, default=0.0) - min(self.contributions, default=0.0)


def shares_of(checked: Checked) -> list[Share]:
    """What each weigher adds on the inventory; one without hosts adds nothing."""
    shares = []
    for weigher in checked.weighers:
        name, factor = type(weigher).__name__, configured_multiplier(weigher)
        option = weigher.multiplier_option
        configured = factor if option is None else float(weigher.option(option))
        try:
            handler = HostWeightHandler(normalizes=checked.normalizes)
            weighed = handler.get_weighed_objects([weigher], checked.hosts, checked.smallest_request())
        except Exception as error:
            # The boundary to the plug-in: one that cannot weigh is what a check is to find.
            shares.append(Share(name, factor, configured, problem=f"{type(error).__name__}: {error}"))
            continue
        by_host = {id(one.obj): one.weight for one in weighed}
        shares.append(Share(name, factor, configured, [by_host[id(host)] for host in checked.hosts]))
    return shares


def configured_multiplier(weigher: BaseWeigher) -> float:
    """What it multiplies by, on a host whose aggregates say nothing."""
    return float(multiplier(weigher)(HostState("any")))


def weigher_findings(checked: Checked, shares: Sequence[Share]) -> Iterator[Finding]:
    """Every risk among the weighers in use."""
    if isinstance(checked.scheduler, FilterScheduler) and not any(share.multiplier for share in shares):
        wins = "the first in the list wins" if checked.normalizes else "the draw is fair"
        yield Finding("no weighers", f"No weigher has a multiplier but 0: all hosts tie and {wins}.")
    for share in shares:
        if share.problem:
            yield Finding("cannot weigh", f"{share.weigher} cannot weigh this inventory: {share.problem}")
    yield from _raw_sums(checked)
    yield from (_swamps_on_hosts(checked, shares) if checked.hosts else _swamps(checked, shares))
    yield from (_cancel_on_hosts(shares) if checked.hosts else _cancel(checked, shares))


def _raw_sums(checked: Checked) -> Iterator[Finding]:
    if not checked.normalizes:
        counted = [one for one in checked.weighers if configured_multiplier(one)]
        if len(counted) > 1:
            yield Finding(
                "swamps",
                f"{type(checked.scheduler).__name__} adds the raw weights of {len(counted)} weighers, each in its own "
                "unit: whatever is counted in MiB decides alone. Use one weigher, or set the multipliers.",
            )
        return
    normalized = [one for one in checked.weighers if one.normalized]
    for weigher in checked.weighers:
        if not weigher.normalized and normalized:
            yield Finding(
                "swamps",
                f"{type(weigher).__name__} adds its raw value, while others are brought to the scale of 0 to 1 first: "
                "whatever is counted in MiB decides alone.",
            )


def _is_default(weigher: BaseWeigher, hosts: Sequence[HostState]) -> bool:
    """Whether its multiplier is as its author made it on all hosts, large on purpose perhaps."""
    alone = [configured_multiplier(weigher)]
    with_aggregates = alone if weigher.multiplier_option is None else [multiplier(weigher)(host) for host in hosts]
    unbound = type(weigher)()
    return {configured_multiplier(unbound)} == {*alone, *map(float, with_aggregates)}


def _swamps(checked: Checked, shares: Sequence[Share]) -> Iterator[Finding]:
    # Multipliers that are large by default are verdicts on a few hosts and silent on all others.
    ordinary = [
        share
        for weigher, share in zip(checked.weighers, shares, strict=True)
        if not (_is_default(weigher, ()) and abs(share.multiplier) >= 100)
    ]
    for share in ordinary:
        others = sum(abs(other.multiplier) for other in ordinary if other is not share)
        if others and abs(share.multiplier) > _SWAMPS * others:
            yield Finding(
                "swamps",
                f"{share.weigher} has the multiplier {share.configured:g}, all others together {others:g}: they decide "
                "only between hosts that it cannot tell apart. Leave them out, or lower it.",
            )


def _swamps_on_hosts(checked: Checked, shares: Sequence[Share]) -> Iterator[Finding]:
    total = sum(share.span for share in shares)
    for weigher, share in zip(checked.weighers, shares, strict=True):
        rest = total - share.span
        if rest and share.span > _SWAMPS_SHARE * total and not _is_default(weigher, checked.hosts):
            yield Finding(
                "swamps",
                f"On this inventory {share.weigher} makes {100 * share.span / total:.1f} % of all differences between "
                f"hosts (multiplier {share.configured:g}); the other weighers hardly count.",
            )


def _cancel(checked: Checked, shares: Sequence[Share]) -> Iterator[Finding]:
    pairs = itertools.combinations(zip(checked.weighers, shares, strict=True), 2)
    for (weigher, share), (other, other_share) in pairs:
        reads = weigher.host_reads
        same = reads is not None and reads == other.host_reads and not callable(reads)
        if same and share.multiplier and share.multiplier == -other_share.multiplier and weigher is not other:
            yield Finding(
                "cancel out",
                f"{share.weigher} and {other_share.weigher} read the same and have opposite multipliers "
                f"({share.configured:g} and {other_share.configured:g}): they may cancel out.",
            )


def _cancel_on_hosts(shares: Sequence[Share]) -> Iterator[Finding]:
    for share, other_share in itertools.combinations([share for share in shares if share.span], 2):
        added = [a + b for a, b in zip(share.contributions, other_share.contributions, strict=True)]
        if _spread(added) < _CANCELS * (_spread(share.contributions) + _spread(other_share.contributions)):
            yield Finding(
                "cancel out",
                f"On this inventory {share.weigher} and {other_share.weigher} cancel out: what one gives to a "
                "host, the other takes from it.",
            )


def _spread(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values))
