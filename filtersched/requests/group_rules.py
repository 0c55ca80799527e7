"""Group rules: which instances of a request's groups, and of other groups, belong together or apart.

Each group of a request, `instance_group` and those in `instance_groups`, brings its policy and its rules; all hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from filtersched.columns.values import whole
from filtersched.errors import InvalidRequest, must_be, nearest, shown
from filtersched.requests.record import with_text_keys
from filtersched.requests.spread_rules import AGGREGATE

#: The kinds of rules.
APART_FROM, TOGETHER_WITH, TOGETHER = "apart_from", "together_with", "together"
#: The keys of a group's rules that bring rules of these kinds.
RULE_KEYS = (APART_FROM, TOGETHER_WITH, TOGETHER)
_MAX = "max_server_per_host"
_HOST = "host"
LOOK_AHEAD = "lookahead"
_ITEM_KEYS = ("group", "domain", "soft")
_KNOWN = (*RULE_KEYS, "domain", LOOK_AHEAD, _MAX, "spread", "max_per_domain", "max_skew", "shares", "max_unavailable")


@dataclass(frozen=True, slots=True)
class GroupRule:
    """One rule: whether hosts must, or should, share a domain with the members of a group."""

    #: Whether the domain must have members of `group`, or must not have too many.
    is_together: bool
    #: The uuid of the group whose members count; None if they are those of the rule's own group, which has none.
    group: str | None
    #: The name of a host attribute, "aggregate:KEY", or "zone"; by default "host".
    domain: str
    #: The place of the group that brings the rule, among the groups of the request.
    owner: int
    #: Whether the members of that very group count.
    is_own: bool
    #: The field of the request that brings it.
    field: str
    #: Whether it is preferred only.
    is_soft: bool = False
    #: The most members in a domain of a rule that keeps apart.
    most: int = 0
    #: Whether only domains are candidates that can take all instances of the request.
    looks_ahead: bool = False


def groups_of_request(spec: Any) -> list[tuple[str, Any]]:
    """The groups that the request's instances belong to, each with the field that brings it."""
    own = [] if spec.instance_group is None else [("instance_group", spec.instance_group)]
    return own + [(f"instance_groups[{at}]", group) for at, group in enumerate(spec.instance_groups)]


def group_rules(spec: Any) -> tuple[GroupRule, ...]:
    """The rules of a request's groups. Raises InvalidRequest for one that makes no sense, naming its key."""
    rules: list[GroupRule] = []
    for owner, (field, group) in enumerate(groups_of_request(spec)):
        rules += _of_policy(owner, field, group)
        if any(key in group.rules for key in (*RULE_KEYS, LOOK_AHEAD)):
            rules += _of_rules(owner, f"{field}.rules", group)
        if field != "instance_group" and "spread" in group.rules:
            raise InvalidRequest(
                f"{field}.rules: 'spread' counts the members of instance_group; make this group the instance_group",
                field=f"{field}.rules.spread",
                value=group.rules["spread"],
            )
    return tuple(rules)


def _of_policy(owner: int, field: str, group: Any) -> Iterator[GroupRule]:
    policy = group.policy or ""
    kind = policy.removeprefix("soft-")
    if kind not in ("affinity", "anti-affinity"):
        return
    most = 0
    if policy == "anti-affinity":
        most = _whole(group.rules.get(_MAX, 1), f"{field}.rules.{_MAX}") - 1
    yield GroupRule(
        kind == "affinity", group.uuid, _HOST, owner, True, f"{field}.policy", policy.startswith("soft-"), most
    )


def _whole(value: Any, field: str) -> int:
    try:
        return whole(value)
    except ValueError as problem:
        raise InvalidRequest(must_be(field, problem, value), field=field, value=value) from None


def _of_rules(owner: int, field: str, group: Any) -> Iterator[GroupRule]:
    rules = group.rules
    for key in rules:
        if key not in _KNOWN:
            raise InvalidRequest(
                f"{field}: there is no {shown(key)} in a group's rules. {nearest(key, _KNOWN)}",
                field=f"{field}.{key}",
                value=rules[key],
            )
    domain = _domain(rules.get("domain", _HOST), f"{field}.domain")
    ahead = _truth(rules.get(LOOK_AHEAD, False), f"{field}.{LOOK_AHEAD}")
    if TOGETHER in rules:
        own = _domain(rules[TOGETHER], f"{field}.{TOGETHER}")
        yield GroupRule(True, group.uuid, own, owner, True, f"{field}.{TOGETHER}", looks_ahead=ahead)
    elif LOOK_AHEAD in rules:
        raise InvalidRequest(
            f"{field}: {LOOK_AHEAD!r} needs {TOGETHER!r}, which says in what all instances must be, such as 'host'",
            field=f"{field}.{LOOK_AHEAD}",
            value=rules[LOOK_AHEAD],
        )
    for key in (APART_FROM, TOGETHER_WITH):
        for item in _items(rules.get(key, ()), f"{field}.{key}"):
            yield GroupRule(
                key == TOGETHER_WITH,
                item["group"],
                _domain(item.get("domain", domain), f"{field}.{key}.domain"),
                owner,
                item["group"] == group.uuid,
                f"{field}.{key}",
                _truth(item.get("soft", False), f"{field}.{key}.soft"),
            )


def _items(given: Any, field: str) -> Iterator[Mapping[str, Any]]:
    """Groups by uuid, or mappings such as `{"group": uuid, "domain": "rack", "soft": True}`, one or several."""
    for item in given if isinstance(given, list | tuple) else (given,):
        if isinstance(item, Mapping):
            found = with_text_keys(item, field)
            stray = next((key for key in found if key not in _ITEM_KEYS), None)
            if stray is not None:
                raise InvalidRequest(
                    f"{field}: there is no {shown(stray)} in a rule between groups. {nearest(stray, _ITEM_KEYS)}",
                    field=f"{field}.{stray}",
                    value=found[stray],
                )
        else:
            found = {"group": item}
        uuid = found.get("group")
        if not isinstance(uuid, str) or not uuid:
            what = "the uuid of a group, or a mapping such as {'group': uuid, 'domain': 'rack'}, or a list of these"
            raise InvalidRequest(must_be(field, what, item), field=field, value=item)
        yield found


def _domain(value: Any, field: str) -> str:
    if not isinstance(value, str) or value in ("", AGGREGATE):
        what = f"the name of a host attribute, '{AGGREGATE}KEY' or 'zone'"
        raise InvalidRequest(must_be(field, what, value), field=field, value=value)
    return value


def _truth(value: Any, field: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequest(must_be(field, "true or false", value), field=field, value=value)
    return value
