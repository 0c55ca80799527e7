"""Flavors of a file, by name and id: those of the openstack command, of Nova's API, or in the words of requests.

`openstack flavor list --long -f json`, Nova's `GET /flavors/detail`, `openstack flavor show -f json`, and CSV
or JSON with `name` or `flavorid`, `vcpus`, `memory_mb` and, where wanted, `root_gb`, `ephemeral_gb`, `swap`
and `extra_specs`; a types file of a packing trace may call the id `vmTypeId`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from filtersched.errors import InventoryError, nearest
from filtersched.inventory.csv_records import Columns
from filtersched.inventory.flavors import flavor_from_nova, is_novas_flavor, unread_of_flavor
from filtersched.inventory.record_reader import RecordReader
from filtersched.inventory.source import Record, bad_input
from filtersched.requests.request_values import Flavor

# What `openstack flavor list --long` calls Nova's fields.
_LISTED = {
    "ID": "id",
    "Name": "name",
    "RAM": "ram",
    "VCPUs": "vcpus",
    "Disk": "disk",
    "Ephemeral": "ephemeral",
    "Swap": "swap",
    "Properties": "properties",
    "Is Public": "is_public",
    "RXTX Factor": "rxtx_factor",
}
_IDS = ("flavorid", "vmTypeId", "vmtypeid", "type", "id")
_OURS = ("name", "flavorid", "memory_mb", "vcpus", "root_gb", "ephemeral_gb", "swap", "extra_specs")
# Columns of Azure's own table of types: parts of a machine, not amounts.
_FRACTIONS = ("core", "memory")


class Flavors:
    """Flavors by name and by id."""

    def __init__(self, path: str | None = None) -> None:
        self.path = path
        self._by_name: dict[str, Flavor] = {}

    def add(self, flavor: Flavor) -> str | None:
        """Add a flavor; the name that another one has already, or None."""
        names = [str(one) for one in (flavor.name, flavor.flavorid) if one not in (None, "")]
        for name in names:
            if self._by_name.setdefault(name, flavor) is not flavor:
                return name
        return None

    def __len__(self) -> int:
        return len({id(one) for one in self._by_name.values()})

    def __iter__(self) -> Iterator[Flavor]:
        return iter({id(one): one for one in self._by_name.values()}.values())

    def get(self, *names: Any) -> Flavor | None:
        """The flavor that one of these names or ids means."""
        return next((self._by_name[str(name)] for name in names if str(name) in self._by_name), None)

    def wanted(self, *names: Any) -> Flavor:
        """The same; raises ValueError, its second argument the field, where none of them is known."""
        found = self.get(*names)
        if found is None:
            name = next(str(one) for one in names if one not in (None, ""))
            where = "give the flavors as --flavors FILE" if self.path is None else f"{self.path} has no such flavor"
            raise ValueError(f"flavor {name!r}: {where}. {nearest(name, self._by_name)}".rstrip(), "flavor")
        return found


class FlavorReader(RecordReader[Flavor]):
    """The flavors of a file, in its order. Raises InventoryError for anything that is not a flavor."""

    _lists = ("flavors",)
    _singles = {"flavor": "flavors"}
    _required = "name"
    _columns = Columns((*_OURS, *_IDS), "vcpus", (*_IDS, "name"), ("extra_specs.",))

    def _is_record(self, data: Mapping[str, Any]) -> bool:
        return super()._is_record(data) or is_novas_flavor(data)

    def _records(self) -> Iterator[tuple[str, Record | InventoryError]]:
        header = {name.strip() for name in self._source.first().decode(errors="replace").split(",")}
        if header.issuperset(_FRACTIONS):
            raise bad_input(
                self.path,
                self._source.line + 1,
                "core and memory of this table are parts of a machine; multiply them by the machine's size and call "
                "them vcpus and memory_mb",
                field="core",
            )
        return super()._records()

    def _items(self, name: str, record: Record) -> Iterable[Flavor]:
        return self._made(record.data, self._flavor)

    def _flavor(self, data: dict[str, Any]) -> Flavor:
        if "RAM" in data and "VCPUs" in data:
            data = {_LISTED.get(key, key): value for key, value in data.items()}
        if is_novas_flavor(data):
            self._report_unread(unread_of_flavor(data))
            return Flavor.of(flavor_from_nova(data), "flavor")
        if "vcpus" not in data or "memory_mb" not in data:
            raise ValueError("a flavor needs 'vcpus' and 'memory_mb'", "vcpus")
        known = {key: value for key, value in data.items() if key not in _IDS}
        flavorid = next((data[key] for key in _IDS if data.get(key) is not None), None)
        if flavorid is None and not data.get("name"):
            raise ValueError("a flavor needs a 'name' or an id", "name")
        self._report_unread(sorted(key for key in known if key not in _OURS))
        fields = {key: value for key, value in known.items() if key in _OURS}
        return Flavor.of({"name": str(data.get("name") or flavorid), **fields, "flavorid": flavorid}, "flavor")


def read_flavors(path: str | os.PathLike[str]) -> Flavors:
    """The flavors of a file by name and id. Raises InventoryError, also for a name that two have."""
    reader = FlavorReader(path)
    flavors = Flavors(reader.path)
    for flavor in reader:
        twice = flavors.add(flavor)
        if twice is not None:
            raise InventoryError(
                f"{reader.path}, line {reader.line}: a second flavor is called {twice!r}",
                path=reader.path,
                line=reader.line,
                field="name",
            )
    return flavors
