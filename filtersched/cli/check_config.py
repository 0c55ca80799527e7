"""filtersched check-config: valid settings that are risky, and what each weigher really decides."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from filtersched.cli.asked_checks import asked_findings
from filtersched.cli.device_checks import device_findings
from filtersched.cli.effective_settings import Effective, effective_settings, value_findings, value_text
from filtersched.cli.expression_checks import expression_findings
from filtersched.cli.filter_checks import filter_findings
from filtersched.cli.findings import Checked, Finding, names_of
from filtersched.cli.inputs import hosts_of
from filtersched.cli.listing import Column, check_listing, show_records
from filtersched.cli.load_checks import load_findings
from filtersched.cli.prefilter_checks import prefilter_findings
from filtersched.cli.profile_checks import profile_findings, profile_records
from filtersched.cli.resource_checks import resource_findings
from filtersched.cli.setting_checks import setting_findings
from filtersched.cli.terminal import Terminal
from filtersched.cli.weigher_checks import Share, shares_of, weigher_findings
from filtersched.schedulers import scheduler_from
from filtersched.settings import SchedulerConf, read_scheduler_settings, spelled

COLUMNS = (Column("check"), Column("message"))


def run(args: argparse.Namespace, conf: SchedulerConf, terminal: Terminal) -> int:
    """Run the command; 0, or 1 for warnings with --strict."""
    check_listing(args, COLUMNS)
    settings = read_scheduler_settings(conf)
    checked = Checked(conf, scheduler_from(conf), list(hosts_of(args, settings) or ()))
    shares = shares_of(checked)
    values = effective_settings(checked)
    of_settings = (*setting_findings(checked), *value_findings(checked))
    of_profiles = profile_findings(checked, _of_plugins)
    findings = list(dict.fromkeys((*of_settings, *_of_plugins(checked), *of_profiles)))
    if args.format == "text" and not args.columns and not args.sort:
        _show(terminal, checked, shares, values)
        _show_findings(terminal, findings)
    else:
        rows = [one._asdict() for one in findings]
        show_records(terminal, args, "warnings", COLUMNS, rows, further=_in_use(checked, shares, values))
    return 1 if findings and args.strict else 0


def _of_plugins(checked: Checked) -> list[Finding]:
    """The risks among the plug-ins in use and their options."""
    of_filters = (*filter_findings(checked), *prefilter_findings(checked), *device_findings(checked))
    of_weighers = weigher_findings(checked, shares_of(checked))
    further = (*expression_findings(checked), *load_findings(checked), *resource_findings(checked))
    return [*of_filters, *of_weighers, *further, *asked_findings(checked)]


def _in_use(checked: Checked, shares: Sequence[Share], values: Sequence[Effective]) -> dict[str, object]:
    """What the settings use, as plain data."""
    total = sum(share.span for share in shares)
    return {
        "driver": type(checked.scheduler).__name__,
        "filters": names_of(checked.filters),
        "weighers": [
            {
                "weigher": one.weigher,
                "multiplier": one.configured,
                "span": one.span if checked.hosts else None,
                "share": one.span / total if total else None,
            }
            for one in shares
        ],
        "settings": [one.to_dict() for one in values],
        "profiles": profile_records(checked),
    }


def _show(terminal: Terminal, checked: Checked, shares: Sequence[Share], values: Sequence[Effective]) -> None:
    terminal.line(f"Driver    {type(checked.scheduler).__name__}")
    terminal.line(f"Filters   {', '.join(names_of(checked.filters)) or 'none'}", indent=" " * 10)
    if checked.hosts and shares:
        _show_shares(terminal, checked, shares)
    else:
        said = ", ".join(f"{one.weigher} x {one.configured:g}" for one in shares)
        terminal.line(f"Weighers  {said or 'none'}", indent=" " * 10)
        if shares:
            terminal.line("          (with --inventory: what each of them really decides)")
    profiles = profile_records(checked)
    if profiles and checked.hosts and shares:
        terminal.line()
    for one in profiles:
        told = ", ".join(f"{name}={value_text(value)}" for name, value in one["settings"].items())
        who = f" (projects {', '.join(one['projects'])})" if one["projects"] else ""
        terminal.line(f"Profile   {one['name']}{who}: {told or 'as the main configuration'}", indent=" " * 10)
    terminal.line()
    given = [one for one in values if not one.is_default]
    if given:
        rows = [(spelled(one.spelling), value_text(one.value), one.place) for one in given]
        terminal.heading("Settings in effect that are not defaults")
        terminal.table(("setting", "value", "set in"), rows)
        terminal.line()


def _show_findings(terminal: Terminal, findings: Sequence[Finding]) -> None:
    for finding in findings:
        terminal.line(f"warning: {finding.check}: {finding.message}", indent="  ")
    count = len(findings)
    terminal.line("No warnings." if not count else f"{count} warning{'' if count == 1 else 's'}.")


def _show_shares(terminal: Terminal, checked: Checked, shares: Sequence[Share]) -> None:
    total = sum(share.span for share in shares)
    rows = [
        (
            one.weigher,
            f"{one.configured:g}",
            f"{min(one.contributions, default=0.0):.4g}",
            f"{max(one.contributions, default=0.0):.4g}",
            f"{100 * one.span / total:.1f} %" if total else "-",
        )
        for one in shares
    ]
    terminal.line()
    terminal.heading(f"What each weigher adds to the {len(checked.hosts)} hosts, for a request of 1 MiB, 1 vCPU, 1 GiB")
    numbers = ("multiplier", "least", "most", "share")
    terminal.table(("weigher", *numbers), rows, numbers=numbers)
