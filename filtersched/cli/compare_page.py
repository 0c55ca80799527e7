"""What the report page of `filtersched compare` shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from filtersched.hosts.host_state import HostState
from filtersched.planning.amounts import RESOURCES, WORDS
from filtersched.planning.comparison import Comparison
from filtersched.planning.metrics import Result
from filtersched.planning.recorder import host_info
from filtersched.planning.report_sections import HeatMap, Lines, Section, StackedBars, Table

_SHOWN = "Of each configuration the run with the first seed."


def compare_facts(comparison: Comparison) -> list[tuple[str, Any]]:
    """What was compared."""
    first = next(iter(comparison.results[comparison.names[0]].values()))
    return [
        ("configurations", ", ".join(comparison.names)),
        ("requests", first["requests"]),
        ("seeds", ", ".join(map(str, comparison.seeds))),
        ("failed", len(comparison.failures)),
    ]


def compare_sections(comparison: Comparison, hosts: Sequence[HostState]) -> list[Section]:
    """The table of configurations, use and imbalance over time, refusals, and the hosts when fullest."""
    names = comparison.names
    results = {name: next(iter(comparison.results[name].values())) for name in names}
    rows = [(row["metric"].strip(), *(row[name] for name in names)) for row in comparison.rows()]
    note = f"In brackets the difference from {names[0]}."
    if len(comparison.seeds) > 1:
        note += f" ± is the deviation over {len(comparison.seeds)} seeds."
    shown: list[Section] = [Table("Configurations", ("metric", *names), rows, note)]
    filters = dict.fromkeys(each for result in results.values() for each in result["refused_by"])
    refused = {each: [float(result["refused_by"].get(each, 0)) for result in results.values()] for each in filters}
    shown.append(StackedBars("Requests refused, by the filter that left no host", "requests", names, refused, _SHOWN))
    resources = [name for name in RESOURCES if any(result["use"][name]["peak"] for result in results.values())]
    for name in resources:
        shown.append(_over_time(f"{WORDS[name]} in use", name, results, is_share=True))
    for name in resources:
        shown.append(_over_time(f"Imbalance of {WORDS[name]}", f"imbalance_{name}", results, is_share=False))
    shown.append(_over_time("Hosts in use", "hosts_in_use", results, is_share=False))
    infos = [host_info(host) for host in hosts]
    for name, result in results.items():
        shares = {WORDS[each]: np.array(result["hosts"][each], dtype=np.float64) for each in resources}
        zones = [info.zone or "(no zone)" for info in infos]
        title = f"Hosts when fullest: {name}"
        shown.append(HeatMap(title, [info.name for info in infos], zones, shares, _SHOWN))
    if comparison.failures:
        failed = [(one.configuration, one.seed, one.error) for one in comparison.failures]
        shown.append(Table("Failed", ("configuration", "seed", "error"), failed))
    return shown


def _over_time(title: str, series: str, results: dict[str, Result], *, is_share: bool) -> Lines:
    """A line for each configuration, over the time of the trace where it has one."""
    times = [result["series"]["time"] for result in results.values()]
    has_times = all(one is not None for each in times for one in each)
    lines: dict[str, tuple[Sequence[float], Sequence[float]]] = {}
    for (name, result), each in zip(results.items(), times, strict=True):
        lines[name] = (each if has_times else list(range(len(each))), result["series"][series])
    return Lines(title, "seconds" if has_times else "events, thinned", lines, is_share=is_share, note=_SHOWN)
