"""RowCaches: what was made of all hosts of a pool, made to fit when one comes or goes."""

from __future__ import annotations

import contextlib
from typing import Any, NamedTuple

from filtersched.columns.column import Column, with_row, without_row
from filtersched.columns.distinct_values import Codes
from filtersched.hosts.declared_items import Name, read
from filtersched.hosts.host_state import HostState
from filtersched.hosts.instance_index import InstanceIndex

# The value of an attribute that a host does not have.
MISSING = object()


class RowCaches(NamedTuple):
    """Columns and codes by attribute, names in order of rows, and the index of instances."""

    columns: dict[str, Column] = {}
    codes: dict[tuple[Name, ...], Codes] = {}
    names: list[str] | None = None
    instances: InstanceIndex | None = None

    def with_host(self, host: HostState) -> RowCaches:
        """With one more row for a host; codes and index are changed in place. What it does not fit in is left out."""
        columns, codes, instances = {}, {}, None
        with contextlib.suppress(Exception):
            # The boundary to a class derived from HostState: what is left out is read anew.
            for attribute, column in self.columns.items():
                longer = with_row(column, getattr(host, attribute))
                if longer is not None:
                    columns[attribute] = longer
            for attributes, coded in self.codes.items():
                coded.append(coded_value(host, attributes))
                codes[attributes] = coded
            if self.instances is not None:
                self.instances.append(host.instances)
                instances = self.instances
        names = None if self.names is None else [*self.names, host.host]
        return RowCaches(columns, codes, names, instances)

    def without_row(self, row: int) -> RowCaches:
        """Without a row; codes and index are changed in place."""
        for coded in self.codes.values():
            coded.remove(row)
        if self.instances is not None:
            self.instances.remove(row)
        names = None if self.names is None else self.names[:row] + self.names[row + 1 :]
        columns = {attribute: without_row(column, row) for attribute, column in self.columns.items()}
        return RowCaches(columns, self.codes, names, self.instances)


def coded_value(host: HostState, attributes: tuple[Name, ...]) -> Any:
    """What is coded of a host: the value of the attribute or its items, or the values of several."""
    values = tuple(read(host, attribute, MISSING) for attribute in attributes)
    return values[0] if len(values) == 1 else values
