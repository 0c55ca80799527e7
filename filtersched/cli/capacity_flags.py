"""The flags of `filtersched capacity`, and what its help says."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

CAPACITY = """\
Find how many instances of each flavor still fit on the hosts if no others come, what ends it, and what is
stranded: free on hosts that lack another resource. Instances are placed one after another, where the
scheduler would place them. Nothing is changed.
"""
CAPACITY_EXAMPLES = """\
Examples:
  filtersched capacity --inventory hosts.jsonl --flavor ram=4096,vcpus=2 --flavor ram=16384,vcpus=4 --mix 3,1
  filtersched capacity --inventory hosts.jsonl --flavor ram=4096,vcpus=2 --survive 1 --domain rack
  filtersched capacity --inventory hosts.jsonl --flavor ram=4096,vcpus=2 --until 500 --buy hardware.json

Exit status: 0, or 1 if --until asks for more instances than fit; 2 an error.
"""

_Add = Callable[[argparse.ArgumentParser], Any]


def add_capacity(
    command: Callable[..., argparse.ArgumentParser], shared: Sequence[_Add], count: Callable[[str], int]
) -> None:
    """Add the command.

    shared : adds flags that other commands have too.
    count : reads a whole number.
    """
    parser = command(
        "capacity",
        "find how many instances still fit",
        CAPACITY,
        CAPACITY_EXAMPLES,
        "--inventory FILE --flavor KEY=N,... [--flavor ...] [flag ...]",
    )
    parser.add_argument(
        "--flavor",
        action="append",
        metavar="KEY=N,...",
        help="what an instance needs, as of schedule: ram=4096,vcpus=2,name=small, or @FILE; once for each kind",
    )
    parser.add_argument(
        "--mix", metavar="N,...", help="also all together: the share of each flavor, in their order, such as 3,1"
    )
    parser.add_argument(
        "--until",
        metavar="full|N",
        default="full",
        help="stop at N instances of a kind (default: full, until none fits)",
    )
    parser.add_argument(
        "--survive",
        type=count,
        choices=(1,),
        metavar="1",
        help="also how many fit so that any one domain can fail and all its instances find a place elsewhere",
    )
    parser.add_argument(
        "--domain",
        metavar="KIND",
        help="what fails with --survive: host (the default), zone, aggregate:KEY, or an attribute such as rack",
    )
    parser.add_argument(
        "--buy",
        metavar="FILE",
        help="with --until N: how many more hosts like the one in this inventory file are needed",
    )
    parser.add_argument(
        "--groups", metavar="FILE", help="the server groups of instances on the hosts, as of drain; for --survive"
    )
    for add in shared:
        add(parser)
