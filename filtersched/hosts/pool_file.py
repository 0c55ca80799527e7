"""The file that a pool is saved to: JSON Lines, whole or not at all.

The first line says what the pool is; each line after it is one host:

    {"version": 1, "pool": "8f0…", "generation": 7, "hosts": 2, "classes": ["….HostState"], "flavors": [{…}], …}
    {"generation": 3, "host": {"host": "cmp1", "free_ram_mb": 2048, …}, "instances": [{"uuid": "…", "flavor": 0}]}
    {"generation": 7, "host": {"host": "cmp2", …}, "report": {"observed_at": "…", "listed": […]}}

Flavors stand in the first line once, since many instances have the same.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from filtersched.columns.frozen import FrozenDict
from filtersched.columns.plain_data import FORMAT_VERSION, take_version
from filtersched.columns.values import naive_utc
from filtersched.errors import InvalidHost, InvalidRequest, InventoryError, shown
from filtersched.hosts.host_state import HostState
from filtersched.hosts.metric_history import checked_reports
from filtersched.hosts.reports import NEVER, HostReports
from filtersched.hosts.shared_amounts import ScopeGenerations
from filtersched.requests.instance import Instance
from filtersched.requests.record import plain
from filtersched.requests.request_values import Flavor
from filtersched.whole_file import WholeFile

_T = TypeVar("_T")
HostClasses = type[HostState] | Sequence[type[HostState]]


@dataclass(frozen=True, slots=True)
class SavedHost:
    """A host as it was when its pool was saved."""

    host: HostState
    generation: int
    reports: HostReports = NEVER


@dataclass(frozen=True, slots=True)
class SavedPool:
    """A pool as it was when it was saved.

    groups : when each server group changed last, as a generation of the pool.
    groups_since : groups that are not among them changed at that generation at the latest.
    scopes : the same of what instances take of shared resources.
    kept_metrics : of which metrics hosts remember how many values.
    """

    uuid: str
    generation: int
    groups: Mapping[str, int]
    groups_since: int
    hosts: Sequence[SavedHost]
    scopes: ScopeGenerations = field(default_factory=ScopeGenerations)
    kept_metrics: Mapping[str, int] = field(default_factory=dict)


def write_pool(path: str | os.PathLike[str], pool: SavedPool) -> None:
    """Write the file under its name when all of it is on the disk; an earlier file stays until then.

    Raises InvalidHost for what the file cannot hold, and OSError.
    """
    # In ASCII, which has room for half of a surrogate pair too.
    encode = json.JSONEncoder(separators=(",", ":")).encode
    with WholeFile(path) as stream:
        for record in _records(pool):
            stream.write(encode(record) + "\n")


def _records(pool: SavedPool) -> Iterator[dict[str, Any]]:
    classes = {kind: at for at, kind in enumerate(dict.fromkeys(type(one.host) for one in pool.hosts))}
    flavors, numbers = _flavors(pool)
    yield {
        "version": FORMAT_VERSION,
        "pool": pool.uuid,
        "generation": pool.generation,
        "hosts": len(pool.hosts),
        "classes": list(map(_class_name, classes)),
        "flavors": [plain(flavor) for flavor in flavors],
        "groups": dict(pool.groups),
        "groups_since": pool.groups_since,
        **_scopes_record(pool.scopes),
        **({"kept_metrics": dict(pool.kept_metrics)} if pool.kept_metrics else {}),
    }
    for saved in pool.hosts:
        yield _host_record(saved, classes[type(saved.host)], numbers)


def _scopes_record(scopes: ScopeGenerations) -> dict[str, Any]:
    if scopes.reads is None:
        return {}
    at = [[name, scope, generation] for (name, scope), generation in scopes.at.items()]
    return {"scopes": {"at": at, "since": scopes.since, "reads": sorted(scopes.reads)}}


def _flavors(pool: SavedPool) -> tuple[list[Flavor], dict[int, int]]:
    """The different flavors of all instances; and the place of each object among them, by its id."""
    # Most are one object, and comparing flavors takes longer than looking at objects.
    objects = {id(one.flavor): one.flavor for saved in pool.hosts for one in saved.host.instances.values()}
    places = dict[Flavor, int]()
    numbers = {at: places.setdefault(flavor, len(places)) for at, flavor in objects.items() if flavor is not None}
    return list(places), numbers


def _host_record(saved: SavedHost, kind: int, flavors: Mapping[int, int]) -> dict[str, Any]:
    host = saved.host
    instances = host.__dict__.pop("instances", None)
    attributes = host.to_dict()
    del attributes["version"]
    record: dict[str, Any] = {"generation": saved.generation, "host": attributes}
    if instances:
        record["instances"] = [_instance_record(instance, flavors) for instance in instances.values()]
    if kind:
        record["class"] = kind
    further = {name: value for name, value in host.__dict__.items() if name not in host.attributes}
    if further:
        record["further"] = {name: as_json(host, name, value) for name, value in further.items() if value != {}}
    if saved.reports != NEVER:
        record["report"] = _report_record(saved.reports)
    return record


def _instance_record(instance: Instance, flavors: Mapping[int, int]) -> dict[str, Any]:
    record = instance.to_dict(without=("flavor",))
    if instance.flavor is not None:
        record["flavor"] = flavors[id(instance.flavor)]
    return record


def as_json(host: HostState, name: str, value: Any) -> Any:
    """The value of an attribute that the class does not declare, if JSON brings back the same."""
    with contextlib.suppress(TypeError, ValueError, RecursionError):
        if repr(json.loads(json.dumps(value, allow_nan=False))) == repr(value):
            return value
    raise InvalidHost(
        f"host {host.host!r}: {name} is {shown(value)}, which cannot be saved; declare {name} in the class of the host",
        host=host.host,
        attribute=name,
        value=value,
    )


def _report_record(reports: HostReports) -> dict[str, Any]:
    return {
        "observed_at": None if reports.observed_at is None else reports.observed_at.isoformat(),
        "listed": sorted(reports.listed),
        "left": [[when.isoformat(), instance.to_dict()] for when, instance in reports.left],
    }


# -- reading ---------------------------------------------------------------------------------------


def read_pool(path: str | os.PathLike[str], host_class: HostClasses) -> SavedPool:
    """The pool of a file, its hosts of these classes.

    Raises InventoryError, with the line, for a file that is cut off or damaged, of another version,
    or of other classes; and OSError.
    """
    return _Reader(os.fspath(path), host_class).pool()


class _Reader:
    """Reads the file once. `line` is the one at hand, from 1."""

    def __init__(self, path: str, host_class: HostClasses) -> None:
        self.path = path
        self.line = 1
        given = [host_class] if isinstance(host_class, type) else list(host_class)
        self._classes = {_class_name(kind): kind for kind in given}

    def pool(self) -> SavedPool:
        with open(self.path, "rb") as stream:
            head = self._record(stream.readline(), "is empty, or has no first line")
            take_version(head, lambda said, _version: self._error(said))
            flavors = self._flavors(head)
            kinds = [self._class_named(name) for name in self._field(head, "classes", list)]
            count = self._field(head, "hosts", int)
            hosts = []
            for _number in range(count):
                self.line += 1
                record = self._record(stream.readline(), f"ends before its {count} hosts")
                hosts.append(self._host(record, kinds, flavors))
            self.line += 1
            if stream.read(1):
                raise self._error(f"goes on after its {count} hosts")
        self.line = 1
        groups = self._field(head, "groups", dict)
        return SavedPool(
            self._field(head, "pool", str),
            self._field(head, "generation", int),
            {group: self._field(groups, group, int) for group in groups},
            self._field(head, "groups_since", int),
            hosts,
            self._scopes(head),
            self._kept_metrics(head),
        )

    def _scopes(self, head: Mapping[str, Any]) -> ScopeGenerations:
        record = head.get("scopes")
        if record is None:
            return ScopeGenerations()
        try:
            at = {(str(name), scope): int(generation) for name, scope, generation in record["at"]}
            return ScopeGenerations(at, int(record["since"]), [str(name) for name in record["reads"]])
        except (KeyError, TypeError, ValueError):
            raise self._error(f"scopes cannot be {shown(record)}", field="scopes") from None

    def _kept_metrics(self, head: Mapping[str, Any]) -> Mapping[str, int]:
        try:
            return checked_reports(head.get("kept_metrics", {}))
        except InvalidRequest as problem:
            raise self._error(str(problem), field="kept_metrics") from None

    def _record(self, text: bytes, missing: str) -> dict[str, Any]:
        if not text.endswith(b"\n"):
            raise self._error(missing)
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as problem:
            raise self._error(f"is damaged: {problem}") from None
        if not isinstance(record, dict):
            raise self._error(f"has {shown(record)} where a record belongs")
        return record

    def _field(self, record: Mapping[str, Any], name: str, kind: type[_T]) -> _T:
        value = record.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self._error(f"{name} cannot be {shown(value)}", field=name)
        return value

    def _class_named(self, name: Any) -> type[HostState]:
        if name not in self._classes:
            others = ", ".join(self._classes)
            raise self._error(f"it has hosts of {name}, and host_class is {others}", field="classes")
        return self._classes[name]

    def _flavors(self, head: Mapping[str, Any]) -> list[Flavor]:
        try:
            return [Flavor.of(flavor, "flavor") for flavor in self._field(head, "flavors", list)]
        except InvalidRequest as problem:
            raise self._error(str(problem), field="flavors") from None

    def _host(
        self, record: Mapping[str, Any], kinds: Sequence[type[HostState]], flavors: Sequence[Flavor]
    ) -> SavedHost:
        kind = record.get("class", 0)
        if type(kind) is not int or not 0 <= kind < len(kinds):
            raise self._error(f"class cannot be {shown(kind)}", field="class")
        try:
            host = kinds[kind].from_dict(self._field(record, "host", dict))
            if "instances" in record:
                instances = (_instance(instance, flavors) for instance in record["instances"])
                host.instances = FrozenDict({one.uuid: one for one in instances})
            for name, value in record.get("further", {}).items():
                setattr(host, name, value)
            reports = _reports(record["report"]) if "report" in record else NEVER
        except InventoryError:
            raise
        except (AttributeError, LookupError, TypeError, ValueError) as problem:
            raise self._error(str(problem)) from None
        return SavedHost(host, self._field(record, "generation", int), reports)

    def _error(self, said: str, *, field: str | None = None) -> InventoryError:
        return InventoryError(
            f"{self.path}, line {self.line}: {said}; it is not used", path=self.path, line=self.line, field=field
        )


def _instance(record: Mapping[str, Any], flavors: Sequence[Flavor]) -> Instance:
    number = record.get("flavor")
    data = {**record, "flavor": None if number is None else flavors[number]}
    return Instance.of_data(record.get("uuid"), data) or Instance(**data)


def _reports(record: Mapping[str, Any]) -> HostReports:
    left = tuple((_time(when), Instance(**instance)) for when, instance in record["left"])
    return HostReports(naive_utc(record["observed_at"]), frozenset(record["listed"]), left)


def _time(text: Any) -> datetime:
    when = naive_utc(text)
    if when is None:
        raise ValueError("a time is missing")
    return when


def _class_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
