"""A host as plain data with a version number, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from filtersched.columns.plain_data import FORMAT_VERSION, take_version
from filtersched.errors import InvalidHost, shown
from filtersched.hosts.host_attribute import HostAttribute


def as_data(attributes: Mapping[str, HostAttribute], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are attributes, as plain data."""
    data: dict[str, Any] = {"version": FORMAT_VERSION}
    for name, value in values.items():
        if name in attributes:
            try:
                data[name] = attributes[name].plain(value)
            except (ValueError, TypeError) as problem:
                host = values["host"]
                raise InvalidHost(
                    f"host {host!r}: {name} is {shown(value)}, which is no plain data ({problem}); give "
                    "host_attribute a `plain` that makes it so",
                    host=host,
                    attribute=name,
                    value=value,
                ) from None
    return data


def keywords_of(data: Any) -> dict[str, Any]:
    """What the data of a host gives to its class."""
    if type(data) is not dict and not isinstance(data, Mapping):
        raise InvalidHost(f"a host must be a mapping, not {shown(data)}", value=data)
    known = dict(data)
    name = known.get("host")
    if "version" in known:
        take_version(
            known,
            lambda said, version: InvalidHost(
                f"host {shown(name)}: {said}", host=name, attribute="version", value=version
            ),
        )
    try:
        # A quick look at all keys.
        "".join(known)
    except TypeError:
        odd = next(key for key in known if not isinstance(key, str))
        raise InvalidHost(f"host {shown(name)}: a key must be text, not {shown(odd)}", value=data) from None
    if "host" not in known:
        raise InvalidHost("a host needs a 'host' name", attribute="host")
    return known
