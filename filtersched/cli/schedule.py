"""filtersched schedule: place requests on hosts, and say why."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator

from filtersched.cli.debug_log import log_outcome, log_settings
from filtersched.cli.errors import UsageError
from filtersched.cli.inputs import Requests, files_read, pool_of, timed, trace_of
from filtersched.cli.named_hosts import resolve_hosts
from filtersched.cli.output import Output
from filtersched.cli.provenance import inventory_sha256
from filtersched.cli.report import host_name, outcome_line, told_name, why_chosen
from filtersched.cli.report_page import begin_page
from filtersched.cli.request_flags import request_from
from filtersched.cli.schedule_page import SchedulePage
from filtersched.cli.schedule_reports import FEW_REQUESTS, is_summary, report_of
from filtersched.cli.terminal import Terminal
from filtersched.cli.try_moves import MoveTrials
from filtersched.cli.unread_fields import UnreadFields, filters_in_use, profile_of
from filtersched.errors import InvalidRequest
from filtersched.hosts.host_pool import HostPool
from filtersched.planning.draws import may_draw
from filtersched.planning.outcome import Outcome
from filtersched.planning.trial import Trial
from filtersched.schedulers import scheduler_from
from filtersched.settings import SchedulerConf, read_scheduler_settings


def run(args: argparse.Namespace, conf: SchedulerConf, terminal: Terminal) -> int:
    """Run the command; 0 if every request was placed, or refusals were allowed; else 1."""
    with contextlib.ExitStack() as stack:
        requests = stack.enter_context(contextlib.closing(_requests(args)))
        settings = read_scheduler_settings(conf)
        scheduler = scheduler_from(conf)
        log_settings(conf, scheduler)
        pool = stack.enter_context(pool_of(args, settings))
        filters = filters_in_use(args, scheduler)
        profile = profile_of(args, scheduler)
        unread = UnreadFields(scheduler, filters, strict=args.strict, profile=profile)
        # A bar would be torn apart by what --verbose says.
        tells = settings.verbose and not args.quiet
        trial = Trial(
            scheduler,
            pool,
            filters=filters,
            profile=profile,
            alternates=args.alternates,
            seed=args.seed,
            explain="full" if tells or settings.shuffle_best_same_weighed_hosts else "counts",
            keeps_inventory=args.output_inventory,
            is_shared=args.pool is not None,
        )
        moves = MoveTrials(args, scheduler, filters)
        output = _begun_output(args, terminal, stack)
        page = begin_page(args, terminal, stack)
        collected = None if page is None else SchedulePage(trial, page)
        run: dict[str, str] = {}
        if output is not None or args.format == "jsonl":
            run = {"run_seed": str(trial.seed), "inventory_sha256": inventory_sha256(pool)}
        report = report_of(args, terminal)
        # A table of few requests shows near misses, a summary of many does not.
        only_counted = is_summary(args) and output is None and page is None and requests.more_than(FEW_REQUESTS)
        share = _unknown if tells else requests.share_read
        step = stack.enter_context(terminal.progress("placing", share))
        for outcome in _outcomes(trial, requests, args, unread, moves, pool):
            outcome.run = run
            if tells:
                _tell(terminal, outcome)
            # They take asking every filter about every host, and so most of the time of a long run.
            near_misses = trial.refused <= args.near_misses and not only_counted
            if output is not None:
                output.write_text(outcome_line(outcome, near_misses=near_misses) + "\n")
            report.add(outcome, near_misses=near_misses)
            if collected is not None:
                collected.add(outcome, near_misses=near_misses)
            step()
        if collected is not None:
            collected.write(pool, conf, scheduler)
    unread.tell()
    report.finish(trial, unread.record())
    if args.format == "text" and may_draw(scheduler):
        terminal.line(f"Seed {trial.seed} draws the same again (--seed {trial.seed}).")
    return 0 if args.allow_partial or not trial.refused else 1


def _begun_output(args: argparse.Namespace, terminal: Terminal, stack: contextlib.ExitStack) -> Output | None:
    """The file of --output, closed by `stack`; None without it."""
    if args.output is None:
        if args.output_inventory:
            raise UsageError("--output-inventory adds to the lines of --output; give that too")
        return None
    output = stack.enter_context(Output(args.output, inputs=files_read(args)))
    if output.is_stdout:
        # The records are what a program reads there.
        terminal.use_stderr()
    output.begin()
    return output


def _unknown() -> None:
    return None


def _requests(args: argparse.Namespace) -> Requests:
    spec = request_from(args)
    if spec is None:
        if args.requests is None and args.sample is None:
            raise UsageError("which requests? Give --requests FILE, or one request by --flavor ram=4096,vcpus=2.")
        return trace_of(args)
    for flag in ("requests", "sample"):
        if getattr(args, flag) is not None:
            raise UsageError(f"give either --{flag} or --flavor, not both")
    return Requests([spec])


def _outcomes(
    trial: Trial,
    requests: Requests,
    args: argparse.Namespace,
    unread: UnreadFields,
    moves: MoveTrials,
    pool: HostPool,
) -> Iterator[Outcome]:
    for spec in timed(requests, args):
        try:
            if args.flavor is not None:
                resolve_hosts(spec, args, pool)
            found = unread.of(spec)
            outcome = trial.place(spec)
            outcome.unread = found
        except InvalidRequest as error:
            raise requests.located(error) from error
        if args.debug:
            log_outcome(outcome)
        if args.try_moves:
            moves.add_to(outcome, pool)
        yield outcome


def _tell(terminal: Terminal, outcome: Outcome) -> None:
    """Each stage of a decision, and each choice's why."""
    spec = outcome.spec
    terminal.note(
        f"{told_name(outcome)}: {len(outcome.selections) or spec.num_instances} x {spec.memory_mb} MiB, "
        f"{spec.vcpus} vCPUs, {spec.root_gb + spec.ephemeral_gb} GiB"
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
    seconds = explained[-1].seconds if explained else {}
    if seconds:
        slowest = sorted(seconds.items(), key=lambda one: one[1], reverse=True)
        terminal.note("  time: " + ", ".join(f"{name} {1000 * spent:.2f} ms" for name, spent in slowest))
    if outcome.refusal is not None:
        terminal.note(f"  {outcome.refusal}")
