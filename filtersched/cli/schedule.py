"""filtersched schedule: place requests on hosts, and say why."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from filtersched.cli.errors import UsageError
from filtersched.cli.inputs import Requests, files_read, pool_of, timed
from filtersched.cli.output import Output
from filtersched.cli.report import (
    host_name,
    outcome_record,
    placement_rows,
    refusal_lines,
    show_hosts,
    show_placements,
    show_refusal,
    show_summary,
    show_totals,
    why_chosen,
)
from filtersched.cli.request_flags import request_from
from filtersched.cli.terminal import Terminal
from filtersched.cli.trial import Outcome, Trial
from filtersched.cli.unread_fields import UnreadFields, filters_in_use
from filtersched.errors import InvalidRequest
from filtersched.inventory import RequestReader
from filtersched.schedulers import scheduler_from
from filtersched.settings import SchedulerConf, read_scheduler_settings

# Up to so many requests and instances are shown one by one, more as a summary.
_FEW_REQUESTS = 20
_FEW_INSTANCES = 100


def run(args: argparse.Namespace, conf: SchedulerConf, terminal: Terminal) -> int:
    """Run the command; 0 if every request was placed, or refusals were allowed; else 1."""
    with contextlib.ExitStack() as stack:
        requests = stack.enter_context(contextlib.closing(_requests(args)))
        settings = read_scheduler_settings(conf)
        scheduler = scheduler_from(conf)
        pool = pool_of(args, settings)
        filters = filters_in_use(args, scheduler)
        unread = UnreadFields(scheduler, filters, strict=args.strict)
        trial = Trial(scheduler, pool, filters=filters, alternates=args.alternates, seed=args.seed)
        output = None
        if args.output is not None:
            output = stack.enter_context(Output(args.output, inputs=files_read(args)))
            if output.is_stdout and args.format == "json":
                raise UsageError(f"--output {args.output} and --format json cannot both be the standard output")
            output.begin()
        report = _JsonReport(terminal) if args.format == "json" else _TextReport(terminal)
        # A table of few requests shows near misses, a summary of many does not.
        only_counted = args.format == "text" and output is None and requests.more_than(_FEW_REQUESTS)
        # A bar would be torn apart by what --verbose says.
        share = _unknown if settings.verbose else requests.share_read
        step = stack.enter_context(terminal.progress("placing", share))
        for outcome in _outcomes(trial, requests, args, unread):
            if settings.verbose:
                _tell(terminal, outcome)
            # They take asking every filter about every host, and so most of the time of a long run.
            near_misses = trial.refused <= args.near_misses and not only_counted
            if output is not None:
                output.write(outcome_record(outcome, near_misses=near_misses))
            report.add(outcome, near_misses=near_misses)
            step()
    unread.tell()
    report.finish(trial, unread.record())
    return 0 if args.allow_partial or not trial.refused else 1


def _unknown() -> None:
    return None


def _requests(args: argparse.Namespace) -> Requests:
    spec = request_from(args)
    if spec is None:
        if args.requests is None:
            raise UsageError("which requests? Give --requests FILE, or one request by --flavor ram=4096,vcpus=2.")
        reader = RequestReader(args.requests)
        return Requests(reader, reader=reader)
    if args.requests is not None:
        raise UsageError("give either --requests or --flavor, not both")
    return Requests([spec])


def _outcomes(
    trial: Trial, requests: Requests, args: argparse.Namespace, unread: UnreadFields
) -> Iterator[Outcome]:
    for spec in requests:
        try:
            found = unread.of(timed(spec, args))
            outcome = trial.place(spec)
            outcome.unread = found
        except InvalidRequest as error:
            raise requests.located(error) from error
        except Exception as error:
            # From inside a plug-in; it goes on, saying which request it was.
            error.add_note(f"request {spec.request_id or trial.requests}")
            raise
        yield outcome


def _tell(terminal: Terminal, outcome: Outcome) -> None:
    """Each stage of a decision, and each choice's why."""
    spec = outcome.spec
    terminal.note(
        f"{outcome.name}: {len(outcome.selections) or spec.num_instances} x {spec.memory_mb} MiB, {spec.vcpus} vCPUs, "
        f"{spec.root_gb + spec.ephemeral_gb} GiB"
    )
    explained = [one.explanation for one in outcome.selections]
    if outcome.why_refused is not None:
        explained = [outcome.why_refused]
    for at, explanation in enumerate(explained):
        for step in explanation.steps:
            terminal.note(f"  {step.name}: {step.before} -> {step.after} hosts")
        if outcome.selections:
            selection = outcome.selections[at]
            chosen = f"{host_name(selection)}, weight {selection.weight:.6g}: {why_chosen(selection)}"
            terminal.note(f"  {selection.index + 1}: {chosen}")
    if outcome.refusal is not None:
        terminal.note(f"  {outcome.refusal}")


class _TextReport:
    """Tables for a few requests, a summary for many instances or requests; keeps no more than a few."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._many = False
        # Put in words at once, before the hosts change.
        self._rows: list[tuple[str, ...]] = []
        self._refusals: list[tuple[Outcome, list[tuple[str, int]], list[str]]] = []
        # A first request too large to be shown instance by instance.
        self._large: Outcome | None = None

    def add(self, outcome: Outcome, *, near_misses: bool) -> None:
        instances = len(self._rows) + len(outcome.selections)
        self._many = self._many or outcome.number > _FEW_REQUESTS or instances > _FEW_INSTANCES
        if self._many:
            self._large = outcome if outcome.number == 1 else None
            self._rows.clear()
        if outcome.number > _FEW_REQUESTS:
            self._refusals.clear()
        elif outcome.refusal is not None:
            self._refusals.append((outcome, *refusal_lines(outcome, near_misses=near_misses)))
        elif not self._many:
            self._rows += placement_rows(outcome)

    def finish(self, trial: Trial, _unread: Sequence[dict[str, Any]]) -> None:
        summary = trial.summary()
        if self._large is not None:
            show_hosts(self._terminal, self._large)
        show_placements(self._terminal, self._rows)
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


class _JsonReport:
    """One JSON object: the placements, written as they come, and the summary."""

    def __init__(self, terminal: Terminal) -> None:
        self._out = terminal.out
        self._between = '{"placements": [\n'

    def add(self, outcome: Outcome, *, near_misses: bool) -> None:
        self._write(json.dumps(outcome_record(outcome, near_misses=near_misses)))

    def _write(self, record: str) -> None:
        self._out.write(self._between + record)
        self._between = ",\n"

    def finish(self, trial: Trial, unread: Sequence[dict[str, Any]]) -> None:
        summary: dict[str, Any] = {**trial.summary(), "unread": unread}
        self._out.write(f'\n],\n"summary": {json.dumps(summary)}}}\n')
