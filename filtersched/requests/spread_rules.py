"""Spread rules: over which racks, zones or other domains the instances of a request are spread, and how far.

A group's `rules`, a flavor's extra spec and a hint may each bring some; all hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from filtersched.columns.frozen import EMPTY, FrozenDict
from filtersched.columns.values import amount, whole
from filtersched.errors import InvalidRequest, must_be, nearest, shown
from filtersched.requests.record import with_text_keys

#: The extra spec and the hint that bring rules.
SPREAD = "filtersched:spread"
#: The fields that bring rules, as plug-ins name what they meet.
SPREAD_FIELDS = (f"extra_specs.{SPREAD}", f"scheduler_hints.{SPREAD}", "instance_group.spread")
AGGREGATE = "aggregate:"
ZONE = "zone"
_DOMAIN = "spread"
_KEYS = (_DOMAIN, "max_per_domain", "max_skew", "shares")
# Rules of a group that are about something else.
_OTHER_RULES = ("max_server_per_host", "apart_from", "together_with", "together", "domain", "lookahead")
_FORM = (
    "text such as 'rack max_per_domain=2; zone max_skew=1', or a mapping such as "
    "{'spread': 'rack', 'shares': {'r1': 50}}, or a list of these"
)


@dataclass(frozen=True, slots=True)
class SpreadRule:
    """One rule: a kind of domain, and how many instances a domain may have."""

    #: The name of a host attribute, "aggregate:KEY", or "zone".
    domain: str
    #: The most instances in one domain.
    max_per_domain: int | None = None
    #: The most instances that a domain may have beyond the one with the fewest.
    max_skew: int | None = None
    #: The per cent of all instances that domains have, by domain; the other domains share the rest.
    shares: Mapping[str, float] = EMPTY
    #: The field of the request that brings the rule.
    field: str = ""

    @property
    def has_limit(self) -> bool:
        """Whether a domain may be full. Without a limit the rule only says what is preferred."""
        return self.max_per_domain is not None or self.max_skew is not None or bool(self.shares)


def spread_rules(spec: Any) -> tuple[SpreadRule, ...]:
    """The rules of a request. Raises InvalidRequest for one that makes no sense, naming its key."""
    group = spec.instance_group
    rules: list[SpreadRule] = []
    if group is not None and group.rules:
        rules += _of_group(group.rules)
    for field, given in (
        (f"flavor.extra_specs[{SPREAD!r}]", spec.flavor.extra_specs.get(SPREAD)),
        (f"scheduler_hints[{SPREAD!r}]", spec.scheduler_hints.get(SPREAD)),
    ):
        if given is not None:
            rules += _of_value(given, field)
    return tuple(rules)


def _of_group(rules: Mapping[str, Any]) -> Iterator[SpreadRule]:
    field = "instance_group.rules"
    given = rules.get(_DOMAIN)
    if given is None:
        stray = next((key for key in _KEYS if key in rules), None)
        if stray is not None:
            raise InvalidRequest(
                f"{field}: {stray!r} needs {_DOMAIN!r}, which says over what to spread, such as 'rack' or 'zone'",
                field=f"{field}.{stray}",
                value=rules[stray],
            )
    elif isinstance(given, str):
        _check_keys(rules, field, (*_KEYS, *_OTHER_RULES))
        yield _rule({key: value for key, value in rules.items() if key in _KEYS}, field)
    else:
        limits = next((key for key in _KEYS[1:] if key in rules), None)
        if limits is not None:
            raise InvalidRequest(
                f"{field}: {limits!r} stands beside a list of rules; write it into one of them",
                field=f"{field}.{limits}",
                value=rules[limits],
            )
        yield from _of_value(given, f"{field}.{_DOMAIN}")


def _of_value(given: Any, field: str) -> Iterator[SpreadRule]:
    """The rules that text, a mapping, or a list of these says."""
    if isinstance(given, Mapping):
        yield _rule(with_text_keys(given, field), field)
    elif isinstance(given, str) and given.lstrip()[:1] in ("{", "["):
        try:
            read = json.loads(given)
        except (ValueError, RecursionError):
            said = must_be(field, "JSON, since it begins like it", given)
            raise InvalidRequest(said, field=field, value=given) from None
        yield from _of_value(read, field)
    elif isinstance(given, str):
        for text in given.split(";"):
            if text.strip():
                yield _rule(_of_text(text, field), field)
    elif isinstance(given, list | tuple):
        for one in given:
            if not isinstance(one, str | Mapping):
                raise InvalidRequest(must_be(field, _FORM, given), field=field, value=given)
            yield from _of_value(one, field)
    else:
        raise InvalidRequest(must_be(field, _FORM, given), field=field, value=given)


def _of_text(text: str, field: str) -> dict[str, Any]:
    """One rule as words: the domain, then limits: `rack max_skew=1 shares=r1:50,r2:30`."""
    domain, *words = text.split()
    if "=" in domain:
        raise InvalidRequest(
            f"{field}: {shown(text.strip())} must begin with what to spread over, such as 'rack' or 'zone'",
            field=field,
            value=text,
        )
    rule: dict[str, Any] = {_DOMAIN: domain}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise InvalidRequest(
                f"{field}: {shown(word)} has no '='; write rules as {_FORM}", field=field, value=text
            )
        if key in rule:
            raise InvalidRequest(f"{field}: {shown(key)} is there twice", field=f"{field}.{key}", value=text)
        rule[key] = _shares_of_text(value, field) if key == "shares" else value
    return rule


def _shares_of_text(text: str, field: str) -> dict[str, Any]:
    shares: dict[str, Any] = {}
    for item in text.split(","):
        name, colon, share = item.rpartition(":")
        if not colon or not name:
            raise InvalidRequest(
                must_be(f"{field}: shares", "a list such as r1:50,r2:30", text), field=f"{field}.shares", value=text
            )
        shares[name] = share
    return shares


def _rule(given: Mapping[str, Any], field: str) -> SpreadRule:
    _check_keys(given, field, _KEYS)
    domain = given.get(_DOMAIN)
    if not isinstance(domain, str) or domain in ("", AGGREGATE):
        what = f"the name of a host attribute, '{AGGREGATE}KEY' or {ZONE!r}"
        raise InvalidRequest(must_be(f"{field}: {_DOMAIN!r}", what, domain), field=f"{field}.{_DOMAIN}", value=domain)
    return SpreadRule(
        domain=domain,
        max_per_domain=_count(given.get("max_per_domain"), field, "max_per_domain"),
        max_skew=_count(given.get("max_skew"), field, "max_skew"),
        shares=_shares(given.get("shares"), f"{field}.shares"),
        field=field,
    )


def _check_keys(given: Iterable[str], field: str, known: Iterable[str]) -> None:
    for key in given:
        if key not in known:
            raise InvalidRequest(
                f"{field}: there is no {shown(key)} in a spread rule. {nearest(key, known)}",
                field=f"{field}.{key}",
                value=key,
            )


def _count(value: Any, field: str, key: str) -> int | None:
    if value is None:
        return None
    try:
        found = 0 if isinstance(value, bool) or (isinstance(value, float) and value % 1) else whole(value)
    except ValueError:
        found = 0
    if found < 1:
        problem = must_be(f"{field}: {key!r}", "a whole number of 1 or more", value)
        raise InvalidRequest(problem, field=f"{field}.{key}", value=value)
    return found


def _shares(value: Any, field: str) -> FrozenDict[str, float]:
    if value is None:
        return EMPTY
    if not isinstance(value, Mapping):
        problem = must_be(field, "a mapping from domains to per cent, such as {'r1': 50, 'r2': 30}", value)
        raise InvalidRequest(problem, field=field, value=value)
    shares = {name: _share(share, field, name) for name, share in with_text_keys(value, field).items()}
    if sum(shares.values()) > 100 + 1e-9:
        raise InvalidRequest(
            f"{field}: the shares add up to {sum(shares.values()):g} per cent, at most 100 can be given out",
            field=field,
            value=value,
        )
    return FrozenDict(shares)


def _share(value: Any, field: str, name: str) -> float:
    try:
        if isinstance(value, bool):
            raise ValueError
        return float(amount(float(value)))
    except (ValueError, TypeError, OverflowError):
        problem = must_be(f"{field}: {name!r}", "a number of per cent from 0 to 100", value)
        raise InvalidRequest(problem, field=f"{field}.{name}", value=value) from None
