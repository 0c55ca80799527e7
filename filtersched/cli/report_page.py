"""The page of --report: begun before the run, so that nothing is computed for a file that cannot be written."""

from __future__ import annotations

import argparse
import functools
import os
import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from filtersched import __version__
from filtersched.cli.effective_settings import effective_settings, value_text
from filtersched.cli.errors import UsageError
from filtersched.cli.findings import Checked
from filtersched.cli.inputs import files_read
from filtersched.cli.output import Output
from filtersched.cli.terminal import Terminal
from filtersched.planning.html_report import HtmlReport
from filtersched.planning.report_sections import Section, Table, check_report_packages
from filtersched.settings import SchedulerConf
from filtersched.settings.options import spelled

# The password of a URL, which reaches no page.
_PASSWORD = re.compile(r"(://[^/@\s:]*:)[^/@\s]*@")


def begin_page(args: argparse.Namespace, terminal: Terminal, stack: ExitStack) -> ReportPage | None:
    """The page that the command line asks for, closed by `stack`; None without --report."""
    if args.report is None:
        return None
    check_report_packages()
    other = getattr(args, "output", None)
    if other is not None and os.path.realpath(other) == os.path.realpath(args.report):
        raise UsageError(f"--output and --report are both {args.report!r}; give each a file of its own")
    output = stack.enter_context(Output(args.report, inputs=files_read(args), flag="--report"))
    if output.is_stdout:
        # The page is what a program reads there.
        terminal.use_stderr()
    output.begin()
    return ReportPage(args, output)


_Run = Callable[[argparse.Namespace, SchedulerConf, Terminal], int]
_Paged = Callable[[argparse.Namespace, SchedulerConf, Terminal, "ReportPage | None"], int]


def with_page(command: _Paged) -> _Run:
    """A command that is given its page, or None without --report, and may write it."""

    @functools.wraps(command)
    def run(args: argparse.Namespace, conf: SchedulerConf, terminal: Terminal) -> int:
        with ExitStack() as stack:
            return command(args, conf, terminal, begin_page(args, terminal, stack))

    return run


class ReportPage:
    """A page that is written when the command knows what came of the run."""

    def __init__(self, args: argparse.Namespace, output: Output) -> None:
        self._args = args
        self._output = output

    def write(
        self,
        facts: Iterable[tuple[str, Any]],
        sections: Iterable[Section],
        *,
        conf: SchedulerConf | None = None,
        scheduler: Any = None,
    ) -> None:
        """Write the page.

        facts : (name, value) of the run; the command line, the version and the time stand before them.
        conf, scheduler : whose settings the page lists; None lists none.
        """
        command = shlex.join(["filtersched", *self._args.argv])
        first = [
            ("command", _PASSWORD.sub(r"\1****@", command)),
            ("made", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC by filtersched {__version__}"),
        ]
        settings, defaults = ((), ()) if conf is None else _settings(conf, scheduler)
        shown = list(sections)
        if defaults:
            shown.append(Table("Defaults in effect", ("setting", "value"), defaults, is_long=True))
        report = HtmlReport(f"filtersched {self._args.command}", [*first, *facts], settings, shown)
        self._output.write_text(report.html())


def _settings(
    conf: SchedulerConf, scheduler: Any
) -> tuple[Sequence[tuple[str, str, str]], Sequence[tuple[str, str]]]:
    """The settings that something sets, the plug-ins in use before them; and the defaults."""
    checked = Checked(conf, scheduler, ())
    used = [
        (what, ", ".join(type(one).__name__ for one in plugins) or "(none)", "in use")
        for what, plugins in (("filters", checked.filters), ("weighers", checked.weighers))
    ]
    found = effective_settings(checked)
    own = [(spelled(one.spelling), value_text(one.value), one.place) for one in found if not one.is_default]
    return [*used, *own], [(spelled(one.spelling), value_text(one.value)) for one in found if one.is_default]
