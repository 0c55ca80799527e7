"""The hosts and requests that a command line asks for."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from filtersched.cli.debug_log import log_inventory
from filtersched.cli.errors import UsageError
from filtersched.columns.values import naive_utc
from filtersched.errors import FilterschedError, InvalidRequest, InventoryError
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.inventory import (
    Flavors,
    RequestReader,
    fake_hosts,
    put_servers,
    read_actions,
    read_aggregates,
    read_flavors,
    read_inventory,
)
from filtersched.loading import load_host_class
from filtersched.planning.sample_trace import sample_trace
from filtersched.requests.request_spec import RequestSpec
from filtersched.settings import SchedulerSettings

if TYPE_CHECKING:
    from filtersched.shared import SharedPool

# Flags that name an input, beside --inventory.
_INPUTS = ("aggregates", "servers", "flavors", "requests", "actions", "groups")
WHICH_HOSTS = "which hosts? Give --inventory FILE, --pool URL, or --connection_type=fake for made-up ones."


def hosts_of(args: argparse.Namespace, settings: SchedulerSettings) -> Iterable[HostState] | None:
    """The hosts of the inventory, or made-up ones; None if neither was asked for."""
    _check_stdin(args)
    if getattr(args, "pool", None) is not None:
        _check_only_pool(args, settings)
        with open_shared_pool(args.pool) as pool:
            return [host.copy() for host in pool]
    host_class = load_host_class(settings)
    if args.inventory is not None:
        hosts = read_inventory(
            args.inventory,
            aggregates=None if args.aggregates is None else read_aggregates(args.aggregates),
            reserved_ram_mb=settings.reserved_host_memory_mb,
            reserved_disk_mb=settings.reserved_host_disk_mb,
            host_class=host_class,
        )
        return hosts if args.servers is None else put_servers(hosts, args.servers, flavors_of(args))
    for flag in ("aggregates", "servers"):
        if getattr(args, flag) is not None:
            raise UsageError(f"--{flag} adds to an inventory; give the --inventory too")
    if settings.connection_type == "fake":
        return fake_hosts(host_class)
    return None


def open_shared_pool(url: str) -> SharedPool:
    """The pool of a database. Raises PoolError, also where the extra is not installed."""
    from filtersched.shared import SharedPool

    return SharedPool(url)


def files_read(args: argparse.Namespace) -> list[str]:
    """The files that the command line names as input; - is the standard input."""
    given = [*(args.inventory or ()), *(getattr(args, flag, None) for flag in _INPUTS)]
    given += getattr(args, "configurations", None) or ()
    return [path for path in given if path is not None]


def _check_stdin(args: argparse.Namespace) -> None:
    if files_read(args).count("-") > 1:
        flags = ", ".join(f"--{flag}" for flag in ("inventory", *_INPUTS) if hasattr(args, flag))
        raise UsageError(f"only one of {flags} can be the standard input")


def _check_only_pool(args: argparse.Namespace, settings: SchedulerSettings) -> None:
    given = [flag for flag in ("inventory", "aggregates", "servers") if getattr(args, flag, None) is not None]
    if given or settings.connection_type == "fake":
        other = f"--{given[0]}" if given else "--connection_type=fake"
        raise UsageError(f"give either --pool or {other}, not both: the pool has the hosts and instances")


@contextlib.contextmanager
def pool_of(args: argparse.Namespace, settings: SchedulerSettings) -> Iterator[HostPool]:
    """The pool to place on: the shared one of `--pool`, or one of the hosts. Raises UsageError if there are none."""
    if args.pool is None:
        yield snapshot_of(args, settings)
        return
    _check_stdin(args)
    _check_only_pool(args, settings)
    began = time.perf_counter()
    with open_shared_pool(args.pool) as shared:
        log_inventory("a shared pool", len(shared), time.perf_counter() - began)
        yield shared


def snapshot_of(args: argparse.Namespace, settings: SchedulerSettings) -> HostPool:
    """A pool of the hosts that this command keeps to itself. Raises UsageError if the command line names none."""
    began = time.perf_counter()
    hosts = hosts_of(args, settings)
    if hosts is None:
        raise UsageError(WHICH_HOSTS)
    pool = HostPool(hosts)
    source = "a shared pool" if args.pool is not None else " and ".join(args.inventory or ["fake"])
    log_inventory(source, len(pool), time.perf_counter() - began)
    return pool


def timed(specs: Iterable[RequestSpec], args: argparse.Namespace) -> Iterator[RequestSpec]:
    """The requests, to be decided at the time that the command line gives, if it gives one."""
    now = time_of(args)
    for spec in specs:
        if now is not None:
            spec.now = now
        yield spec


def time_of(args: argparse.Namespace) -> datetime | None:
    """The time of decisions that the command line gives; None if it gives none."""
    if args.now is None:
        return None
    try:
        return naive_utc(datetime.fromisoformat(args.now))
    except ValueError:
        raise UsageError(f"--now must be a time such as 2026-01-31T12:00:00, not {args.now!r}") from None


def filters_of(args: argparse.Namespace) -> list[str] | None:
    """The filters that the command line chooses, or None for the configured ones."""
    if args.filters is None:
        return None
    names = [name.strip() for name in args.filters.split(",") if name.strip()]
    if not names:
        raise UsageError("--filters names none. To use none, write --scheduler-default-filters= instead.")
    return names


def flavors_of(args: argparse.Namespace) -> Flavors:
    """The flavors of the file that the command line names; none without one."""
    return Flavors() if args.flavors is None else read_flavors(args.flavors)


def trace_of(args: argparse.Namespace) -> Requests:
    """The requests that the command line asks for, from a file or made from flags. The caller closes them.

    Raises UsageError without any, and for both.
    """
    _check_stdin(args)
    sample = getattr(args, "sample", None)
    actions = getattr(args, "actions", None)
    if sample is not None:
        if args.requests is not None:
            raise UsageError("give either --requests or --sample, not both")
        return Requests(_sampled(args, sample))
    if args.requests is None:
        raise UsageError("which requests? Give --requests FILE, or --sample count=1000,rate=0.1,life=3600.")
    times = {} if actions is None else read_actions(actions)
    reader = RequestReader(args.requests, flavors=flavors_of(args), times=times)
    return Requests(reader, reader=reader)


def _sampled(args: argparse.Namespace, wanted: dict[str, float]) -> Iterator[RequestSpec]:
    if args.flavors is None:
        raise UsageError("--sample makes requests of flavors; give them as --flavors FILE")
    seed = 1 if args.seed is None else args.seed
    count = int(wanted["count"])
    return sample_trace(flavors_of(args), count=count, rate=wanted["rate"], life=wanted["life"], seed=seed)


class Requests:
    """The requests of a run, one after another, knowing where in the input they stand."""

    def __init__(self, specs: Iterable[RequestSpec], *, reader: RequestReader | None = None) -> None:
        self._specs = iter(specs)
        self._reader = reader
        # What was read ahead, or the error that reading it raised; each with its line.
        self._ahead: deque[tuple[RequestSpec | Exception, int]] = deque()
        self._line = 0

    def __iter__(self) -> Iterator[RequestSpec]:
        while True:
            found: RequestSpec | Exception | None
            if self._ahead:
                found, self._line = self._ahead.popleft()
            else:
                found, self._line = next(self._specs, None), self._line_read()
            if found is None:
                return
            if isinstance(found, Exception):
                raise found
            yield found

    def more_than(self, count: int) -> bool:
        """Whether more than so many requests are to come; reads no further ahead than that."""
        while len(self._ahead) <= count:
            try:
                found: RequestSpec | Exception | None = next(self._specs, None)
            except (FilterschedError, OSError) as error:
                # Raised once the requests before it are placed.
                found = error
            if found is None:
                return False
            self._ahead.append((found, self._line_read()))
            if isinstance(found, Exception):
                return len(self._ahead) > count
        return True

    def _line_read(self) -> int:
        return 0 if self._reader is None else self._reader.line

    def share_read(self) -> float | None:
        """How much of the file was read, 0 to 1; None where that is not known."""
        return None if self._reader is None else self._reader.share_read

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()

    def located(self, error: InvalidRequest) -> Exception:
        """The error of the request at hand, with path and line where it is from a file."""
        if self._reader is None or error.field == "filters":
            return error
        path, line = self._reader.path, self._line
        return InventoryError(f"{path}, line {line}: {error}", path=path, line=line, field=error.field)
