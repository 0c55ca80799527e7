"""filtersched compare: several configurations on the same trace."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from filtersched.cli.compare_page import compare_facts, compare_sections
from filtersched.cli.errors import UsageError
from filtersched.cli.inputs import WHICH_HOSTS, files_read, filters_of, hosts_of, timed, trace_of
from filtersched.cli.listing import write_json
from filtersched.cli.report_page import begin_page
from filtersched.cli.terminal import Terminal
from filtersched.errors import FilterschedError
from filtersched.hosts.host_state import HostState
from filtersched.planning.comparing import NothingToCompare, compare
from filtersched.planning.comparison import Comparison, Failure
from filtersched.planning.dask_runner import DaskRunner
from filtersched.planning.journal import Journal
from filtersched.planning.runners import LocalRunner, Runner
from filtersched.planning.runs import Configuration
from filtersched.settings import SchedulerConf, make_conf, read_scheduler_settings, without_files

_MOST_SEEDS = 100_000


def run(args: argparse.Namespace, conf: SchedulerConf, terminal: Terminal) -> int:
    """Run the command; 0 if every run succeeded, else 1."""
    if not args.configurations:
        raise UsageError("which configurations? Name the settings files: filtersched compare a.conf b.conf …")
    if args.resume and args.results is None:
        raise UsageError("--resume goes on from a file of results; name it by --results FILE")
    if args.jobs is not None and args.dask not in (None, "local"):
        raise UsageError("--jobs is for this machine; a Dask cluster has its own workers")
    if args.seeds > _MOST_SEEDS:
        raise UsageError(f"--seeds is at most {_MOST_SEEDS:,}, not {args.seeds:,}")
    _check_files(args)
    unusable: list[Failure] = []
    configurations = _configurations(args, conf, unusable)
    for failure in unusable:
        _tell(terminal, failure)
    if not configurations:
        raise NothingToCompare("no configuration can be used", failures=unusable)
    hosts, runner = _Hosts(args), _runner(args)
    with contextlib.ExitStack() as stack:
        page = begin_page(args, terminal, stack)
        comparison = _compared(args, terminal, configurations, hosts, runner)
        comparison = replace(comparison, failures=(*unusable, *comparison.failures))
        if page is not None:
            page.write(compare_facts(comparison), compare_sections(comparison, hosts.any()))
    _show(terminal, args, comparison)
    return 1 if comparison.failures else 0


def _check_files(args: argparse.Namespace) -> None:
    """Raise UsageError if the results would overwrite what is read."""
    if args.results is None:
        return
    for path in (*files_read(args), args.report):
        if path is not None and os.path.realpath(path) == os.path.realpath(args.results):
            raise UsageError(f"--results {args.results!r} would overwrite another file of the command; name a new one")


def _compared(
    args: argparse.Namespace,
    terminal: Terminal,
    configurations: Sequence[Configuration],
    hosts: _Hosts,
    runner: Runner,
) -> Comparison:
    with contextlib.closing(trace_of(args)) as trace:
        requests = list(timed(trace, args))
    journal = None if args.results is None else Journal(args.results, resume=args.resume)
    done = 0.0
    with terminal.progress("placing", lambda: done) as step, journal or contextlib.nullcontext():

        def progress(share: float) -> None:
            nonlocal done
            done = share
            step()

        return compare(
            configurations,
            hosts,
            requests,
            seeds=range(args.seed, args.seed + args.seeds),
            filters=filters_of(args),
            capacity_filters=args.capacity_filters,
            runner=runner,
            journal=journal,
            progress=progress,
            failed=lambda failure: _tell(terminal, failure),
        )


class _Hosts:
    """The hosts of the command line as a configuration wants them, read once for all that want the same."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._read: dict[Any, list[HostState]] = {}

    def __call__(self, conf: SchedulerConf) -> list[HostState]:
        settings = read_scheduler_settings(conf)
        key: Any = settings.host_class, settings.reserved_host_memory_mb, settings.reserved_host_disk_mb
        if self._args.pool is not None:
            # Others change it meanwhile, and all configurations begin with the same hosts.
            key = None
        if key not in self._read:
            if self._read and "-" in files_read(self._args):
                raise UsageError(
                    "the configurations differ in what hosts are, and the standard input is read once; give files"
                )
            hosts = hosts_of(self._args, settings)
            if hosts is None:
                raise UsageError(WHICH_HOSTS)
            self._read[key] = list(hosts)
        return self._read[key]

    def any(self) -> list[HostState]:
        """The hosts of one of the configurations."""
        return next(iter(self._read.values()), [])


def _configurations(args: argparse.Namespace, conf: SchedulerConf, unusable: list[Failure]) -> list[Configuration]:
    """The configurations that the command line names, each on top of its settings and files."""
    # They were read already, so that they can be.
    base = [(path, _text(path)) for path in conf.default_config_files or ()]
    flags = without_files(args.settings)
    found = []
    names = _names(args.configurations)
    for name, path in zip(names, args.configurations, strict=True):
        try:
            files = (*base, (path, _text(path)))
            # Settings of the wrong kind are told with the path of their file.
            make_conf(flags, files=[*(known for known, _known in base), path])
        except FilterschedError as error:
            unusable.append(Failure(name, None, str(error)))
        else:
            found.append(Configuration(name, files, tuple(flags)))
    return found


def _names(paths: Sequence[str]) -> list[str]:
    """The files' names without their folders, where that tells them apart."""
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise UsageError(f"the configuration {twice!r} is named twice")
    short = [os.path.basename(path) for path in paths]
    return short if len(set(short)) == len(short) else list(paths)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8-sig") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        problem = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"the file cannot be read: {problem}") from None


def _runner(args: argparse.Namespace) -> Runner:
    return LocalRunner(args.jobs) if args.dask is None else DaskRunner(args.dask, jobs=args.jobs)


def _tell(terminal: Terminal, failure: Failure) -> None:
    terminal.note(f"filtersched: failed: {failure}")


def _show(terminal: Terminal, args: argparse.Namespace, comparison: Comparison) -> None:
    if args.format == "json":
        write_json(terminal.out, comparison.to_dict())
        return
    # Names of files are shown as they are.
    rows = [[row["metric"], *(row[name] for name in comparison.names)] for row in comparison.rows()]
    terminal.table(["metric", *comparison.names], rows, numbers=comparison.names)
    terminal.line()
    for words in comparison.timings():
        terminal.line(words)
    requests = next(iter(comparison.results[comparison.names[0]].values()))["requests"]
    terminal.line(
        f"{requests:,} requests; in brackets the difference from {comparison.names[0]}"
        + (f"; ± is the deviation over {len(comparison.seeds)} seeds." if len(comparison.seeds) > 1 else ".")
    )
