"""The flags of the commands that plan moves, and what their help says."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

DRAIN = """\
Plan the moves that take all instances off hosts, for an upgrade or before they are switched off. Each
instance goes where the scheduler would place it; every move passes all filters and group rules at its
turn. Nothing is moved.
"""
DRAIN_EXAMPLES = """\
Example:
  filtersched drain cmp-az1-01 cmp-az1-02 --inventory hosts.jsonl --groups groups.json

Exit status: 0 nothing is left on the hosts, 1 instances are left, 2 an error.
"""
REBALANCE = """\
Plan moves that even out how much of the hosts is in use, that empty hosts, or that mend broken rules.
Every move passes all filters and group rules at its turn, so make them in the order shown. Nothing is
moved. The imbalance is the standard deviation of the hosts' used share, for memory, CPUs and disk,
added up.
"""
REBALANCE_EXAMPLES = """\
Examples:
  filtersched rebalance --inventory hosts.jsonl --moves 5
  filtersched rebalance --inventory hosts.jsonl --min-gain 0.01 --format json
  filtersched rebalance --inventory hosts.jsonl --goal empty --keep-free 10%

Exit status: 0 a plan was made, with or without moves; 1 with --goal rules, something stays broken;
2 an error.
"""
AUDIT = """\
Ask every filter, and the rules of server groups, about every instance on its own host, and show those
that would be refused it now.
"""
AUDIT_EXAMPLES = """\
Example:
  filtersched audit --inventory hosts.jsonl --groups groups.json

Exit status: 0 no instance is refused its host, 1 some are, 2 an error.
"""
WAVES = """\
Plan to empty the hosts of an aggregate wave by wave, for an upgrade that goes through all of them. Each
wave shows its hosts and the moves that empty them; the moves of one round may be under way at once. The
hosts are in use again before the next wave. Nothing is moved.
"""
WAVES_EXAMPLES = """\
Example:
  filtersched waves --aggregate az1 --at-once 3 --inventory hosts.jsonl --groups groups.json

Exit status: 0 every host is emptied, 1 some cannot be, 2 an error.
"""

_Add = Callable[[argparse.ArgumentParser], Any]


def add_moves(
    command: Callable[..., argparse.ArgumentParser], shared: Sequence[_Add], count: Callable[[str], int]
) -> None:
    """Add the commands.

    shared : adds flags that other commands have too.
    count : reads a whole number.
    """
    drain = command(
        "drain", "plan the moves that empty hosts", DRAIN, DRAIN_EXAMPLES, "HOST... --inventory FILE [flag ...]"
    )
    drain.add_argument("hosts", nargs="*", metavar="HOST", help="a host, a node, or host/node; or a pattern of them")
    rebalance = command(
        "rebalance",
        "plan moves that even out the use of hosts",
        REBALANCE,
        REBALANCE_EXAMPLES,
        "--inventory FILE [--goal even|empty|rules] [--moves N] [flag ...]",
    )
    rebalance.add_argument(
        "--goal",
        choices=("even", "empty", "rules"),
        default="even",
        help="even (the default) lowers the imbalance; empty leaves as few hosts in use as possible, and names those "
        "to switch off; rules mends what audit finds with the fewest moves",
    )
    rebalance.add_argument(
        "--keep-free",
        type=_share,
        default=0.0,
        metavar="SHARE",
        help="with --goal empty: what hosts that take instances keep free of each resource, such as 10%%",
    )
    rebalance.add_argument(
        "--min-gain",
        type=_gain,
        default=0.0,
        metavar="X",
        help="with --goal even: how far each move must lower the imbalance on average (default 0: at all)",
    )
    audited = command(
        "audit", "show instances that break a rule where they are", AUDIT, AUDIT_EXAMPLES, "--inventory FILE [flag ...]"
    )
    waves = command(
        "waves",
        "plan to empty hosts wave by wave, for an upgrade",
        WAVES,
        WAVES_EXAMPLES,
        "--aggregate NAME --inventory FILE [--at-once N] [flag ...]",
    )
    waves.add_argument("--aggregate", metavar="NAME", help="empty the hosts of this aggregate")
    waves.add_argument(
        "--at-once", type=count, default=1, metavar="N", help="how many hosts a wave has at most (default 1)"
    )
    waves.add_argument(
        "--max-unavailable",
        type=count,
        default=1,
        metavar="N",
        help="how many members of a server group may be under way at once (default 1), where the group's own rule "
        "max_unavailable says nothing",
    )
    for one in (drain, rebalance):
        one.add_argument("--moves", type=count, metavar="N", help="the most moves of the plan")
    for one in (drain, rebalance, audited, waves):
        add_groups_flag(one)
        for add in shared:
            add(one)


def add_groups_flag(parser: argparse.ArgumentParser) -> None:
    """Let the command line give the server groups."""
    parser.add_argument(
        "--groups",
        metavar="FILE",
        help="the server groups of the instances, with policy and rules: Nova's GET /os-server-groups, or a list of "
        "uuid, policy and rules",
    )


def _gain(text: str) -> float:
    try:
        gain = float(text)
    except ValueError:
        gain = -1.0
    if 0 <= gain < float("inf"):
        return gain
    raise argparse.ArgumentTypeError(f"must be a number of zero or more, not {text!r}")


def _share(text: str) -> float:
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if 0 <= share < 1:
        return share
    raise argparse.ArgumentTypeError(f"must be a share such as 10% or 0.1, not {text!r}")
