"""How hosts and instances stand in the database.

A host is its class and its attributes as plain data. What plug-ins added has a "+" before its name, and is there
as far as JSON brings it back.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from filtersched.columns.frozen import EMPTY
from filtersched.errors import InvalidHost, InvalidRequest, PoolError, shown
from filtersched.hosts.host_state import HostState
from filtersched.hosts.pool_file import as_json
from filtersched.requests.instance import Instance
from filtersched.requests.record import plain
from filtersched.requests.request_values import Flavor

_UNSTORED = frozenset(("instances", "limits"))
_MOST_FLAVORS = 4096


def class_path(kind: type[HostState], host: str) -> str:
    """Where the class of a host is found, `module:name`. Raises InvalidHost for one that others cannot import."""
    path = f"{kind.__module__}:{kind.__qualname__}"
    try:
        if kind.__module__ != "__main__" and class_at(path) is kind:
            return path
    except PoolError:
        pass
    raise InvalidHost(
        f"host {host!r}: its class {path} cannot be imported by other processes; define it at the top of a module",
        host=host,
        value=kind,
    )


def class_at(path: str) -> type[HostState]:
    """The class of hosts at a path. Raises PoolError if it is not there."""
    module, _, name = path.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as problem:
        said = f"hosts of the pool are of {path}, which cannot be imported here ({problem}); install what has it"
        raise PoolError(said, problem="missing_class") from None
    if not isinstance(found, type) or not issubclass(found, HostState):
        raise PoolError(f"hosts of the pool are of {path}, which is no class of hosts", problem="missing_class")
    return found


def host_data(host: HostState) -> dict[str, Any]:
    """The attributes of a host without its instances. Raises InvalidHost for what cannot be stored."""
    return changed_data(host, host.__dict__)


def changed_data(host: HostState, names: Collection[str]) -> dict[str, Any]:
    """These attributes of a host, but for instances and limits, as plain data."""
    data = {}
    for name in names:
        if name in _UNSTORED:
            continue
        value, table = getattr(host, name), host.attributes
        kind = type(value)
        if kind is int or kind is float or kind is str:
            data[name if name in table else f"+{name}"] = value
        elif name in table:
            try:
                data[name] = table[name].plain(value)
            except (ValueError, TypeError) as problem:
                said = f"host {host.host!r}: {name} is {shown(value)}, which is no plain data ({problem})"
                raise InvalidHost(said, host=host.host, attribute=name, value=value) from None
        else:
            data[f"+{name}"] = as_json(host, name, value)
    return data


def host_of(kind: type[HostState], data: Mapping[str, Any]) -> HostState:
    """The host that has this data."""
    host = kind.from_dict({name: value for name, value in data.items() if not name.startswith("+")})
    for name, value in data.items():
        if name.startswith("+"):
            setattr(host, name[1:], value)
    return host


def attributes_of(host: HostState, data: Mapping[str, Any]) -> dict[str, Any]:
    """The values that this data stands for on a host."""
    checks = host._checks
    return {
        name.removeprefix("+"): checks[name](value) if name in checks else value for name, value in data.items()
    }


def check_comes_back(host: HostState) -> None:
    """Raise InvalidHost for a host that would not be the same if it were read back."""
    data = json.loads(json.dumps(host_data(host)))
    try:
        back = host_data(host_of(type(host), data))
    except InvalidHost:
        raise
    except Exception as problem:
        # The boundary to a class derived from HostState.
        said = f"{type(problem).__name__}: {problem}"
    else:
        wrong = sorted(name for name in data.keys() | back.keys() if data.get(name) != _as_read(back.get(name)))
        if not wrong:
            return
        said = f"{', '.join(wrong)} would be another"
    kind = type(host).__qualname__
    raise InvalidHost(f"host {host.host!r}: its class {kind} cannot be read back; {said}", host=host.host)


def _as_read(value: Any) -> Any:
    return json.loads(json.dumps(value))


class _Known(NamedTuple):
    flavor: Flavor
    data: dict[str, Any]


class InstanceRecords:
    """Records of instances as plain data, and back; flavors that are the same are one object."""

    def __init__(self) -> None:
        self._plain: dict[int, _Known] = {}
        self._flavors: dict[str, Flavor] = {}

    def data(self, instance: Instance) -> dict[str, Any]:
        """The record as plain data."""
        data = instance.to_dict(without=("flavor",))
        flavor = instance.flavor
        if flavor is not None:
            known = self._plain.get(id(flavor))
            if known is None or known.flavor is not flavor:
                if len(self._plain) >= _MOST_FLAVORS:
                    self._plain.clear()
                known = self._plain[id(flavor)] = _Known(flavor, plain(flavor))
            data["flavor"] = known.data
        return data

    def record(self, data: Mapping[str, Any]) -> Instance:
        """The record from the data. Raises PoolError for what cannot be one."""
        given = data.get("flavor")
        flavor = None
        if given is not None:
            key = repr(given)
            flavor = self._flavors.get(key)
        try:
            if given is not None and flavor is None:
                if len(self._flavors) >= _MOST_FLAVORS:
                    self._flavors.clear()
                flavor = self._flavors[key] = Flavor.of(given, "flavor")
            return Instance(**{**data, "flavor": flavor, "consumed": data.get("consumed", EMPTY)})
        except (InvalidHost, InvalidRequest, TypeError) as problem:
            said = f"the record of instance {data.get('uuid')!r} in the pool is damaged: {problem}"
            raise PoolError(said, problem="damaged") from None
