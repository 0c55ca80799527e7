"""WishWeigher: the hosts that a request would like, and those that it would rather avoid."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from oslo_config import cfg

from filtersched.columns.column import HostColumns
from filtersched.errors import InvalidRequest, shown
from filtersched.hosts.host_values import Aggregate
from filtersched.plugins.columnar import is_named, of_each
from filtersched.plugins.zones import is_in_zone
from filtersched.settings.shared_options import DEFAULT_AVAILABILITY_ZONE
from filtersched.weighers.base import BaseWeigher

_MULTIPLIER = "wish_weight_multiplier"
# Each hint, and the sign of its wishes.
_HINTS = {"prefer_host": 1.0, "avoid_host": -1.0}
# Each wish takes time on every host.
_MOST_WISHES = 100


class Wish(NamedTuple):
    """A kind of host, `host`, `zone`, `aggregate` or an attribute with its key; the value; and what it counts."""

    kind: str
    key: str
    value: str
    weight: float


class WishWeigher(BaseWeigher):
    """Prefer hosts that the hint ``prefer_host`` names, and use those that ``avoid_host`` names last.

    A hint is a wish or a list of them: `KIND:VALUE*WEIGHT`. The weight is 1 if it is left out; a host's weight is the
    sum of the wishes that it fulfils, avoided ones negative. No host is refused. A host without the attribute that a
    wish names does not fulfil it.

    | wish                            | fulfilled by                                              |
    |---------------------------------|-----------------------------------------------------------|
    | `cmp1`, `host:cmp1`             | the host of that name                                     |
    | `zone:az1`                      | hosts in that availability zone                           |
    | `aggregate:fast`                | hosts of that aggregate                                   |
    | `aggregate.rack:r1`             | hosts of an aggregate with that metadata                  |
    | `hypervisor_type:QEMU`          | hosts whose attribute is that text or number              |
    | `capabilities.rack:r1*2`        | hosts with that item of an attribute; counts twice        |
    """

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            _MULTIPLIER,
            default=0.0,
            help="How much the hints prefer_host and avoid_host count. Positive: preferred hosts come first, avoided "
            "ones last. Negative: the other way round. 0 disables the weigher. Then the hints are not read, and "
            "aggregates cannot set another multiplier.",
        ),
        DEFAULT_AVAILABILITY_ZONE,
    )
    multiplier_option: ClassVar[str | None] = _MULTIPLIER
    spec_reads: ClassVar[Sequence[str]] = tuple(f"scheduler_hints.{hint}" for hint in _HINTS)
    columnar = True
    #: The hints that it reads.
    hints: ClassVar[Sequence[str]] = tuple(_HINTS)

    def is_on(self) -> bool:
        """Whether the hints count."""
        return bool(self.option(_MULTIPLIER))

    @staticmethod
    def wishes_of(asked: Any) -> tuple[Wish, ...]:
        """The wishes of a request, or of the record of an instance. Raises InvalidRequest for what is no wish."""
        return _read(*(_texts(asked, hint) for hint in _HINTS))

    def host_reads(self, spec: Any) -> tuple[str, ...]:
        reads: dict[str, None] = {}
        for wish in self._wishes(spec):
            of_attribute = (f"{wish.kind}.{wish.key}" if wish.key else wish.kind,)
            reads.update(dict.fromkeys(_READS.get(wish.kind, of_attribute)))
        return tuple(reads)

    def _wishes(self, spec: Any) -> Sequence[Wish]:
        """The wishes of the request; none where the weigher is disabled."""
        return self.wishes_of(spec) if self.is_on() else ()

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        weight: Any = 0.0
        for wish in self._wishes(weight_properties):
            weight = weight + self._is_fulfilled(host_state, wish) * wish.weight
        return weight

    def _is_fulfilled(self, host: Any, wish: Wish) -> Any:
        """Whether one host, or which of many, is what is wished for."""
        if wish.kind == "host":
            return is_named(host, (wish.value,))
        if wish.kind == "zone":
            return is_in_zone(host, wish.value, self.option("default_availability_zone"))
        if wish.kind == "aggregate":
            return of_each(host, "aggregates", _is_of_aggregate, wish.key, wish.value)
        if isinstance(host, HostColumns):
            return of_each(host, wish.kind, _is_value, wish.key, wish.value)
        # A host may lack the attribute, and then is not what is wished for.
        return _is_value(getattr(host, wish.kind, None), wish.key, wish.value)


_READS = {"host": ("host",), "zone": ("aggregates", "service.availability_zone"), "aggregate": ("aggregates",)}


def _texts(spec: Any, hint: str) -> tuple[str, ...]:
    given = spec.scheduler_hints.get(hint) or ()
    texts = (given,) if isinstance(given, str) else tuple(given)
    if len(texts) > _MOST_WISHES or not all(isinstance(text, str) for text in texts):
        raise InvalidRequest(
            f"the hint {hint} must be at most {_MOST_WISHES} texts such as 'zone:az1*2', not {shown(given)}",
            field=f"scheduler_hints.{hint}",
            value=given,
        )
    return texts


@functools.lru_cache(maxsize=256)
def _read(*of_hints: tuple[str, ...]) -> tuple[Wish, ...]:
    return tuple(
        _wish(hint, text) for hint, texts in zip(_HINTS, of_hints, strict=True) for text in texts
    )


def _wish(hint: str, text: str) -> Wish:
    """What a text wishes for. Raises InvalidRequest for one that no host can fulfil."""
    wanted, star, number = text.rpartition("*")
    if not star:
        wanted, number = text, "1"
    kind, colon, value = wanted.partition(":")
    if not colon:
        kind, value = "host", wanted
    attribute, dot, key = kind.partition(".")
    weight = _number(number)
    if weight is None:
        raise _invalid(hint, text, "has no positive number up to 1000000 behind the *")
    if not value:
        raise _invalid(hint, text, "names nothing to look for")
    if attribute.startswith("_") or not attribute.isidentifier() or (dot and not key):
        raise _invalid(hint, text, "must begin with host:, zone:, aggregate: or the name of an attribute")
    if attribute in ("host", "zone") and dot:
        raise _invalid(hint, text, f"has a key, and {attribute} has no items")
    return Wish(attribute, key, value, _HINTS[hint] * weight)


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 < found <= 1_000_000 and math.isfinite(found) else None


def _invalid(hint: str, text: str, what: str) -> InvalidRequest:
    return InvalidRequest(
        f"the hint {hint}: {shown(text)} {what}; write KIND:VALUE*WEIGHT, such as 'zone:az1*2'",
        field=f"scheduler_hints.{hint}",
        value=text,
    )


def _is_of_aggregate(found: Sequence[Aggregate], key: str, value: str) -> bool:
    """Whether one of the aggregates has that name, or that value of its metadata."""
    return any((one.metadata.get(key) if key else one.name) == value for one in found)


def _is_value(found: Any, key: str, value: str) -> bool:
    """Whether an attribute, or its item, is that text or number."""
    if key:
        found = found.get(key) if isinstance(found, Mapping) else None
    return isinstance(found, str | int | float) and str(found) == value
