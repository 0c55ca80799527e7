"""Extra specs that filters match: their bounds, and what `">= 4"`, `"s== kvm"` or `"<in> sse"` mean."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from oslo_config import cfg

from filtersched.columns.column import NotVectorizable
from filtersched.columns.frozen import typed_key
from filtersched.errors import InvalidRequest, shown
from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.declared_items import DeclaredItems
from filtersched.plugins.columnar import filled, is_known
from filtersched.requests.request_spec import RequestSpec
from filtersched.settings.shared_options import EXTRA_SPEC_MAX_STEPS, EXTRA_SPEC_MAX_WORDS

_Test = Callable[[Any, Sequence[str]], bool]


class Wish(NamedTuple):
    """An extra spec that a filter matches: the key without its scope, as steps, and what the value must be."""

    steps: tuple[str, ...]
    requirement: Any
    is_bare: bool

    @property
    def name(self) -> str:
        """The key without its scope."""
        return ":".join(self.steps)


class ExtraSpecsFilter(BaseHostFilter):
    """A base for filters that match extra specs of one scope, and those without a scope.

    A derived class names its `scope`, says whether keys are paths, and declares what it reads.
    """

    options: ClassVar[Sequence[cfg.Opt]] = (EXTRA_SPEC_MAX_STEPS, EXTRA_SPEC_MAX_WORDS)
    scope: str
    has_paths = True

    # The extra specs of the last request, what was read from them, and the keys of wishes that hosts know of.
    _read: tuple[Any, list[Wish], dict[int, Any]] | None = None

    def bind(self, values: Mapping[str, Any]) -> None:
        super().bind(values)
        self._read = None

    def wishes(self, spec: RequestSpec) -> list[Wish]:
        """The extra specs of the request that this filter matches.

        Raises InvalidRequest for one that has more steps or words than allowed.
        """
        return self._wishes(spec)[1]

    def _wishes(self, spec: RequestSpec) -> tuple[Any, list[Wish], dict[int, Any]]:
        read, given = self._read, spec.extra_specs
        if read is None or not (read[0] is given or (isinstance(given, DeclaredItems) and given.are_of(read[0]))):
            checked = [self._checked(*item) for item in self.asked(given)]
            wishes = [wish for wish in checked if wish is not None]
            read = self._read = (given, wishes, {})
        return read

    def _relevant(self, spec: RequestSpec, is_known: Callable[[str], bool]) -> Any:
        """A key for what the extra specs ask of hosts that know of no other names than these.

        Wishes for what no host knows are alike, apart from their place and whether they have a scope.
        """
        try:
            _given, wishes, keys = self._wishes(spec)
        except InvalidRequest:
            return typed_key(spec.extra_specs)
        found: list[Any] = []
        for at, wish in enumerate(wishes):
            if not is_known(wish.steps[0]):
                found.append(wish.is_bare)
                continue
            if at not in keys:
                keys[at] = typed_key(wish)
            found.append(keys[at])
        return tuple(found)

    def asked(self, extra_specs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        """The extra specs to look at; by default all of them."""
        return extra_specs.items()

    def _checked(self, key: str, requirement: Any) -> Wish | None:
        scope, colon, rest = key.partition(":")
        if colon and scope != self.scope:
            return None
        steps = tuple(rest.split(":")) if colon else (key,)
        for option, what, count in (
            ("extra_spec_max_steps", "steps", len(steps) if self.has_paths else 1),
            ("extra_spec_max_words", "words", len(str(requirement).split())),
        ):
            most = self.option(option)
            if count > most:
                group, name = self.spelling(option)
                raise InvalidRequest(
                    f"flavor.extra_specs: {shown(key)} has {count} {what}, at most {most} are allowed "
                    f"([{group}] {name})",
                    field="flavor.extra_specs",
                    value=key,
                )
        return Wish(steps, requirement, not colon)


def match(value: Any, req: Any) -> bool:
    """Whether a host's `value` satisfies the requirement `req` of an extra spec.

    value : text or a number, a list of texts for `<in>` and `<all-in>`, or None for unknown.
    req : an operator, a blank and its operand; anything else must equal the value as a whole.

        =                    at least, as numbers: the oldest operator, kept as it always was
        == != >= <=          as numbers
        s== s!= s< s<= s> s>=  as text
        <in> word            the word is a part of the text, or an item of the list
        <all-in> word word   all of them are
        <or> word <or> word  the value is one of the words

    An unknown value and an operator without operand satisfy nothing. `>` and `<` are no operators.
    Raises InvalidRequest (a ValueError) where numbers are to be compared and one is none.
    """
    requirement = str(req)
    words = requirement.split()
    test = _TESTS.get(words[0]) if words else None
    if test is None:
        return bool(value == requirement)
    if value is None or len(words) == 1:
        return False
    try:
        return test(value, words)
    except (TypeError, ValueError):
        raise InvalidRequest(
            f"the extra spec {shown(requirement)} cannot be compared with {shown(value)}",
            field="extra_specs",
            value=requirement,
        ) from None


def compares_numbers(req: Any) -> bool:
    """Whether `match_numbers` can tell whether a requirement is satisfied."""
    words = str(req).split()
    return len(words) > 1 and words[0] in _OF_NUMBERS


def match_numbers(values: Any, req: Any) -> Any:
    """Which of the values satisfy the requirement: `match` of a column of numbers, missing where unknown.

    Raises NotVectorizable for a requirement that does not compare numbers.
    """
    if not compares_numbers(req):
        raise NotVectorizable
    words = str(req).split()
    compare = _OF_NUMBERS[words[0]]
    # A ValueError of an operand that is no number is raised again about the first candidate.
    return is_known(values) & compare(filled(values, 0.0), float(words[1]))


def _numbers(compare: Callable[[float, float], bool]) -> _Test:
    return lambda value, words: compare(float(value), float(words[1]))


def _texts(compare: Callable[[str, str], bool]) -> _Test:
    return lambda value, words: compare(value, words[1])


_OF_NUMBERS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
}

_TESTS: Mapping[str, _Test] = {
    **{word: _numbers(compare) for word, compare in _OF_NUMBERS.items()},
    "s==": _texts(operator.eq),
    "s!=": _texts(operator.ne),
    "s<": _texts(operator.lt),
    "s<=": _texts(operator.le),
    "s>": _texts(operator.gt),
    "s>=": _texts(operator.ge),
    "<in>": lambda value, words: words[1] in value,
    "<all-in>": lambda value, words: all(word in value for word in words[1:]),
    # The words between the alternatives are not looked at, nor is one after the last.
    "<or>": lambda value, words: value in words[1::2],
}
