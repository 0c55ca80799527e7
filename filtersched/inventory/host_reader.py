"""Hosts of a file, and of several files together."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, overload

from filtersched.columns.lasting import without_collections
from filtersched.errors import InvalidHost, InventoryError, shown
from filtersched.hosts.host_lists import as_host_class
from filtersched.hosts.host_state import HostState
from filtersched.hosts.host_values import Aggregate
from filtersched.inventory.csv_records import Columns
from filtersched.inventory.mistakes import Mistakes
from filtersched.inventory.nova import host_from_hypervisor, in_novas_words, is_hypervisor, unknown_keys
from filtersched.inventory.record_reader import RecordReader
from filtersched.inventory.source import Record, bad_input

LOG = logging.getLogger(__name__)

_Host = TypeVar("_Host", bound=HostState)
_HYPERVISORS = "hypervisors"
_LINKS = "hypervisors_links"
# A file is read in batches of so many hosts, or of about so many bytes if that is fewer hosts.
_BATCH, _BATCH_BYTES = 1000, 4 * 2**20


class _Together:
    """What the readers of one inventory share: names that were read, mistakes, and Nova's pages."""

    def __init__(self) -> None:
        self.mistakes: Mistakes = Mistakes()
        # The line of each host or, if it has several, of its nodes, by file.
        self.seen: dict[str, dict[str | tuple[str, str], int]] = {}
        # The first page that says another one follows, and whether a last page was read.
        self._open: InventoryError | None = None
        self._has_last = False

    def note_page(self, path: str, line: int, links: Any) -> None:
        """Note a page of Nova's answer, by its `hypervisors_links`."""
        following = links if isinstance(links, list) else ()
        address = next((one.get("href") for one in following if type(one) is dict and one.get("rel") == "next"), None)
        if address is None:
            self._has_last = True
        elif self._open is None:
            problem = (
                f"this is one page of Nova's answer, and the next one is at {shown(address)}. Fetch all pages and give "
                "them together, each as a file or one after another in a file"
            )
            self._open = bad_input(path, line or None, problem, field=_LINKS)

    def check(self) -> None:
        """Raise what was found wrong with the inventory as a whole, if anything."""
        if self._open is not None and not self._has_last and not self.mistakes:
            self.mistakes.add(self._open)
        if self.mistakes:
            raise self.mistakes.error()


class HostReader(RecordReader[_Host]):
    """The hosts of a file, in its order.

    host_class : the class of the hosts; records and CSV columns may set each of its attributes.
    reserved_ram_mb, reserved_disk_mb : what a host keeps for itself, in MiB. Taken off where a record
        tells a total and not what is free of it; what is free was measured with it.

    A file is read up to 1000 hosts ahead of the one that is given out; a pipe is not.

    Raises InventoryError, with path, line and field, for anything that is not a host, for a second
    host (or node) of the same name, for a page of Nova's answer without those that follow, and for a
    file without hosts.
    """

    _lists = ("hosts", _HYPERVISORS)
    _singles = {"hypervisor": _HYPERVISORS}
    _required = "host"

    @overload
    def __init__(
        self: HostReader[HostState],
        path: str | os.PathLike[str],
        *,
        reserved_ram_mb: float = 0,
        reserved_disk_mb: float = 0,
    ) -> None: ...
    @overload
    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        reserved_ram_mb: float = 0,
        reserved_disk_mb: float = 0,
        host_class: type[_Host],
    ) -> None: ...
    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        reserved_ram_mb: float = 0,
        reserved_disk_mb: float = 0,
        host_class: type[Any] = HostState,
    ) -> None:
        as_host_class(host_class)
        super().__init__(path)
        self._join(_Together())
        self._shares_mistakes = False
        self._host_class: type[_Host] = host_class
        attributes = host_class.attributes.values()
        self._columns = Columns(host_class.attributes, "host", {one.name for one in attributes if one.kind.is_text})
        self._reserved = {"ram": reserved_ram_mb, "disk": reserved_disk_mb}

    def _join(self, together: _Together) -> None:
        """Be one of the readers of an inventory."""
        self._together = together
        self._mistakes = together.mistakes
        self._shares_mistakes = True

    def _end(self) -> None:
        self._together.check()

    def __iter__(self) -> Iterator[_Host]:
        if self._source.size is None:
            # Such as a pipe, from which each host may come at its time.
            yield from super().__iter__()
            return
        lined = self._lined()
        while True:
            batch, problem = self._batch(lined)
            reached = self.line
            for line, host in batch:
                self.line = line
                yield host
            self.line = reached
            if problem is not None:
                try:
                    raise problem
                finally:
                    # It knows this frame, and would be garbage only the collector could free.
                    del problem
            if not batch:
                return

    def _batch(self, lined: Iterator[tuple[int, _Host]]) -> tuple[list[tuple[int, _Host]], Exception | None]:
        """The next hosts with their lines, none at the end; and the exception that came instead of a further one.

        The garbage collector waits meanwhile, see `without_collections`, and not while the caller has a host.
        """
        batch: list[tuple[int, _Host]] = []
        most_bytes = self._source.read_bytes + _BATCH_BYTES
        with without_collections():
            try:
                for one in lined:
                    batch.append(one)
                    if len(batch) == _BATCH or self._source.read_bytes > most_bytes:
                        break
            except Exception as problem:
                # Mistakes, or what the caller's class of hosts raised: after the hosts before it were given out.
                return batch, problem
        return batch, None

    def _is_record(self, data: Mapping[str, Any]) -> bool:
        return super()._is_record(data) or is_hypervisor(data)

    def _beside(self, name: str, others: Mapping[str, Any]) -> None:
        super()._beside(name, others)
        if name == _HYPERVISORS:
            self._together.note_page(self.path, self.line, others.get(_LINKS))

    def _items(self, name: str, record: Record) -> Sequence[_Host]:
        is_novas = name == _HYPERVISORS or is_hypervisor(record.data)
        for host in self._made(record.data, self._from_nova if is_novas else self._from_record):
            seen = self._together.seen
            key = host.host if host.nodename == host.host else (host.host, host.nodename)
            path = next((path for path, lines in seen.items() if key in lines), None)
            if path is None:
                seen.setdefault(self.path, {})[key] = record.line
                return (host,)
            line = seen[path][key]
            where = f"on line {line}" if path == self.path else f"in {path}, line {line}"
            node = "" if host.nodename == host.host else f", node {host.nodename!r},"
            self._mistakes.add(self._bad(f"host {host.host!r}{node} stands there twice, first {where}", "host"))
        return ()

    def _from_record(self, data: dict[str, Any]) -> _Host:
        return self._host_class.from_dict(self._with_free(data))

    def _from_nova(self, data: dict[str, Any]) -> _Host | None:
        self._report_unread(unknown_keys(data))
        attributes = host_from_hypervisor(data)
        if attributes is None:
            LOG.warning("%s, line %d: a hypervisor without a service is left out.", self.path, self.line)
            return None
        try:
            return self._host_class.from_dict(attributes)
        except InvalidHost as error:
            raise in_novas_words(error, data) from None

    def _without(self, data: dict[str, Any], field: str) -> dict[str, Any] | None:
        # A hypervisor without its service is no host.
        return None if field == "service" and is_hypervisor(data) else super()._without(data, field)

    def _with_free(self, data: dict[str, Any]) -> dict[str, Any]:
        """The record with what is free, where only the total is given: all but the reserve."""
        if data.get("free_ram_mb") is not None and data.get("free_disk_mb") is not None:
            return data
        for what, total, free, unit in (
            ("ram", "total_usable_ram_mb", "free_ram_mb", 1),
            ("disk", "total_usable_disk_gb", "free_disk_mb", 1024),
        ):
            if isinstance(data.get(total), int | float) and data.get(free) is None:
                data = {**data, free: data[total] * unit - self._reserved[what]}
        return data


@overload
def read_hosts(
    path: str | os.PathLike[str], *, reserved_ram_mb: float = 0, reserved_disk_mb: float = 0
) -> Iterator[HostState]: ...
@overload
def read_hosts(
    path: str | os.PathLike[str],
    *,
    reserved_ram_mb: float = 0,
    reserved_disk_mb: float = 0,
    host_class: type[_Host],
) -> Iterator[_Host]: ...
def read_hosts(
    path: str | os.PathLike[str],
    *,
    reserved_ram_mb: float = 0,
    reserved_disk_mb: float = 0,
    host_class: type[Any] = HostState,
) -> Iterator[Any]:
    """The hosts of a file one after another; see HostReader."""
    yield from HostReader(
        path, reserved_ram_mb=reserved_ram_mb, reserved_disk_mb=reserved_disk_mb, host_class=host_class
    )


def read_inventory(
    paths: Iterable[str | os.PathLike[str]],
    *,
    aggregates: Mapping[str, Sequence[Aggregate]] | None = None,
    reserved_ram_mb: float = 0,
    reserved_disk_mb: float = 0,
    host_class: type[Any] = HostState,
) -> Iterator[Any]:
    """The hosts of several files as one inventory, file by file; see HostReader.

    aggregates : the aggregates of each host by its name, as `read_aggregates` gives them. They are
        added to those that a host has, and stand for those of the same name.

    A host that stands in two of the files is a mistake. The mistakes of all files are raised together.
    """
    together = _Together()
    unknown = dict.fromkeys(aggregates or ())
    for path in paths:
        reader: HostReader[Any] = HostReader(
            path,
            reserved_ram_mb=reserved_ram_mb,
            reserved_disk_mb=reserved_disk_mb,
            host_class=host_class,
        )
        reader._join(together)
        for host in reader:
            if aggregates is not None and host.host in aggregates:
                unknown.pop(host.host, None)
                given = aggregates[host.host]
                names = {one.name for one in given}
                host.aggregates = [*(one for one in host.aggregates if one.name not in names), *given]
            yield host
    together.check()
    if unknown:
        few = ", ".join(map(shown, [*unknown][:5]))
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        LOG.warning("Hosts of aggregates that are not in the inventory: %s%s", few, more)
