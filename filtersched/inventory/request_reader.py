"""Requests of a file."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from filtersched.errors import InventoryError
from filtersched.inventory.csv_records import Columns
from filtersched.inventory.flavor_reader import Flavors
from filtersched.inventory.flavors import flavor_from_nova, is_novas_flavor, unread_of_flavor
from filtersched.inventory.record_reader import RecordReader
from filtersched.inventory.source import Record
from filtersched.inventory.trace_rows import (
    is_server,
    kind_of_header,
    request_of_azure,
    request_of_row,
    request_of_server,
)
from filtersched.requests.request_spec import RequestSpec

# Attributes of requests that are names.
_TEXT = frozenset(
    (
        *("instance_uuid", "request_id", "project_id", "user_id", "availability_zone", "now"),
        *("flavor.name", "flavor.flavorid", "image.id", "image.name", "instance_group.policy", "instance_group.uuid"),
    )
)
_TEXT_UNDER = ("flavor.extra_specs.", "image.properties.", "scheduler_hints.query")


class RequestReader(RecordReader[RequestSpec]):
    """The requests of a file, in its order, which must be that of arrival.

    A record may also be a flavor as Nova's API or `openstack flavor show -f json` gives it: a request
    of one instance. Traces of other kinds, which `trace_rows` names, are put in order of arrival first.

    flavors : those that a trace names by name or id.
    times : when instances were created and deleted, by uuid, where a table of actions says so.

    Raises InventoryError, with path, line and field, for anything that is not a request, for one
    that arrives before the one above it, and for a file without requests. A regular file is read on to
    tell all mistakes; a pipe, which may stay open, is not.
    """

    _lists = ("requests",)
    _required = "flavor"
    _columns = Columns(RequestSpec.__annotations__, "flavor", _TEXT, _TEXT_UNDER)

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        flavors: Flavors | None = None,
        times: Mapping[str, tuple[float | None, float | None]] = MappingProxyType({}),
    ) -> None:
        super().__init__(path)
        self._latest: tuple[float, int] | None = None
        self._flavors = Flavors() if flavors is None else flavors
        self._times = times
        # Whose rows these are, of a trace that need not be in order.
        self._kind: str | None = None

    def __iter__(self) -> Iterator[RequestSpec]:
        specs = super().__iter__()
        first = next(specs, None)
        if first is None:
            return
        if self._kind is None:
            yield first
            yield from specs
            return
        # Requests without a time come first, in their order.
        lines = [(self._sorted_by(first), self.line, first)]
        lines += [(self._sorted_by(spec), self.line, spec) for spec in specs]
        lines.sort(key=lambda one: one[0])
        for _when, self.line, spec in lines:
            yield spec

    @staticmethod
    def _sorted_by(spec: RequestSpec) -> float:
        return -math.inf if spec.arrives_at is None else spec.arrives_at

    def _records(self) -> Iterator[tuple[str, Record | InventoryError]]:
        first = self._source.first().decode(errors="replace")
        names = [] if first.lstrip()[:1] in ("{", "[", "") else next(csv.reader([first]), [])
        self._kind = kind_of_header(names)
        if self._kind is not None:
            columns = [name.strip() for name in names]
            self._columns = Columns(columns, columns[0], columns)
        return super()._records()

    def _reads_on(self) -> bool:
        return self._source.size is not None

    def _is_record(self, data: Mapping[str, Any]) -> bool:
        return super()._is_record(data) or is_novas_flavor(data)

    def _items(self, name: str, record: Record) -> Sequence[RequestSpec]:
        made = self._made(record.data, self._spec)
        return made if all(map(self._has_its_time, made)) else ()

    def _spec(self, data: dict[str, Any]) -> RequestSpec:
        if self._kind == "nova":
            return RequestSpec(**request_of_row(data, self._times))
        if self._kind == "azure":
            return RequestSpec(**request_of_azure(data, self._flavors))
        flavor = data.get("flavor")
        if flavor is None and is_server(data):
            self._kind = "servers"
        if self._kind == "servers":
            return RequestSpec(**request_of_server(data, self._flavors))
        if flavor is None and is_novas_flavor(data):
            data, flavor = {"flavor": data}, data
        if flavor is None:
            raise ValueError("a request needs a 'flavor'", "flavor")
        if type(flavor) is dict and is_novas_flavor(flavor):
            self._report_unread(unread_of_flavor(flavor))
            data = {**data, "flavor": flavor_from_nova(flavor)}
        return RequestSpec.from_dict(data)

    def _named(self, data: Mapping[str, Any]) -> str | None:
        return None if self._kind is not None else super()._named(data)

    def _has_its_time(self, spec: RequestSpec) -> bool:
        """Whether the request arrives in its turn; if not, that is a mistake."""
        arrives, departs = spec.arrives_at, spec.departs_at
        if arrives is None:
            return True
        if self._kind is None and self._latest is not None and arrives < self._latest[0]:
            problem = (
                f"arrives_at is {arrives:g}, before the {self._latest[0]:g} of line {self._latest[1]}; requests "
                "must be in order of arrival"
            )
            self._mistakes.add(self._bad(problem, "arrives_at"))
            return False
        if departs is not None and departs < arrives:
            problem = f"departs_at is {departs:g}, before arrives_at, {arrives:g}"
            self._mistakes.add(self._bad(problem, "departs_at"))
            return False
        self._latest = (arrives, self.line)
        return True


def read_requests(path: str | os.PathLike[str]) -> Iterator[RequestSpec]:
    """The requests of a file one after another; see RequestReader."""
    yield from RequestReader(path)
