"""Reading hosts and requests: the same checks whatever the file's format.

The name tells the format (`.csv`, `.jsonl`, `.ndjson`), otherwise the content does: a JSON
list, a JSON object with `hosts`, `hypervisors` (Nova's) or `requests`, JSON Lines, or CSV.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

from filtersched.errors import FilterschedError, InventoryError, shown
from filtersched.hosts.host_lists import as_host_class
from filtersched.hosts.host_state import HostState
from filtersched.inventory.csv_records import Columns, csv_records
from filtersched.inventory.json_records import DECODER, document_records, line_records
from filtersched.inventory.nova import host_from_hypervisor, unknown_keys
from filtersched.inventory.source import Record, Source, bad_input
from filtersched.requests.request_spec import RequestSpec

LOG = logging.getLogger(__name__)

_Read = TypeVar("_Read", bound=HostState | RequestSpec)
_Host = TypeVar("_Host", bound=HostState)
_HYPERVISORS = "hypervisors"
# What a document may have beside the list that a reader wants; the links are Nova's.
_READ_BY_OTHERS = frozenset(("version", "hosts", "requests", _HYPERVISORS, "hypervisors_links"))


class _Reader(Generic[_Read]):
    """Iterates over a file once. `line` is where the item at hand begins."""

    _lists: tuple[str, ...]
    _columns: Columns

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.line: int = 0
        self._unread: set[str] = set()
        self._source = Source(path)
        self.path: str = self._source.path

    @property
    def share_read(self) -> float | None:
        """How much of the file was read, 0 to 1; None where its size is not known."""
        source = self._source
        return source.read_bytes / source.size if source.size else None

    def close(self) -> None:
        """Close the file; reading it to its end does that too."""
        self._source.close()

    def __iter__(self) -> Iterator[_Read]:
        empty = True
        try:
            name, records = self._records()
            for record in records:
                self.line = record.line
                for item in self._items(name, record):
                    empty = False
                    yield item
        finally:
            self._source.close()
        if empty:
            raise bad_input(self.path, None, f"holds no {self._lists[0]}")

    def _records(self) -> tuple[str, Iterator[Record]]:
        source = self._source
        kind = _kind(self.path, source.first(), self._lists)
        if kind == "csv":
            return self._lists[0], csv_records(source, self._columns)
        if kind == "lines":
            return self._lists[0], line_records(source)
        name, records, others = document_records(source, self._lists)
        self._report_unread([key for key in others if key not in _READ_BY_OTHERS])
        return name, iter(records)

    def _report_unread(self, keys: Iterable[str]) -> None:
        """Warn of keys that are not read, once of each."""
        new = [key for key in keys if key not in self._unread]
        if new:
            self._unread.update(new)
            LOG.warning("%s, line %d: not read: %s", self.path, self.line or 1, ", ".join(map(shown, new)))

    def _items(self, name: str, record: Record) -> Iterator[_Read]:
        raise NotImplementedError

    def _made(self, make: Callable[[], _Read | None]) -> Iterator[_Read]:
        """What `make` makes, if anything; its errors become errors of this line."""
        try:
            made = make()
        except InventoryError:
            raise
        except FilterschedError as error:
            field = getattr(error, "attribute", None) or getattr(error, "field", None)
            raise self._bad(str(error), field) from error
        except RecursionError as error:
            raise self._bad("values are nested too deep", None) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            field = error.args[1] if len(error.args) == 2 and isinstance(error.args[1], str) else None
            raise self._bad(str(error.args[0]) if error.args else str(error), field) from error
        if made is not None:
            yield made

    def _bad(self, problem: str, field: str | None) -> InventoryError:
        return bad_input(self.path, self.line, problem, field=field)


def _kind(path: str, first: bytes, lists: Sequence[str]) -> str:
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".csv":
        return "csv"
    start = first.lstrip()[:1]
    if suffix in (".jsonl", ".ndjson"):
        return "lines"
    if start == b"[":
        return "document"
    if start != b"{":
        return "csv" if start and suffix != ".json" else "lines"
    try:
        whole = DECODER.decode(first.decode())
    except json.JSONDecodeError as error:
        # A line that ends in the middle of an object begins a document; a bad record does not.
        return "document" if error.pos >= len(first.rstrip()) or suffix == ".json" else "lines"
    except (ValueError, RecursionError):
        return "lines"
    return "document" if any(name in whole for name in lists) else "lines"


class HostReader(_Reader[_Host]):
    """The hosts of a file, in its order.

    host_class : the class of the hosts; records and CSV columns may set each of its attributes.
    reserved_ram_mb, reserved_disk_mb : what a host keeps for itself, in MiB. Taken off where a record
        tells a total and not what is free of it; what is free was measured with it.

    Raises InventoryError, with path, line and field, for anything that is not a host, for a second
    host (or node) of the same name, and for a file without hosts.
    """

    _lists = ("hosts", _HYPERVISORS)

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
        self._host_class: type[_Host] = host_class
        attributes = host_class.attributes.values()
        self._columns = Columns(host_class.attributes, "host", {one.name for one in attributes if one.kind.is_text})
        self._reserved = {"ram": reserved_ram_mb, "disk": reserved_disk_mb}
        self._lines: dict[tuple[str, str], int] = {}

    def _items(self, name: str, record: Record) -> Iterator[_Host]:
        for host in self._made(lambda: self._host(name, record.data)):
            first = self._lines.setdefault((host.host, host.nodename), record.line)
            if first != record.line:
                node = "" if host.nodename == host.host else f", node {host.nodename!r},"
                raise self._bad(f"host {host.host!r}{node} stands there twice, first on line {first}", "host")
            yield host

    def _host(self, name: str, data: dict[str, Any]) -> _Host | None:
        if name != _HYPERVISORS:
            return self._host_class.from_dict(self._with_free(data))
        self._report_unread(unknown_keys(data))
        attributes = host_from_hypervisor(data)
        if attributes is None:
            LOG.warning("%s, line %d: a hypervisor without a service is left out.", self.path, self.line)
            return None
        return self._host_class.from_dict(attributes)

    def _with_free(self, data: dict[str, Any]) -> dict[str, Any]:
        """The record with what is free, where only the total is given: all but the reserve."""
        for what, total, free, unit in (
            ("ram", "total_usable_ram_mb", "free_ram_mb", 1),
            ("disk", "total_usable_disk_gb", "free_disk_mb", 1024),
        ):
            if isinstance(data.get(total), int | float) and data.get(free) is None:
                data = {**data, free: data[total] * unit - self._reserved[what]}
        return data


# Attributes of requests that are names.
_TEXT = frozenset(
    (
        *("instance_uuid", "request_id", "project_id", "user_id", "availability_zone", "now"),
        *("flavor.name", "flavor.flavorid", "image.id", "image.name", "instance_group.policy", "instance_group.uuid"),
    )
)
_TEXT_UNDER = ("flavor.extra_specs.", "image.properties.", "scheduler_hints.query")


class RequestReader(_Reader[RequestSpec]):
    """The requests of a file, in its order, which must be that of arrival.

    Raises InventoryError, with path, line and field, for anything that is not a request, for one
    that arrives before the one above it, and for a file without requests.
    """

    _lists = ("requests",)
    _columns = Columns(RequestSpec.__annotations__, "flavor", _TEXT, _TEXT_UNDER)

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self._latest: tuple[float, int] | None = None

    def _items(self, name: str, record: Record) -> Iterator[RequestSpec]:
        if record.data.get("flavor") is None:
            raise self._bad("a request needs a 'flavor'", "flavor")
        for spec in self._made(lambda: RequestSpec.from_dict(record.data)):
            self._check_times(spec)
            yield spec

    def _check_times(self, spec: RequestSpec) -> None:
        arrives, departs = spec.arrives_at, spec.departs_at
        if arrives is None:
            return
        if self._latest is not None and arrives < self._latest[0]:
            raise self._bad(
                f"arrives_at is {arrives:g}, before the {self._latest[0]:g} of line {self._latest[1]}; requests "
                "must be in order of arrival",
                "arrives_at",
            )
        if departs is not None and departs < arrives:
            raise self._bad(f"departs_at is {departs:g}, before arrives_at, {arrives:g}", "departs_at")
        self._latest = (arrives, self.line)


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


def read_requests(path: str | os.PathLike[str]) -> Iterator[RequestSpec]:
    """The requests of a file one after another; see RequestReader."""
    yield from RequestReader(path)
