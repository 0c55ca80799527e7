"""What `filtersched schedule` prints of a run, in the format that the command line chooses."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any, Protocol

from filtersched.cli.listing import (
    FORMAT_VERSION,
    STREAMED,
    Row,
    RowWriter,
    check_listing,
    show_listing,
)
from filtersched.cli.placements import columns, named_by_filter, rows_of
from filtersched.cli.report import (
    outcome_line,
    refusal_lines,
    show_hosts,
    show_refusal,
    show_summary,
    show_totals,
)
from filtersched.cli.terminal import Terminal
from filtersched.planning.outcome import Outcome
from filtersched.planning.trial import Trial

# Up to so many requests and instances are shown one by one, more as a summary.
FEW_REQUESTS = 20
_FEW_INSTANCES = 100
# So many refused requests are named in a summary.
_MOST_NAMES = 200


class Report(Protocol):
    """Takes the outcomes of a run one after another."""

    def add(self, outcome: Outcome, *, near_misses: bool) -> None:
        """One more outcome."""

    def finish(self, trial: Trial, unread: Sequence[dict[str, Any]]) -> None:
        """The end of the run; `unread` is what of all requests no plug-in in use reads."""


def report_of(args: argparse.Namespace, terminal: Terminal) -> Report:
    """The report that the command line chooses. Raises UsageError for columns that are not there."""
    check_listing(args, columns(with_alternates=args.alternates))
    if args.format == "json":
        return _JsonReport(terminal)
    if args.format == "jsonl":
        return _LinesReport(terminal)
    return _ListReport(args, terminal) if args.format in STREAMED else _TextReport(args, terminal)


def is_summary(args: argparse.Namespace) -> bool:
    """Whether many requests are shown as a summary, without near misses."""
    return args.format == "text" and not shows_all(args)


def shows_all(args: argparse.Namespace) -> bool:
    """Whether each request is a row, however many there are."""
    return args.all or args.format != "text" or args.columns is not None or args.sort is not None


class _TextReport:
    """Tables for a few requests or for all, else a summary; keeps no more than that takes."""

    def __init__(self, args: argparse.Namespace, terminal: Terminal) -> None:
        self._args = args
        self._terminal = terminal
        self._shows_all = shows_all(args)
        self._many = False
        # Put in words at once, before the hosts change.
        self._rows: list[Row] = []
        self._refusals: list[tuple[Outcome, list[tuple[str, int]], list[str]]] = []
        self._refused: list[tuple[str, str]] = []
        # A first request too large to be shown instance by instance.
        self._large: Outcome | None = None

    def add(self, outcome: Outcome, *, near_misses: bool) -> None:
        if outcome.refusal is not None:
            self._refused.append((outcome.refused_by, outcome.name))
        if self._shows_all:
            self._rows += rows_of(outcome)
            if outcome.refusal is not None and near_misses:
                self._refusals.append((outcome, *refusal_lines(outcome)))
            return
        instances = len(self._rows) + len(outcome.selections)
        self._many = self._many or outcome.number > FEW_REQUESTS or instances > _FEW_INSTANCES
        if self._many:
            self._large = outcome if outcome.number == 1 else None
            self._rows.clear()
        if outcome.number > FEW_REQUESTS:
            self._refusals.clear()
        elif outcome.refusal is not None:
            self._refusals.append((outcome, *refusal_lines(outcome, near_misses=near_misses)))
        elif not self._many:
            self._rows += rows_of(outcome)

    def finish(self, trial: Trial, unread: Sequence[dict[str, Any]]) -> None:
        summary = trial.summary()
        if self._large is not None:
            show_hosts(self._terminal, self._large)
        if self._rows:
            show_listing(self._terminal, self._args, columns(with_alternates=self._args.alternates), self._rows)
        for at, (outcome, counts, misses) in enumerate(self._refusals):
            if at or self._rows:
                self._terminal.line()
            show_refusal(self._terminal, outcome, counts, misses)
        if not self._many:
            self._terminal.line()
            show_totals(self._terminal, summary)
            return
        if self._refusals:
            self._terminal.line()
        show_summary(self._terminal, summary)
        self._name_refused()

    def _name_refused(self) -> None:
        """Which requests were refused, by the filter that left no host."""
        if self._refused:
            self._terminal.line()
        for filter_name, names in named_by_filter(self._refused[:_MOST_NAMES]).items():
            self._terminal.line(f"Refused by {filter_name}: {', '.join(names)}", indent="  ", style="red")
        more = len(self._refused) - _MOST_NAMES
        if more > 0:
            self._terminal.line(f"and {more:,} more refused requests; --all or --format csv names them", style="red")


class _ListReport:
    """CSV or names: rows as they come, unless they are sorted."""

    def __init__(self, args: argparse.Namespace, terminal: Terminal) -> None:
        self._args = args
        self._terminal = terminal
        self._columns = columns(with_alternates=args.alternates)
        self._rows: list[Row] = []
        self._writer = None if args.sort else RowWriter(terminal, args, self._columns, name="host")

    def add(self, outcome: Outcome, *, near_misses: bool) -> None:
        if self._writer is None:
            self._rows += rows_of(outcome)
        else:
            for row in rows_of(outcome):
                self._writer.write(row)
        if outcome.refusal is not None and self._args.format == "name":
            self._terminal.note(f"filtersched: refused: {outcome.name} ({outcome.refused_by})")

    def finish(self, trial: Trial, unread: Sequence[dict[str, Any]]) -> None:
        if self._writer is None:
            show_listing(self._terminal, self._args, self._columns, self._rows, name="host")


class _LinesReport:
    """JSON Lines: a record for each request, as it comes."""

    def __init__(self, terminal: Terminal) -> None:
        self._out = terminal.out

    def add(self, outcome: Outcome, *, near_misses: bool) -> None:
        self._out.write(outcome_line(outcome, near_misses=near_misses) + "\n")

    def finish(self, trial: Trial, unread: Sequence[dict[str, Any]]) -> None:
        pass


class _JsonReport:
    """One JSON object: the placements, written as they come, and the summary."""

    def __init__(self, terminal: Terminal) -> None:
        self._out = terminal.out
        self._between = f'{{"version": {FORMAT_VERSION}, "placements": [\n'

    def add(self, outcome: Outcome, *, near_misses: bool) -> None:
        self._write(outcome_line(outcome, near_misses=near_misses))

    def _write(self, record: str) -> None:
        self._out.write(self._between + record)
        self._between = ",\n"

    def finish(self, trial: Trial, unread: Sequence[dict[str, Any]]) -> None:
        summary: dict[str, Any] = {**trial.summary(), "unread": unread}
        self._out.write(f'\n],\n"summary": {json.dumps(summary)}}}\n')

