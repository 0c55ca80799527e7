"""filtersched why: what every filter says of hosts, their ranks, and how far they are from the chosen one."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from filtersched.cli.errors import UsageError
from filtersched.cli.inputs import Requests, snapshot_of, timed, trace_of
from filtersched.cli.listing import FORMAT_VERSION, check_listing, show_records
from filtersched.cli.named_hosts import NamedHosts, resolve_hosts
from filtersched.cli.provenance import inventory_sha256
from filtersched.cli.report import host_name
from filtersched.cli.report_page import begin_page
from filtersched.cli.request_flags import request_from
from filtersched.cli.schedule_page import why_facts, why_sections
from filtersched.cli.terminal import Terminal
from filtersched.cli.try_moves import MoveTrials, moves_record, show_moves
from filtersched.cli.unread_fields import UnreadFields, filters_in_use, profile_of
from filtersched.cli.verdict_tables import COLUMNS, by_rank, row_of, show_host, show_outcome
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.planning.trial import Trial
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.explanation import Explanation
from filtersched.results.no_valid_host import NoValidHost
from filtersched.results.selection import Selection
from filtersched.results.verdict import HostVerdicts
from filtersched.schedulers import scheduler_from
from filtersched.settings import SchedulerConf, read_scheduler_settings

# So many hosts are shown one by one, more as a table.
_FEW_HOSTS = 3


def run(args: argparse.Namespace, conf: SchedulerConf, terminal: Terminal) -> int:
    """Run the command; 0 if one of the hosts passes the request and every filter, else 1."""
    with contextlib.ExitStack() as stack:
        return _run(args, conf, terminal, stack)


def _run(args: argparse.Namespace, conf: SchedulerConf, terminal: Terminal, stack: contextlib.ExitStack) -> int:
    if not args.hosts and not args.all:
        raise UsageError("which hosts? Name a HOST, a pattern such as 'cmp-az1-*', or --all.")
    if args.hosts and args.all:
        raise UsageError("give either HOST or --all, not both")
    check_listing(args, COLUMNS)
    settings = read_scheduler_settings(conf)
    scheduler = scheduler_from(conf)
    if not hasattr(scheduler, "explain"):
        raise UsageError(f"{type(scheduler).__name__} uses no filters; why is for schedulers that do")
    requests, wanted = _requests(args)
    page = begin_page(args, terminal, stack)
    # Requests that come before are placed, on copies of a shared pool's hosts.
    pool = snapshot_of(args, settings)
    filters = filters_in_use(args, scheduler)
    profile = profile_of(args, scheduler)
    unread = UnreadFields(scheduler, filters, strict=args.strict, profile=profile)
    hosts = _hosts(args, pool)
    # Before requests are placed.
    sha256 = inventory_sha256(pool) if args.format == "json" else ""
    moves = MoveTrials(args, scheduler, filters)
    trial = Trial(scheduler, pool, filters=filters, seed=args.seed, profile=profile)
    with contextlib.closing(requests):
        number, spec = _request(args, requests, wanted, trial, pool, moves)
    unread.of(spec)
    unread.tell()
    outcome = trial.decide(spec)
    selection = None if isinstance(outcome, NoValidHost) else outcome
    explanation = outcome.explanation
    if page is not None:
        facts = why_facts(number, spec, explanation, None if selection is None else host_name(selection))
        asked = [explanation.why(host) for host in hosts]
        of_hosts = why_sections(pool, explanation, sorted(asked, key=by_rank) if args.all else asked)
        page.write(facts, of_hosts, conf=conf, scheduler=scheduler)
    plan = moves.plan(spec, pool) if selection is None else None
    if args.format == "json":
        record = _record(number, spec, explanation, selection, unread, sha256) | moves_record(plan)
        return 0 if _write(terminal, record, explanation, hosts) else 1
    answers = [explanation.why(host) for host in hosts]
    _show(args, terminal, spec, number, outcome, hosts, answers)
    show_moves(terminal, plan if args.format == "text" else None)
    return 0 if any(one.passed for one in answers) else 1


def _show(
    args: argparse.Namespace,
    terminal: Terminal,
    spec: RequestSpec,
    number: int,
    outcome: Selection | NoValidHost,
    hosts: Sequence[HostState],
    answers: list[HostVerdicts],
) -> None:
    """The answers in any format but JSON."""
    if args.all:
        answers.sort(key=by_rank)
    rows = [row_of(one) for one in answers]
    if args.format != "text":
        records = [one.to_dict() for one in answers] if args.format == "jsonl" else None
        show_records(terminal, args, "hosts", COLUMNS, rows, records=records)
        return
    show_outcome(terminal, spec.request_id or f"#{number}", outcome, outcome.explanation)
    if len(answers) > _FEW_HOSTS or args.all or args.columns or args.sort:
        show_records(terminal, args, "hosts", COLUMNS, rows)
        terminal.line()
        terminal.line(f"{sum(one.passed for one in answers):,} of {len(answers):,} hosts pass.")
    else:
        for host, verdicts in zip(hosts, answers, strict=True):
            show_host(terminal, spec, host_name(host), verdicts, outcome.explanation)


def _requests(args: argparse.Namespace) -> tuple[Requests, str | None]:
    """The requests, and which of them is meant; None for the only one."""
    spec = request_from(args)
    if spec is not None:
        if args.requests is not None or args.request is not None:
            raise UsageError("give either --flavor, or --requests with --request, not both")
        return Requests([spec]), None
    if args.requests is None:
        raise UsageError("which request? Describe it by --flavor ram=4096,vcpus=2,disk=20, or give --requests FILE.")
    return trace_of(args), args.request


def _hosts(args: argparse.Namespace, pool: HostPool) -> Sequence[HostState]:
    if args.all:
        return list(pool)
    named = NamedHosts(pool)
    found = {id(host): host for name in args.hosts for host in named.matching(name)}
    return list(found.values())


def _request(
    args: argparse.Namespace,
    requests: Requests,
    wanted: str | None,
    trial: Trial,
    pool: HostPool,
    moves: MoveTrials,
) -> tuple[int, RequestSpec]:
    """The request that is asked about, and its place, once those before it are placed as `schedule` places them."""
    known: list[str] = []
    for number, spec in enumerate(timed(requests, args), 1):
        if args.flavor is not None:
            resolve_hosts(spec, args, pool)
        moves.note(spec)
        if wanted is None:
            if requests.more_than(0):
                raise UsageError(f"{args.requests} has several requests; choose one with --request, by its id or place")
            return number, spec
        if wanted in (spec.request_id, f"#{number}", str(number)):
            return number, spec
        known.append(spec.request_id or f"#{number}")
        trial.place(spec)
    if not known:
        raise UsageError(f"{args.requests} has no requests")
    shown = ", ".join(known[:12]) + (f" and {len(known) - 12} more" if len(known) > 12 else "")
    raise UsageError(f"--request: {args.requests} has no request {wanted!r}. It has {shown}.")


def _record(
    number: int,
    spec: RequestSpec,
    explanation: Explanation,
    selection: Selection | None,
    unread: UnreadFields,
    sha256: str,
) -> dict[str, Any]:
    return {
        "version": FORMAT_VERSION,
        "request": number,
        "request_id": spec.request_id,
        "index": explanation.index,
        "num_instances": explanation.num_instances,
        "profile": explanation.profile,
        "chosen": None if selection is None else host_name(selection),
        "left": explanation.left,
        "drawn_from": explanation.drawn_from,
        "seed": None if selection is None or selection.seed is None else str(selection.seed),
        "unread": unread.record(),
        "inventory_sha256": sha256,
    }


def _write(
    terminal: Terminal, record: dict[str, Any], explanation: Explanation, hosts: Sequence[HostState]
) -> bool:
    """Write the answers as they come; whether a host passed."""
    passed = False

    def answers() -> Iterator[HostVerdicts]:
        nonlocal passed
        for host in hosts:
            verdicts = explanation.why(host)
            passed = passed or verdicts.passed
            yield verdicts

    terminal.out.write(json.dumps(record)[:-1] + ', "hosts": [')
    for at, verdicts in enumerate(answers()):
        terminal.out.write((",\n" if at else "\n") + json.dumps(verdicts.to_dict()))
    terminal.out.write("\n]}\n")
    return passed
