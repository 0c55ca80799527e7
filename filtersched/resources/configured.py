"""Resources that the configuration defines in one line each, without any code.

    power of=extra_specs.acme:watts per=rack total=5000 unit=W
    licences of=extra_specs.acme:licences per=aggregate total=metadata.licences
    cores of=vcpus per=project total=64 total.acme=512
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from filtersched.columns import values
from filtersched.errors import ConfigurationError, InvalidHost, InvalidRequest, must_be, nearest, shown
from filtersched.hosts.domains import AGGREGATES
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.resources.scope import POOL, check_kind
from filtersched.resources.shared_resource import SharedResource

_KEYS = ("of", "per", "total", "unit", "outside")
_FIELDS = ("vcpus", "memory_mb", "root_gb", "ephemeral_gb", "swap")
_INSTANCES = "instances"
_EXTRA_SPECS, _METADATA, _TOTAL = "extra_specs.", "metadata.", "total."
_OUTSIDE = {"refused": False, "unlimited": True}
_AMOUNTS = f"{_INSTANCES}, {', '.join(_FIELDS)}, {_EXTRA_SPECS}KEY, or a number"


class ConfiguredResource(SharedResource):
    """Refuse hosts in whose scope less of the resource is free than the flavor takes.

    metadata_key : of aggregates, which has the total; else "".
    """

    host_reads = ()
    columnar = True

    def __init__(self, name: str, words: Mapping[str, str]) -> None:
        """words : by key, as they are configured. Raises ValueError for one that makes no sense."""
        self.name = name
        self.scope = words.get("per", POOL)
        self.unit = words.get("unit", "")
        outside = words.get("outside", "refused")
        if outside not in _OUTSIDE:
            raise ValueError(must_be("outside", " or ".join(_OUTSIDE), outside))
        self.unlimited_outside = _OUTSIDE[outside]
        self._amount = _amount_of(words.get("of", _INSTANCES))
        self._totals = {key.removeprefix(_TOTAL): _number(key, text) for key, text in words.items() if _TOTAL in key}
        text = words.get("total", "")
        self.metadata_key: str = text.removeprefix(_METADATA) if text.startswith(_METADATA) else ""
        if self.metadata_key and self.scope != AGGREGATES:
            raise ValueError(f"total={text} needs per={AGGREGATES}, whose metadata has it")
        self._total = None if self.metadata_key or not text else _number("total", text)
        if not text and not self._totals:
            raise ValueError("it has no total, so it limits nothing; write total=NUMBER")

    def amount(self, spec: RequestSpec, _host: HostState) -> int | float:
        return self._amount(spec)

    def total(self, scope: Any) -> int | float | None:
        if self.scope != AGGREGATES:
            return self._totals.get(str(scope), self._total)
        if scope.name in self._totals or not self.metadata_key:
            return self._totals.get(scope.name, self._total)
        text = scope.metadata.get(self.metadata_key)
        try:
            return None if text is None else _number(self.metadata_key, text)
        except ValueError as problem:
            said = f"aggregate {scope.name!r}: {problem}; it is the total of {self.name!r}"
            raise InvalidHost(said, attribute="aggregates", value=text) from None


def _amount_of(text: str) -> Callable[[RequestSpec], int | float]:
    if text == _INSTANCES:
        return lambda _spec: 1
    if text in _FIELDS:
        return lambda spec: getattr(spec, text)
    if text.startswith(_EXTRA_SPECS) and text != _EXTRA_SPECS:
        return lambda spec: _extra_spec(spec, text.removeprefix(_EXTRA_SPECS))
    try:
        number = _number("of", text)
    except ValueError:
        hint = nearest(text, (_INSTANCES, *_FIELDS))
        close = f". {hint}" if hint.startswith("Did you mean") else ""
        raise ValueError(f"{must_be('of', _AMOUNTS, text)}{close}") from None
    return lambda _spec: number


def _extra_spec(spec: RequestSpec, key: str) -> int | float:
    text = spec.extra_specs.get(key)
    try:
        return 0 if text is None else _number(key, text)
    except ValueError:
        field = f"flavor.extra_specs[{key!r}]"
        raise InvalidRequest(must_be(field, "a number of 0 or more", text), field=field, value=text) from None


def _number(what: str, text: Any) -> int | float:
    """A number of 0 or more, given as a number or as its text. Raises ValueError."""
    try:
        if isinstance(text, str):
            text = int(text) if text.strip().isdigit() else float(text)
        number: int | float = values.amount(text)
    except (ValueError, OverflowError):
        raise ValueError(must_be(what, "a number of 0 or more", text)) from None
    return number


def is_definition(line: str) -> bool:
    """Whether a value of the option defines a resource; else it names plug-ins."""
    return "=" in line


def configured_resource(line: str, option: str) -> ConfiguredResource:
    """The resource that a line defines. Raises ConfigurationError, which names the option."""

    def wrong(said: object) -> ConfigurationError:
        text = f"{option}: {shown(line)}: {said}"
        end = "" if text.endswith((".", "?")) else "."
        return ConfigurationError(text + end, option="shared_resources", value=line)

    try:
        name, *words = shlex.split(line)
    except ValueError as problem:
        raise wrong(f"{problem}; quotes come in pairs") from None
    if "=" in name:
        raise wrong(f"it must begin with the name of the resource, as in 'power {name} …'")
    found: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not value:
            raise wrong(f"{shown(word)} is not KEY=VALUE")
        if key not in _KEYS and (not key.startswith(_TOTAL) or key == _TOTAL):
            raise wrong(f"there is no {shown(key)}; {_known(key)}")
        if key in found:
            raise wrong(f"{key!r} is there twice")
        found[key] = value
    try:
        # Of a class of its own, which declares what it reads of a request.
        of = found.get("of", _INSTANCES)
        reads = (of,) if of in _FIELDS or of.startswith(_EXTRA_SPECS) else ()
        cls = type(name, (ConfiguredResource,), {"host_reads": (), "spec_reads": reads, "__module__": __name__})
        resource: ConfiguredResource = cls(name, found)
    except ValueError as problem:
        raise wrong(problem) from None
    check_kind(resource.scope, f"{option}: {name}")
    return resource


def _known(key: str) -> str:
    known: Iterable[str] = (*_KEYS, f"{_TOTAL}SCOPE")
    return f"{nearest(key, _KEYS)} A definition may have {', '.join(known)}".strip()
