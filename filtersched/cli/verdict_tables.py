"""What filters and weighers say of hosts, for people: one host after another, or many in a table."""

from __future__ import annotations

from filtersched.cli.listing import Column, Row
from filtersched.cli.report import host_name, why_chosen
from filtersched.cli.terminal import Terminal
from filtersched.hosts.narrowing import skips_filters
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.explanation import Explanation
from filtersched.results.no_valid_host import NoValidHost
from filtersched.results.selection import Selection
from filtersched.results.verdict import HostVerdicts, Rank, Shortage, Verdict
from filtersched.results.words import amount_in_words, in_words

# The weighers that are named in a row.
_FEW_WEIGHERS = 3


def show_outcome(
    terminal: Terminal, name: str, outcome: Selection | NoValidHost, explanation: Explanation
) -> None:
    """The decision that the hosts are asked about, in a line."""
    which = f"{name}, instance {explanation.index + 1} of {explanation.num_instances}"
    what = name if explanation.num_instances == 1 else which
    if explanation.profile is not None:
        what += f" (profile {explanation.profile!r})"
    if isinstance(outcome, NoValidHost):
        said = f" {outcome.args[0]}" if outcome.args[0] else ""
        terminal.line(f"{what}: no valid host was found.{said} {explanation.counts()}", style="red")
    else:
        terminal.line(f"{what}: {host_name(outcome)} is chosen, {why_chosen(outcome)}")
        if explanation.drawn_from is not None:
            terminal.line(f"Seed {outcome.seed} draws the same again (--seed).")
    terminal.line()


def show_host(
    terminal: Terminal, spec: RequestSpec, name: str, verdicts: HostVerdicts, explanation: Explanation
) -> None:
    """One host: a table of filters, and, if it passes and lost, one of weighers."""
    refused, asked = len(verdicts.refused_by), len(verdicts.verdicts)
    if verdicts.excluded_by is not None:
        terminal.line(f"{name}: excluded by {verdicts.excluded_by} of the request.")
    if skips_filters(spec):
        terminal.line(f"{name}: no filter is asked, because the request forces hosts or nodes.")
    else:
        passes = f"{refused} of {asked} filters refuse it" if refused else f"all {asked} filters pass it"
        terminal.heading(f"{name}: {passes}{_standing(verdicts, explanation)}")
        rows = [_filter_row(verdict) for verdict in verdicts.verdicts]

        def style(row: int, column: int) -> str | None:
            return None if column != 1 else "green" if verdicts.verdicts[row].passed else "red"

        terminal.table(
            ("filter", "verdict", "need", "have", "reason"), rows, numbers=("need", "have"), style=style
        )
    if verdicts.rank is not None and not verdicts.chosen:
        _show_weighers(terminal, verdicts.rank)
    terminal.line()


def _standing(verdicts: HostVerdicts, explanation: Explanation) -> str:
    """What became of a host that passes."""
    rank = verdicts.rank
    if verdicts.chosen:
        return "; chosen" + ("" if rank is None else f", {rank.place}")
    if rank is None or not verdicts.passed:
        return ""
    chosen = "the chosen host" if explanation.ranked == () else explanation.ranked[0]
    distance = f"{rank.distance} {chosen}" if rank.behind else f"equal to {chosen}"
    return f"; {rank.place}, {distance}"


def _filter_row(verdict: Verdict) -> tuple[str, ...]:
    reason, need, have = verdict.reason, "", ""
    if isinstance(reason, Shortage):
        need, have = (
            f"{amount_in_words(number, digits=12)} {in_words(reason.unit)}".strip()
            for number in (reason.need, reason.have)
        )
    said = "" if reason is None else in_words(reason)
    return verdict.filter, "passes" if verdict.passed else "refuses", need, have, said


def _show_weighers(terminal: Terminal, rank: Rank) -> None:
    """What each weigher gave the host and the chosen one, where it gave either anything."""
    rows = []
    for share, (_weigher, by) in zip(rank.shares, rank.differences, strict=True):
        if share.contribution or by:
            chosen = share.contribution - by
            rows.append((share.weigher, f"{share.contribution:+.3f}", f"{chosen:+.3f}", f"{by:+.3f}"))
    rows.append(("all", f"{rank.weight:+.3f}", f"{rank.weight + rank.behind:+.3f}", f"{-rank.behind:+.3f}"))
    numbers = ("this host", "chosen", "difference")
    terminal.table(("weigher", *numbers), rows, numbers=numbers)


def by_rank(one: HostVerdicts) -> tuple[object, ...]:
    """The order of many hosts: the chosen one, the others by rank, then the nearest misses."""
    rank = one.rank.rank if one.rank is not None else 0
    return not one.chosen, not one.passed, rank, one.excluded_by is not None, len(one.refused_by), one.missing_share


def _color(row: Row) -> str:
    return "green" if row["verdict"] in ("chosen", "passes") else "red"


def _number(name: str, *, is_wide: bool = False) -> Column:
    return Column(
        name, lambda row: "-" if row[name] is None else f"{row[name]:.3f}", is_number=True, is_wide=is_wide
    )


COLUMNS = (
    Column("host", style=_color),
    Column("node", is_wide=True),
    Column("verdict", style=_color),
    Column("rank", is_number=True),
    _number("weight"),
    _number("behind", is_wide=True),
    Column("refused_by", lambda row: ", ".join(row["refused_by"]) or "-", is_wide=True),
    Column("why"),
)


def row_of(one: HostVerdicts) -> Row:
    """A host as a row of a listing."""
    rank = one.rank
    return {
        "host": one.name,
        "node": one.nodename,
        "verdict": _verdict(one),
        "rank": None if rank is None else rank.rank,
        "weight": None if rank is None else rank.weight,
        "behind": None if rank is None else rank.behind,
        "refused_by": [verdict.filter for verdict in one.refused_by],
        "why": _why(one),
    }


def _verdict(one: HostVerdicts) -> str:
    if one.chosen:
        return "chosen"
    if one.excluded_by is not None:
        return "excluded"
    return "passes" if one.passed else "refused"


def _why(one: HostVerdicts) -> str:
    excluded = [] if one.excluded_by is None else [f"by {one.excluded_by} of the request"]
    said = "; ".join([*excluded, *map(str, one.refused_by)])
    if said or one.rank is None or one.chosen:
        return said
    weighers = sorted(((name, by) for name, by in one.rank.differences if by), key=lambda pair: -abs(pair[1]))
    listed = ", ".join(f"{name.removesuffix('Weigher')} {by:+.3g}" for name, by in weighers[:_FEW_WEIGHERS])
    if not one.rank.behind:
        return "equal to the chosen host"
    return f"{one.rank.distance} the chosen host" + (f" ({listed})" if listed else "")
