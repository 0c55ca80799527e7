"""What a request asks for and nothing in use reads, and which plug-ins would read it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from filtersched.hosts.narrowing import skips_filters
from filtersched.loading import own_meets
from filtersched.plugins.plugin import Reads, meets_of
from filtersched.plugins.request_reads import covers
from filtersched.requests.asked import asked_of, kind_of
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.unread_field import UnreadField
from filtersched.schedulers.profiles import PROFILE_KEY

# So many fields and kinds of requests are remembered; extra specs and hints may have any name.
_MOST = 1000
# What chooses the profile.
_OF_ALL_DRIVERS = (f"extra_specs.{PROFILE_KEY}", f"scheduler_hints.{PROFILE_KEY}")


class Readers:
    """A driver and the plug-ins in use, and what they read of requests."""

    def __init__(self, driver: Any, filters: Sequence[Any], weighers: Sequence[Any]) -> None:
        """driver : the scheduler. Raises nothing for plug-ins that declare nothing."""
        used = [(type(one).__name__, meets_of(type(one))) for one in (*filters, *filter(_counts, weighers))]
        used.append((type(driver).__name__, driver_reads(type(driver))))
        self._declared = [*_OF_ALL_DRIVERS, *(name for _plugin, meets in used for name in meets or ())]
        self._may_read = tuple(dict.fromkeys(name for name, meets in used if meets is None))
        self._by_field: dict[str, UnreadField | None] = {}
        self._by_kind: dict[tuple[Any, ...], tuple[UnreadField, ...]] = {}

    def unread(self, spec: RequestSpec) -> tuple[UnreadField, ...]:
        """What the request asks for and nothing is known to read; nothing if it forces hosts past the filters."""
        kind = kind_of(spec)
        known = None if kind is None else self._by_kind.get(kind)
        if known is None:
            known = () if skips_filters(spec) else self._found(spec)
            if kind is not None:
                _remember(self._by_kind, kind, known)
        return known

    def _found(self, spec: RequestSpec) -> tuple[UnreadField, ...]:
        found = []
        for field, value in asked_of(spec).items():
            unread = self._of(field)
            if unread is not None:
                found.append(UnreadField(field, value, unread.would_read, unread.may_read))
        return tuple(found)

    def _of(self, field: str) -> UnreadField | None:
        if field not in self._by_field:
            is_read = any(covers(name, field) for name in self._declared)
            unread = None if is_read else UnreadField(field, None, _would_read(field), self._may_read)
            _remember(self._by_field, field, unread)
        return self._by_field[field]


def _remember(known: dict[Any, Any], key: Any, value: Any) -> None:
    if len(known) >= _MOST:
        known.clear()
    known[key] = value


def _counts(weigher: Any) -> bool:
    """Whether the weigher's multiplier is not 0; aggregates that set another are not looked at."""
    option = getattr(weigher, "multiplier_option", None)
    return option is None or weigher.option(option) != 0


def driver_reads(cls: type) -> Reads | None:
    """What a driver itself reads of requests; None if it decides in its own way and does not say.

    Like a plug-in's declaration, `spec_reads` holds for the class that makes it and for derived
    classes that define none of the steps.
    """
    for owner in cls.__mro__:
        if "spec_reads" in vars(owner):
            reads = vars(owner)["spec_reads"]
            return None if reads is None else tuple(reads)
        if _STEPS & vars(owner).keys():
            return None
    return None


_STEPS = {"select_destinations", "narrow", "filter", "weigh", "select", "deplete", "_choose"}


def _would_read(field: str) -> tuple[str, ...]:
    """The library's own plug-ins that meet a field, the likeliest first."""
    found = [(name, declared) for name, meets in _own() for declared in meets if covers(declared, field)]
    # Those first that name the key itself, and among them the plainest names.
    found.sort(key=lambda one: (one[1] != field, len(one[0]), one[0]))
    return tuple(dict.fromkeys(name for name, _declared in found))


@functools.cache
def _own() -> tuple[tuple[str, Reads], ...]:
    return tuple(own_meets())
