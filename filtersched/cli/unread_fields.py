"""What requests ask for and nothing in use reads, in the words of the command; and --capacity-filters."""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from filtersched.cli.errors import UsageError
from filtersched.cli.inputs import filters_of
from filtersched.cli.request_flags import POLICIES
from filtersched.cli.terminal import printable
from filtersched.errors import InvalidRequest, nearest, shown
from filtersched.loading import FurtherFilters
from filtersched.planning.capacity_filters import with_capacity_filters
from filtersched.requests.asked import SIZES
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.unread_field import UnreadField

LOG = logging.getLogger(__name__)

# So many fields are named in a warning.
_MOST_FIELDS = 8
_MOST_TALLIES = 1000


def filters_in_use(args: argparse.Namespace, scheduler: Any) -> list[str] | FurtherFilters | None:
    """The filters that the command line chooses, those of --capacity-filters included; None for the configured ones."""
    named = filters_of(args)
    if not args.capacity_filters:
        return named
    if not hasattr(scheduler, "catalog"):
        raise UsageError(f"{type(scheduler).__name__} uses no filters; --capacity-filters is for schedulers that do")
    return with_capacity_filters(scheduler, named)


def profile_of(args: argparse.Namespace, scheduler: Any) -> dict[str, str]:
    """The profile that the command line chooses, as an argument of a scheduler's methods; none if it chooses none.

    Raises UsageError for a driver without profiles, InvalidRequest for an unknown one.
    """
    if args.profile is None:
        # A driver of another package may know no such argument.
        return {}
    if not hasattr(scheduler, "profiles"):
        raise UsageError(f"{type(scheduler).__name__} has no profiles; --profile is for schedulers that do")
    scheduler.profiles.named(args.profile, "--profile")
    return {"profile": args.profile}


@dataclass(slots=True)
class _Tally:
    """How many requests have the same unread, and whether no filter looks for the room that they need."""

    found: Sequence[UnreadField]
    is_without_room: bool
    requests: int = 0


class UnreadFields:
    """What the requests of a run ask for and nothing reads: an error with --strict, else counted and told once."""

    def __init__(
        self, scheduler: Any, filters: Any, *, strict: bool, profile: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """profile : as of `profile_of`."""
        # A driver of another package need not know.
        self._unread = getattr(scheduler, "unread", None)
        self._filters = filters
        self._profile = profile
        self._strict = strict
        self._requests = 0
        self._counts: Counter[str] = Counter()
        self._found: dict[str, UnreadField] = {}
        self._without_room = 0
        # What is still to be counted, by id: requests that ask the same share it.
        self._tallies: dict[int, _Tally] = {}

    def of(self, spec: RequestSpec) -> Sequence[UnreadField]:
        """What of this request is unread. Raises InvalidRequest with --strict if anything is."""
        found: Sequence[UnreadField] = ()
        if self._unread is not None:
            found = self._unread(spec, filters=self._filters, **self._profile)
        self._requests += 1
        if found:
            tally = self._tallies.get(id(found))
            if tally is None:
                tally = self._note(spec, found)
            tally.requests += 1
        return found

    def _note(self, spec: RequestSpec, found: Sequence[UnreadField]) -> _Tally:
        surely = [one for one in found if not one.may_read]
        _check_policy(spec, surely)
        if surely and self._strict:
            said = f"{_listed([_told(one, None) for one in surely])} (--strict)"
            raise InvalidRequest(f"nothing in use reads {said}", field=surely[0].field, value=surely[0].value)
        for one in found:
            self._found.setdefault(one.field, one)
        asked = {one for one in SIZES[:3] if getattr(spec, one)}
        if len(self._tallies) >= _MOST_TALLIES:
            self._count()
        tally = _Tally(found, bool(asked) and asked <= {one.field for one in found})
        self._tallies[id(found)] = tally
        return tally

    def _count(self) -> None:
        for tally in self._tallies.values():
            self._counts.update(dict.fromkeys([one.field for one in tally.found], tally.requests))
            self._without_room += tally.requests * tally.is_without_room
        self._tallies.clear()

    def tell(self) -> None:
        """Warn of it on the standard error, all requests together."""
        self._count()
        found = list(self._found.values())
        room = [one for one in found if one.field in SIZES]
        if room and self._without_room == self._requests and not any(one.may_read for one in room):
            LOG.warning(
                "No filter in use refuses a host for lack of room. RamFilter, CoreFilter and DiskFilter would; "
                "--capacity-filters adds them, as Placement would check."
            )
            found = [one for one in found if one.field not in SIZES]
            room = []
        if found:
            counts = self._counts if self._requests > 1 else None
            hint = " --capacity-filters adds those for room." if room else ""
            LOG.warning("Nothing in use reads %s.%s", _listed([_told(one, counts) for one in found]), hint)

    def record(self) -> list[dict[str, Any]]:
        """The same as plain data."""
        self._count()
        return [
            {
                "field": one.field,
                "requests": self._counts[one.field],
                "would_read": list(one.would_read),
                "may_read": list(one.may_read),
            }
            for one in self._found.values()
        ]


def _check_policy(spec: RequestSpec, unread: Sequence[UnreadField]) -> None:
    """Raise InvalidRequest for a policy that Nova does not know and no plug-in in use reads."""
    policy = None if spec.instance_group is None else spec.instance_group.policy
    if policy is not None and policy not in POLICIES and any(one.field == f"instance_group.{policy}" for one in unread):
        said = f"there is no {shown(policy)}, and nothing in use reads it. {nearest(policy, POLICIES)}".rstrip()
        raise InvalidRequest(f"instance_group.policy: {said}", field="instance_group.policy", value=policy)


def _told(one: UnreadField, counts: Counter[str] | None) -> str:
    """A field with what is asked, or how often it is asked, and who would read it."""
    asked = one.asked
    if counts is not None:
        count = counts[one.field]
        asked = f"{one.field} of {f'{count:,} requests' if count > 1 else 'a request'}"
    known = [f"{' or '.join(one.may_read)} may"] if one.may_read else []
    known += [f"{' or '.join(one.would_read[:1])} would"] if one.would_read else []
    return printable(f"{asked} ({', '.join(known) or 'no plug-in of the library would'})")


def _listed(said: Sequence[str]) -> str:
    more = len(said) - _MOST_FIELDS
    return ", ".join(said[:_MOST_FIELDS]) + (f" and {more} more fields" if more > 0 else "")
