"""filtersched why: what every filter says of one host."""

from __future__ import annotations

import argparse
from typing import Any

from filtersched.cli.errors import UsageError
from filtersched.cli.inputs import pool_of, timed
from filtersched.cli.listing import write_json
from filtersched.cli.report import host_name, verdicts_record
from filtersched.cli.request_flags import request_from
from filtersched.cli.terminal import Terminal
from filtersched.cli.unread_fields import UnreadFields, filters_in_use
from filtersched.errors import nearest
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.hosts.narrowing import skips_filters
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.verdict import HostVerdicts, Shortage
from filtersched.results.words import amount_in_words, in_words
from filtersched.schedulers import scheduler_from
from filtersched.settings import SchedulerConf, read_scheduler_settings


def run(args: argparse.Namespace, conf: SchedulerConf, terminal: Terminal) -> int:
    """Run the command; 0 if every filter passes one of the nodes of that name, else 1."""
    spec = request_from(args)
    if spec is None:
        raise UsageError("which request? Describe it by --flavor ram=4096,vcpus=2,disk=20.")
    settings = read_scheduler_settings(conf)
    scheduler = scheduler_from(conf)
    if not hasattr(scheduler, "explain"):
        raise UsageError(f"{type(scheduler).__name__} uses no filters; why is for schedulers that do")
    hosts = _named(args.host, pool_of(args, settings))
    timed(spec, args)
    filters = filters_in_use(args, scheduler)
    unread = UnreadFields(scheduler, filters, strict=args.strict)
    unread.of(spec)
    unread.tell()
    answers = [(host, scheduler.explain(spec, host, filters=filters)) for host in hosts]
    let_in = [verdicts.excluded_by is None for _host, verdicts in answers]
    if args.format == "json":
        records = [_record(verdicts, one) for (_host, verdicts), one in zip(answers, let_in, strict=True)]
        write_json(terminal.out, {"hosts": records})
    else:
        for (host, verdicts), passes in zip(answers, let_in, strict=True):
            _show(terminal, spec, host, verdicts, passes)
    passed = (one and not verdicts.refused_by for (_host, verdicts), one in zip(answers, let_in, strict=True))
    return 0 if any(passed) else 1


def _named(name: str, pool: HostPool) -> list[HostState]:
    found = [host for host in pool if name in (host.host, host.nodename, f"{host.host}/{host.nodename}")]
    if not found:
        hint = nearest(name, {host.host for host in pool})
        raise UsageError(f"there is no host {name!r} in the inventory. {hint}".rstrip())
    return found


def _record(verdicts: HostVerdicts, let_in: bool) -> dict[str, Any]:
    passed = let_in and not verdicts.refused_by
    return {**verdicts_record(verdicts), "let_in_by_request": let_in, "passed": passed}


def _show(terminal: Terminal, spec: RequestSpec, host: HostState, verdicts: HostVerdicts, let_in: bool) -> None:
    name = host_name(host)
    refused, asked = len(verdicts.refused_by), len(verdicts.verdicts)
    if not let_in:
        terminal.line(f"{name}: excluded by {verdicts.excluded_by} of the request.")
    if skips_filters(spec):
        terminal.line(f"{name}: no filter is asked, because the request forces hosts or nodes.")
        return
    passes = f"{refused} of {asked} filters refuse it" if refused else f"all {asked} filters pass it"
    terminal.heading(f"{name}: {passes}")
    rows = []
    for verdict in verdicts.verdicts:
        reason, need, have = verdict.reason, "", ""
        if isinstance(reason, Shortage):
            need, have = (
                f"{amount_in_words(number, digits=12)} {in_words(reason.unit)}".strip()
                for number in (reason.need, reason.have)
            )
        said = "" if reason is None else in_words(reason)
        rows.append((verdict.filter, "passes" if verdict.passed else "refuses", need, have, said))
    terminal.table(("filter", "verdict", "need", "have", "reason"), rows, numbers=("need", "have"))
