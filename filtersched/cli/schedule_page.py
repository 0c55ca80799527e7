"""What the report pages of `filtersched schedule` and `filtersched why` show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from filtersched.cli.report import host_name
from filtersched.cli.report_page import ReportPage
from filtersched.cli.verdict_tables import row_of
from filtersched.hosts.host_pool import HostPool
from filtersched.planning.amounts import WORDS
from filtersched.planning.outcome import Outcome
from filtersched.planning.report_sections import Bar, Bars, Lines, Section, StackedBars, Table, heat_map
from filtersched.planning.trial import Trial
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.explanation import Explanation
from filtersched.results.verdict import HostVerdicts
from filtersched.settings import SchedulerConf

# So many requests have a bar of their own; of more, all have one together.
_FEW_CHOICES = 20
# So many nearest misses stand beside a filter.
_NEAREST = 5
_MOST_REQUESTS = 1000
_MOST_RANKED = 20


class SchedulePage:
    """Collects what a run of requests came to, request by request, for a page."""

    def __init__(self, trial: Trial, page: ReportPage) -> None:
        self._trial = trial
        self._page = page
        self._uses: dict[str, list[float]] = {name: [used] for name, used in trial.usage.now.items()}
        self._misses: dict[str, list[str]] = {}
        self._rows: list[tuple[Any, ...]] = []
        self._shares: list[tuple[str, Mapping[str, float]]] = []
        self._sums: dict[str, float] = {}
        self._chosen = 0

    def add(self, outcome: Outcome, *, near_misses: bool) -> None:
        """One more outcome, while the hosts are as it left them."""
        for name, used in self._trial.usage.now.items():
            self._uses[name].append(used)
        if len(self._rows) < _MOST_REQUESTS:
            hosts = ", ".join(dict.fromkeys(host_name(one) for one in outcome.selections))
            refused = None if outcome.refusal is None else outcome.refused_by
            self._rows.append((outcome.name, len(outcome.selections), hosts or None, refused))
        if near_misses and outcome.why_refused is not None:
            known = self._misses.setdefault(outcome.refused_by, [])
            if len(known) < _NEAREST:
                known += [miss.miss for miss in outcome.why_refused.near_misses(1)]
        for selection in outcome.selections:
            shares = {share.weigher: share.contribution for share in selection.explanation.shares}
            self._chosen += 1
            for name, share in shares.items():
                self._sums[name] = self._sums.get(name, 0.0) + share
            if len(self._shares) <= _FEW_CHOICES:
                self._shares.append((f"{outcome.name}: {host_name(selection)}", shares))

    def write(self, pool: HostPool, conf: SchedulerConf, scheduler: Any) -> None:
        """Write the page, with the pool as it is after the run."""
        summary = self._trial.summary()
        self._page.write(_facts(summary), self._sections(pool, summary), conf=conf, scheduler=scheduler)

    def _sections(self, pool: HostPool, summary: Mapping[str, Any]) -> list[Section]:
        total = self._trial.usage.total
        steps = range(len(next(iter(self._uses.values()))))
        use = {
            WORDS[name]: (list(steps), [used / total[name] for used in self._uses[name]])
            for name in self._uses
            if total[name]
        }
        refused = summary["refused_by"]
        requests = [
            Bar(name, one["requests"], self._misses.get(name, ())) for name, one in refused.items() if one["requests"]
        ]
        shown: list[Section] = [
            heat_map(pool, title="Hosts after the run"),
            Lines("Use over time", "requests", use, note="The share of all hosts' physical capacity."),
            Bars("Requests refused, by the filter that left no host", "requests", requests),
            Bars("Hosts refused, by filter", "hosts", [Bar(name, one["hosts"]) for name, one in refused.items()]),
        ]
        if self._sums:
            shown.append(self._weights())
        note = "" if self._trial.requests <= _MOST_REQUESTS else f"The first {_MOST_REQUESTS:,}."
        head = ("request", "instances", "hosts", "refused by")
        shown.append(Table("Requests", head, self._rows, note, is_long=len(self._rows) > _FEW_CHOICES))
        return shown

    def _weights(self) -> StackedBars:
        title = "Weights of the chosen hosts, by weigher"
        if self._chosen <= _FEW_CHOICES:
            names = [name for name, _shares in self._shares]
            parts = {each: [shares.get(each, 0.0) for _name, shares in self._shares] for each in self._sums}
            return StackedBars(title, "weight", names, parts)
        means = {name: [total / self._chosen] for name, total in self._sums.items()}
        return StackedBars(title, "weight", [f"mean of {self._chosen:,} instances"], means)


def _facts(summary: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The counts of the run."""
    counts = ("seed", "hosts", "requests", "placed", "refused", "instances_placed", "instances_released")
    return [(name.replace("_", " "), summary[name]) for name in counts]


def why_facts(number: int, spec: RequestSpec, explanation: Explanation, chosen: str | None) -> list[tuple[str, Any]]:
    """What was asked, and what came of it."""
    size = f"{spec.memory_mb} MiB, {spec.vcpus} vCPUs, {spec.root_gb + spec.ephemeral_gb} GiB"
    return [
        ("request", f"{spec.request_id or f'#{number}'}: {spec.num_instances} x {size}"),
        ("chosen", chosen or "none"),
        ("outcome", explanation.summary()),
    ]


def why_sections(pool: HostPool, explanation: Explanation, answers: Sequence[HostVerdicts]) -> list[Section]:
    """The verdicts on hosts, and what made the choice."""
    rows = [row_of(one) for one in answers]
    head = ("host", "verdict", "rank", "weight", "behind", "why")
    misses: dict[str, list[str]] = {}
    for miss in explanation.near_misses(3 * _NEAREST):
        found = misses.setdefault(miss.refused_by[0].filter, [])
        if len(found) < _NEAREST:
            found.append(miss.miss)
    refused = [Bar(name, count, misses.get(name, ())) for name, count in explanation.refused.items()]
    shown: list[Section] = [
        Table("Hosts asked about", head, [tuple(row[name] for name in head) for row in rows], is_long=len(rows) > 50),
        Bars("Hosts refused, by filter", "hosts", refused, note=f"Of {explanation.offered:,} hosts."),
    ]
    if explanation.columns:
        names = list(explanation.ranked[:_MOST_RANKED])
        parts = {
            column.name: [column.share(place).contribution for place in range(len(names))]
            for column in explanation.columns
        }
        note = "The chosen host first, then the best of the others."
        shown.append(StackedBars("Weights, by weigher", "weight", names, parts, note))
    shown.append(heat_map(pool, title="Hosts before the request"))
    return shown
