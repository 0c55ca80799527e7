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
Plan moves that even out how much of the hosts is in use. Every move passes all filters and group rules
at its turn, so make them in the order shown. Nothing is moved.

The imbalance is the standard deviation of the hosts' used share, for memory, CPUs and disk, added up.
"""
REBALANCE_EXAMPLES = """\
Examples:
  filtersched rebalance --inventory hosts.jsonl --moves 5
  filtersched rebalance --inventory hosts.jsonl --min-gain 0.01 --format json

Exit status: 0 a plan was made, with or without moves; 2 an error.
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
        "--inventory FILE [--moves N] [--min-gain X] [flag ...]",
    )
    rebalance.add_argument(
        "--min-gain",
        type=_gain,
        default=0.0,
        metavar="X",
        help="what each move must bring on average (default 0: anything)",
    )
    for one in (drain, rebalance):
        one.add_argument("--moves", type=count, metavar="N", help="the most moves of the plan")
        _add_groups(one)
        for add in shared:
            add(one)


def _add_groups(parser: argparse.ArgumentParser) -> None:
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
