"""What runs now: servers as `openstack server list --long -f json` prints them, put on the hosts of an inventory."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from filtersched.errors import InventoryError, nearest, shown
from filtersched.hosts.host_state import HostState
from filtersched.inventory.csv_records import Columns
from filtersched.inventory.flavor_reader import Flavors
from filtersched.inventory.record_reader import RecordReader
from filtersched.inventory.source import Record, bad_input
from filtersched.inventory.trace_rows import is_server, server_flavor
from filtersched.requests.instance import Instance
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.request_values import Flavor

LOG = logging.getLogger(__name__)

_COLUMNS = ("ID", "Name", "Status", "Host", "Flavor", "Flavor Name", "Flavor ID", "Image ID", "Project ID", "User ID")


@dataclass(frozen=True, slots=True)
class Server:
    """A server of the list, and where in the file it is; `flavor` is None where the flavors do not have it."""

    uuid: str
    host: str
    flavor: Flavor | None
    flavor_name: str
    fields: Mapping[str, Any]
    path: str
    line: int


class ServerReader(RecordReader[Server]):
    """The servers of a file that are on a host. Raises InventoryError for a list that does not tell hosts."""

    _lists = ("servers",)
    _required = "ID"
    _columns = Columns(_COLUMNS, "ID", _COLUMNS)

    def __init__(self, path: str | os.PathLike[str], flavors: Flavors) -> None:
        super().__init__(path)
        self._flavors = flavors
        #: How many servers are on no host, such as shelved ones.
        self.without_host: int = 0

    def _items(self, name: str, record: Record) -> Iterator[Server]:
        if not is_server(record.data):
            self._mistakes.add(self._bad("not a server as openstack server list --long -f json prints it", "ID"))
            return
        if "Host" not in record.data:
            said = "the list has no hosts; as an administrator: openstack server list --all-projects --long -f json"
            self._mistakes.add(self._bad(said, "Host"))
            return
        yield from self._made(record.data, self._server)

    def _server(self, data: dict[str, Any]) -> Server | None:
        if data["Host"] in (None, "", "None"):
            self.without_host += 1
            return None
        names = server_flavor(data)
        fields = {
            "project_id": data.get("Project ID") or None,
            "user_id": data.get("User ID") or None,
            "image_ref": data.get("Image ID") if _is_image(data.get("Image ID")) else None,
        }
        known = self._flavors.get(*names)
        said = str(names[-1]) if names else "none"
        return Server(data["ID"], data["Host"], known, said, fields, self.path, self.line)


def _is_image(image: Any) -> bool:
    # The command says N/A, or more, of a server that boots from a volume.
    return isinstance(image, str) and image != "" and not image.startswith("N/A")


def put_servers(hosts: Iterable[HostState], path: str | os.PathLike[str], flavors: Flavors) -> list[HostState]:
    """The hosts, with the servers of a file as their instances.

    Their sizes are taken of the hosts if no host of the inventory has anything in use; else they are
    in its figures already, as in what Nova tells of its hypervisors. A server whose flavor is not
    known is an instance without a flavor, and a warning counts it.

    Raises InventoryError, with path and line, for a server on a host that is not there.
    """
    found = list(hosts)
    by_name: dict[str, HostState] = {}
    for host in found:
        by_name.setdefault(host.nodename, host)
    for host in found:
        by_name.setdefault(host.host, host)
    is_empty = not any(_is_in_use(host) for host in found)
    reader = ServerReader(path, flavors)
    unknown: Counter[str] = Counter()
    mistakes: list[InventoryError] = []
    arriving: dict[int, list[Server]] = {}
    for server in reader:
        if server.host not in by_name:
            hint = nearest(server.host, by_name)
            said = f"server {server.uuid} is on host {shown(server.host)}, which the inventory lacks. {hint}".rstrip()
            mistakes.append(bad_input(server.path, server.line, said, field="Host"))
            continue
        if server.flavor is None:
            unknown[server.flavor_name] += 1
        arriving.setdefault(id(by_name[server.host]), []).append(server)
    if mistakes:
        first, *further = mistakes[:20]
        raise InventoryError(
            "\n".join(map(str, mistakes[:20])), path=first.path, line=first.line, field="Host", further=further
        )
    for host in found:
        _put(host, arriving.get(id(host), ()), takes=is_empty)
    _tell(reader, unknown)
    return found


def _is_in_use(host: HostState) -> bool:
    # Memory that is not free may be what the host keeps for itself.
    return bool(host.vcpus_used or host.num_instances)


def _put(host: HostState, servers: Iterable[Server], *, takes: bool) -> None:
    records: dict[str, Instance] = dict(host.instances)
    for server in servers:
        if server.uuid in records:
            continue
        flavor = server.flavor
        if takes and flavor is not None:
            host.consume_from_request(RequestSpec(flavor, instance_uuid=server.uuid))
            # It runs, so that nothing of it is in progress.
            host.num_io_ops -= 1
        elif takes:
            host.num_instances += 1
        records[server.uuid] = Instance(server.uuid, flavor=flavor, **server.fields)
    host.instances = records


def _tell(reader: ServerReader, unknown: Counter[str]) -> None:
    if unknown:
        few = ", ".join(f"{shown(name)} of {count:,}" for name, count in unknown.most_common(5))
        LOG.warning("%s: %d servers have flavors that --flavors does not have: %s", reader.path, unknown.total(), few)
    if reader.without_host:
        LOG.warning("%s: %d servers are on no host and are left out", reader.path, reader.without_host)
