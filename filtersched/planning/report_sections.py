"""The sections of a report: tables, bars, lines, and the use of hosts by zone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from filtersched.errors import ConfigurationError
from filtersched.hosts.host_state import HostState
from filtersched.planning.amounts import RESOURCES, WORDS, HostAmounts, amounts_of_hosts
from filtersched.planning.recorder import host_info

Floats = NDArray[np.float64]



def printable(text: str) -> str:
    """A text as a page can have it: control characters and halves of surrogate pairs are shown as escapes."""
    whole = text.encode("utf-8", "backslashreplace").decode()
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", whole)


_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Bar(NamedTuple):
    """A bar of a drawing: its name, its length, and sentences about it, such as nearest misses."""

    name: str
    value: float
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Table:
    """Rows under a head; numbers stand right. `is_long` hides it behind its title until it is opened."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""
    is_long: bool = False


@dataclass(frozen=True)
class Bars:
    """A bar for each name, as a drawing and as a table."""

    title: str
    unit: str
    bars: Sequence[Bar]
    note: str = ""


@dataclass(frozen=True)
class StackedBars:
    """Bars made of parts, such as the weight of a host by weigher.

    names : of the bars; parts : one number per bar, by the name of the part.
    """

    title: str
    unit: str
    names: Sequence[str]
    parts: Mapping[str, Sequence[float]]
    note: str = ""

    @property
    def counting(self) -> dict[str, Sequence[float]]:
        """The parts that are not 0 everywhere."""
        return {name: numbers for name, numbers in self.parts.items() if any(numbers)}

    def total(self, at: int) -> float:
        """The sum of a bar's parts."""
        return float(sum(numbers[at] for numbers in self.parts.values()))


@dataclass(frozen=True)
class Lines:
    """Numbers over time, or over requests: (x, y) by the name of the line; shares are drawn as percent."""

    title: str
    over: str
    lines: Mapping[str, tuple[Sequence[float] | Floats, Sequence[float] | Floats]]
    is_share: bool = True
    note: str = ""

    @property
    def ends(self) -> list[tuple[Any, ...]]:
        """A row per line: its name, and its first, highest and last number."""
        rows = []
        for name, (_x, given) in self.lines.items():
            y = np.asarray(given, dtype=np.float64)
            ends = (y[0], np.nanmax(y), y[-1]) if y.size else ()
            numbers = (f"{100 * one:.1f} %" if self.is_share else float(one) for one in ends)
            rows.append((name, *numbers))
        return rows


@dataclass(frozen=True)
class HeatMap:
    """The used share of each host, by resource, in rows of a zone.

    names, zones : of the hosts; shares : (n_hosts,) by resource, nan where a host has none of it.
    """

    title: str
    names: Sequence[str]
    zones: Sequence[str]
    shares: Mapping[str, Floats]
    note: str = ""

    @property
    def percents(self) -> list[str]:
        """The heads of the columns of shares."""
        return [f"{name} %" for name in self.shares]

    @property
    def by_zone(self) -> list[tuple[Any, ...]]:
        """A row per zone: its name, its hosts, and the mean share of each resource in percent; None for none."""
        rows = []
        for zone in sorted(set(self.zones)):
            here = np.array([one == zone for one in self.zones])
            means = (_mean(share[here]) for share in self.shares.values())
            rows.append((zone, int(here.sum()), *(None if mean is None else round(100 * mean, 1) for mean in means)))
        return rows

    @property
    def by_host(self) -> Table:
        """A row per host, the fullest first."""
        table = np.vstack(list(self.shares.values())) if self.shares else np.empty((0, len(self.names)))
        fullest = np.nan_to_num(table, nan=-1.0).max(axis=0, initial=-1.0)
        order = np.argsort(-fullest, kind="stable")
        shares = list(self.shares.values())
        rows = [(self.names[at], self.zones[at], *(_percent(share[at]) for share in shares)) for at in order]
        return Table("Hosts", ("host", "zone", *self.percents), rows, is_long=True)


#: What a report is made of.
Section = Table | Bars | StackedBars | Lines | HeatMap


def heat_map(hosts: Iterable[HostState], amounts: HostAmounts | None = None, title: str = "Hosts in use") -> HeatMap:
    """The use of hosts now, or by `amounts`, as shares of the physical capacity."""
    listed = list(hosts)
    known = amounts_of_hosts(listed) if amounts is None else amounts
    infos = [host_info(host) for host in listed]
    zones = [info.zone or "(no zone)" for info in infos]
    return HeatMap(title, [info.name for info in infos], zones, host_shares(known))


def host_shares(amounts: HostAmounts) -> dict[str, Floats]:
    """The used share of each host by resource, nan where it has none; resources that no host has are left out."""
    found = {}
    for name in RESOURCES:
        total = amounts.total[name]
        if (total > 0).any():
            with np.errstate(divide="ignore", invalid="ignore"):
                found[WORDS[name]] = np.where(total > 0, amounts.used[name] / total, np.nan)
    return found


def _mean(shares: Floats) -> float | None:
    there = shares[~np.isnan(shares)]
    return float(there.mean()) if there.size else None


def _percent(share: float) -> float | None:
    return None if np.isnan(share) else round(100 * float(share), 1)


def check_report_packages() -> None:
    """Raise ConfigurationError where the packages of the extra `report` are missing, before a long run."""
    try:
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401
    except ImportError as error:
        said = f"A report needs Jinja2 and matplotlib: pip install 'filtersched[report]' ({error})."
        raise ConfigurationError(said) from error
