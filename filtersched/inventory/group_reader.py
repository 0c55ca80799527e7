"""Server groups of a file: policy and rules by uuid, as instances do not tell them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from filtersched.errors import InventoryError
from filtersched.inventory.csv_records import Columns
from filtersched.inventory.record_reader import RecordReader, first_of
from filtersched.inventory.source import Record
from filtersched.requests.request_values import InstanceGroup

# Our own words and Nova's, and the columns of `openstack server group list --long`.
_UUIDS = ("uuid", "id", "ID")
_NAMES = ("name", "Name")
_POLICIES = ("policy", "Policy", "policies", "Policies")
_RULES = ("rules", "Rules")
_NO_PART = frozenset((
    *("members", "Members", "hosts", "project_id", "Project Id", "user_id", "User Id", "metadata"),
    *("created_at", "updated_at", "deleted_at", "deleted"),
))
_KNOWN = frozenset((*_UUIDS, *_NAMES, *_POLICIES, *_RULES, *_NO_PART))


class GroupReader(RecordReader[InstanceGroup]):
    """The server groups of a file, in its order; the inventory says who their members are.

    Raises InventoryError, with path, line and field, for anything that is not a server group.
    """

    _lists = ("server_groups",)
    _singles = {"server_group": "server_groups"}
    _required = "policy"
    _columns = Columns(("uuid", "id", "name", "policy", "rules"), "policy", ("uuid", "id", "name"))

    def _is_record(self, data: Mapping[str, Any]) -> bool:
        return super()._is_record(data) or any(name in data for name in _POLICIES)

    def _items(self, name: str, record: Record) -> Iterable[InstanceGroup]:
        return self._made(record.data, self._group)

    def _group(self, data: dict[str, Any]) -> InstanceGroup:
        uuid = first_of(data, _UUIDS)
        if not isinstance(uuid, str) or not uuid:
            raise ValueError("a server group needs a 'uuid'", "uuid")
        policy = first_of(data, _POLICIES)
        if isinstance(policy, list) and len(policy) == 1:
            # As Nova told it until microversion 2.64.
            policy = policy[0]
        self._report_unread(sorted(key for key in data if key not in _KNOWN))
        return InstanceGroup(
            policy=policy, rules=first_of(data, _RULES) or {}, uuid=uuid, name=first_of(data, _NAMES)
        )


def read_groups(path: str | os.PathLike[str]) -> list[InstanceGroup]:
    """The server groups of a file. Raises InventoryError, also for a group that is there twice."""
    groups: dict[str, InstanceGroup] = {}
    reader = GroupReader(path)
    for group in reader:
        uuid = group.uuid or ""
        if uuid in groups:
            raise InventoryError(
                f"{reader.path}, line {reader.line}: server group {uuid!r} stands there twice",
                path=reader.path,
                line=reader.line,
                field="uuid",
            )
        groups[uuid] = group
    return list(groups.values())
