"""What the command says of outcomes: records for programs, sentences and tables for people."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from json.encoder import encode_basestring_ascii
from typing import Any

from filtersched.cli.listing import FORMAT_VERSION
from filtersched.cli.terminal import Terminal
from filtersched.cli.try_moves import moves_record, show_moves
from filtersched.columns.frozen import thaw
from filtersched.hosts.host_state import HostState
from filtersched.hosts.narrowing import skips_filters
from filtersched.planning.amounts import WORDS
from filtersched.planning.outcome import NO_FILTER, Outcome
from filtersched.results.no_valid_host import NoValidHost
from filtersched.results.selection import Alternate, Selection
from filtersched.results.unread_field import UnreadField
from filtersched.results.weigher_shares import WeigherShare

_NEAREST = 3
_MOST_HOSTS = 20


# -- for programs ----------------------------------------------------------------------------------


def outcome_line(outcome: Outcome, *, near_misses: bool = True) -> str:
    """An outcome as JSON, on one line: selections, or the refusal with counts and, if wanted, nearest misses."""
    spec, refusal = outcome.spec, outcome.refusal
    members = [
        f'"version": {FORMAT_VERSION}, "request": {outcome.number}, "request_id": {_json(spec.request_id)}, '
        f'"num_instances": {len(outcome.selections) or spec.num_instances}, "profile": {_json(outcome.profile)}, '
        f'"arrives_at": {_json(spec.arrives_at)}, "departs_at": {_json(spec.departs_at)}, '
        f'"placed": {"true" if refusal is None else "false"}'
    ]
    members += [f"{_json(name)}: {_json(value)}" for name, value in outcome.run.items()]
    if outcome.inventory is not None:
        members.append(f'"inventory": {json.dumps(outcome.inventory)}')
    if refusal is not None:
        members.append(f'"refusal": {_refusal_text(outcome, refusal, near_misses=near_misses)}')
    members.append(f'"unread": {_list(map(_unread_text, outcome.unread))}')
    if refusal is None:
        members.append(f'"selections": {_list(map(_selection_text, outcome.selections))}')
    return f"{{{', '.join(members)}}}"


def _json(value: Any) -> str:
    """The value as JSON: what `json.dumps` gives, sooner for what is in every line."""
    kind = type(value)
    if kind is str:
        return encode_basestring_ascii(value)
    if value is None:
        return "null"
    # A number that is not finite differs from itself.
    if kind is int or (kind is float and value - value == 0):
        return repr(value)
    return json.dumps(thaw(value))


def _object(values: Mapping[str, Any]) -> str:
    return f"{{{', '.join([f'{_json(name)}: {_json(value)}' for name, value in values.items()])}}}"


def _list(items: Iterable[str]) -> str:
    return f"[{', '.join(items)}]"


def _unread_text(unread: UnreadField) -> str:
    try:
        return _known_unread_text(unread)
    except TypeError:  # what is asked is a list or the like
        return json.dumps(unread.to_dict())


@functools.lru_cache(maxsize=1000)
def _known_unread_text(unread: UnreadField) -> str:
    """The same; many requests ask the same that nothing reads."""
    return json.dumps(unread.to_dict())


def _selection_text(selection: Selection) -> str:
    """A selection as JSON, with what weighers added to the weight, the next best host, and how many were left."""
    explanation = selection.explanation
    others = [{"host": other.host, "nodename": other.nodename} for other in selection.alternates]
    host = _json(selection.host)
    node = host if selection.nodename == selection.host else _json(selection.nodename)
    # A program that reads numbers as floats, as jq does, would round the seed.
    seed = "null" if selection.seed is None else f'"{selection.seed}"'
    return (
        f'{{"index": {selection.index}, "instance_uuid": {_json(selection.instance_uuid)}, "host": {host}, '
        f'"nodename": {node}, "weight": {_json(selection.weight)}, "limits": {_object(selection.limits)}, '
        f'"alternates": {json.dumps(others) if others else "[]"}, "seed": {seed}, '
        f'"runner_up": {_json(explanation.runner_up)}, "margin": {_json(explanation.margin)}, '
        f'"left": {explanation.left}, "drawn_from": {_json(explanation.drawn_from)}, '
        f'"shares": {_list(map(_share_text, explanation.shares))}}}'
    )


@functools.lru_cache(maxsize=10_000)
def _share_text(share: WeigherShare) -> str:
    """A share as JSON, cached: many selections have the same shares."""
    return json.dumps(share.to_dict())


def _refusal_text(outcome: Outcome, refusal: NoValidHost, *, near_misses: bool) -> str:
    """A refusal as JSON."""
    message = f"No valid host was found. {refusal.args[0] or _which(refusal)}"
    members = [f'"message": {_json(message)}, "index": {refusal.index}, "refused_by": {_json(outcome.refused_by)}']
    explanation = outcome.why_refused
    if explanation is not None:
        steps = [
            f'{{"filter": {_json(name)}, "before": {before}, "after": {after}}}'
            for name, before, after in outcome.counts
        ]
        members.append(f'"refused": {_object(outcome.refused)}, "steps": {_list(steps)}')
        if near_misses:
            members.append(f'"near_misses": {json.dumps([one.to_dict() for one in explanation.near_misses(_NEAREST)])}')
    members += [f"{_json(name)}: {_json(value)}" for name, value in moves_record(outcome.moves).items()]
    return f"{{{', '.join(members)}}}"


def _which(refusal: NoValidHost) -> str:
    return f"Instance {refusal.index + 1} of {refusal.num_instances}"


# -- for people ------------------------------------------------------------------------------------


def host_name(placed: Selection | HostState | Alternate) -> str:
    return placed.host if placed.nodename == placed.host else f"{placed.host}/{placed.nodename}"


def why_chosen(selection: Selection) -> str:
    """What made this host the choice, in few words."""
    explanation = selection.explanation
    left, drawn_from = explanation.left, explanation.drawn_from
    if skips_filters(selection.spec):
        return "forced by the request"
    words = [f"best of {left}" if left else "best"]
    if drawn_from is not None:
        words = [f"drawn from {drawn_from} of {left}"]
    elif explanation.margin is not None and explanation.margin < 0:
        words = ["drawn"]
    if explanation.runner_up is None:
        return "the only host left" if left == 1 else "; ".join([*words, "neither filtered nor weighed"])
    shares = sorted(explanation.shares, key=lambda share: -abs(share.contribution))
    said = [
        f"{share.weigher.removesuffix('Weigher')} {share.contribution:+.2f}"
        for share in shares
        if abs(share.contribution) >= 0.005
    ]
    if said:
        words.append(", ".join(said[:3]))
    if explanation.runner_up is not None and explanation.margin is not None:
        margin, other = explanation.margin, explanation.runner_up
        if margin == 0:
            words.append(f"equal to {other}")
        else:
            words.append(f"{abs(margin):.3f} {'ahead of' if margin > 0 else 'behind'} {other}")
    return "; ".join(words)


def refusal_lines(outcome: Outcome, *, near_misses: bool = True) -> tuple[list[tuple[str, int]], list[str]]:
    """How many hosts each filter refused, and the nearest misses in words if they are wanted; as of now."""
    explanation = outcome.why_refused
    if explanation is None:
        return [], []
    nearest = explanation.near_misses(_NEAREST) if near_misses else []
    return list(outcome.refused.items()), [miss.miss for miss in nearest]


def show_hosts(terminal: Terminal, outcome: Outcome) -> None:
    """How many instances of one large request went where, the fullest hosts first."""
    counts = Counter(host_name(one) for one in outcome.selections).most_common()
    terminal.table(("host", "instances"), counts[:_MOST_HOSTS], numbers=("instances",))
    if len(counts) > _MOST_HOSTS:
        terminal.line(f"and {len(counts) - _MOST_HOSTS} more hosts")
    terminal.line()


def told_name(outcome: Outcome) -> str:
    """What a request is called, with the profile that decided it."""
    return outcome.name if outcome.profile is None else f"{outcome.name} (profile {outcome.profile!r})"


def show_refusal(
    terminal: Terminal, outcome: Outcome, counts: Sequence[tuple[str, int]], misses: Sequence[str]
) -> None:
    """Why a request found no place: each filter's count, and the nearest misses."""
    refusal = outcome.refusal
    if refusal is None:
        return
    reason = refusal.args[0] or f"{_which(refusal)} found none."
    terminal.heading(f"{told_name(outcome)}: No valid host was found. {reason}", style="red")
    if counts:
        terminal.table(("filter", "hosts refused"), counts, numbers=("hosts refused",))
    for at, miss in enumerate(misses):
        terminal.line(f"{'Nearest: ' if at == 0 else '         '}{miss}", indent=" " * 11)
    show_moves(terminal, outcome.moves)


def show_totals(terminal: Terminal, summary: dict[str, Any]) -> None:
    """The last line after a few requests."""
    uses = [_in_use(name, share["final"]) for name, share in summary["utilisation"].items()]
    terminal.line(
        f"{summary['placed']} of {_counted(summary['requests'], 'request')} placed"
        f" ({_counted(summary['instances_placed'], 'instance')}) on {_counted(summary['hosts'], 'host')}."
        f" In use of the physical capacity: {', '.join(uses)}."
    )


def show_summary(terminal: Terminal, summary: dict[str, Any]) -> None:
    """What came of many requests."""
    rate = summary["requests_per_second"]
    speed = f", {rate:,.0f} a second" if rate is not None and summary["requests"] > 1 else ""
    terminal.heading(f"{_counted(summary['requests'], 'request')} on {_counted(summary['hosts'], 'host')}{speed}")
    instances = _counted(summary["instances_placed"], "instance")
    released = summary["instances_released"]
    left = f", {released:,} of them have left" if released else ""
    terminal.line(f"placed   {summary['placed']:>8,}   ({instances}{left})")
    terminal.line(f"refused  {summary['refused']:>8,}")
    if summary["refused_by"]:
        terminal.line()
        rows = [(name, f"{one['requests']:,}", f"{one['hosts']:,}") for name, one in summary["refused_by"].items()]
        counts = ("left no host", "hosts refused")
        terminal.table(("refused by", *counts), rows, numbers=counts)
        if NO_FILTER in summary["refused_by"]:
            terminal.line(f"{NO_FILTER}: the request's own lists of hosts left none, or no host was up.")
    terminal.line()
    uses = [
        (WORDS[name], *(_percent(share[point]) for point in ("before", "peak", "final")))
        for name, share in summary["utilisation"].items()
    ]
    when = ("before", "peak", "at the end")
    terminal.table(("in use (of the physical capacity)", *when), uses, numbers=when)


def _in_use(name: str, share: float | None) -> str:
    return f"{WORDS[name]} {_percent(share)}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
