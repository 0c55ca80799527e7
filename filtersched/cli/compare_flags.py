"""The parser of filtersched compare: its flags, and what its help says."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from filtersched.cli.report_flag import add_report_flag

_DESCRIPTION = """\
Place the same requests under several configurations, and compare what comes of it: requests placed
and refused, use and imbalance over time, stranded resources, hosts in use, instances on other hosts.
Each CONF is a settings file; settings on the command line, and files of --config-file, are common
to all. A configuration that draws runs once for each seed. Runs use all cores of this machine, or a
Dask cluster.
"""
_EXAMPLES = """\
Examples:
  filtersched compare --inventory hosts.jsonl --requests requests.jsonl spread.conf pack.conf
  filtersched compare ... a.conf b.conf --seeds 5 --results runs.jsonl --resume
  filtersched compare ... a.conf b.conf --seeds 50 --dask tcp://scheduler:8786

Exit status: 0 every run succeeded; 1 a configuration or a run failed, which is named; 2 an error.
"""


def add_compare(
    command: Callable[..., argparse.ArgumentParser], parts: Sequence[Callable[..., Any]], positive: Callable[[str], int]
) -> None:
    """Add the command.

    parts : add the flags of inventories, of filters and of output.
    positive : reads a whole number, 1 or more.
    """
    add_input, add_filters, add_output = parts
    compare = command(
        "compare",
        "place the same requests under several configurations",
        _DESCRIPTION,
        _EXAMPLES,
        "CONF... --inventory FILE --requests FILE [flag ...] [setting ...]",
    )
    compare.add_argument(
        "configurations", nargs="*", metavar="CONF", help="a settings file; differences are from the first"
    )
    add_input(compare)
    add_trace(compare)
    add_filters(compare)
    compare.add_argument(
        "--seeds", type=positive, default=1, metavar="N", help="run configurations that draw with N seeds (default 1)"
    )
    compare.add_argument("--seed", type=int, default=1, metavar="N", help="the first of the seeds (default 1)")
    compare.add_argument(
        "--jobs", type=positive, metavar="N", help="use N processes (default: one for each core of this machine)"
    )
    compare.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="run on the Dask cluster whose scheduler is there (tcp://scheduler:8786); local starts one here",
    )
    compare.add_argument("--results", metavar="FILE", help="write each run's result as it comes, a line of JSON")
    compare.add_argument("--resume", action="store_true", help="keep the runs that are in --results, and do the others")
    add_report_flag(add_output(compare, is_listing=False))


def add_trace(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say which requests there are."""
    parser.add_argument(
        "--requests",
        metavar="FILE",
        help="the requests: JSON Lines, JSON or CSV; rows of Nova's instances as CSV; a packing trace with vmId, "
        "vmTypeId, starttime and endtime; or openstack server list --long -f json; - is the standard input",
    )
    parser.add_argument(
        "--actions", metavar="FILE", help="with Nova's instances: rows of instance_actions, for the times"
    )
    parser.add_argument(
        "--sample",
        type=_sample,
        metavar="KEY=N,...",
        help="make requests up: count=1000,rate=0.1,life=3600 are 1,000 of the --flavors, 0.1 a second, each for an "
        "hour on average; --seed makes others",
    )


def _sample(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _equals, value = part.partition("=")
        if name not in _SAMPLE or name in found:
            raise argparse.ArgumentTypeError(f"must be {_SAMPLE_FORM}, not {text!r}")
        try:
            found[name] = float(value)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{name} must be a number, not {value!r}") from None
    if len(found) < len(_SAMPLE) or not all(0 < value < float("inf") for value in found.values()):
        raise argparse.ArgumentTypeError(f"must be {_SAMPLE_FORM}, each above zero, not {text!r}")
    if not found["count"].is_integer():
        raise argparse.ArgumentTypeError(f"count must be a whole number, not {found['count']:g}")
    return found


_SAMPLE = ("count", "rate", "life")
_SAMPLE_FORM = "count=N,rate=N,life=N"
