"""The operators of extra specs: what `">= 4"`, `"s== kvm"` or `"<in> sse"` mean."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from filtersched.errors import InvalidRequest

_Test = Callable[[Any, Sequence[str]], bool]


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
            f"the extra spec {requirement!r} cannot be compared with {value!r}", field="extra_specs", value=requirement
        ) from None


def _numbers(compare: Callable[[float, float], bool]) -> _Test:
    return lambda value, words: compare(float(value), float(words[1]))


def _texts(compare: Callable[[str, str], bool]) -> _Test:
    return lambda value, words: compare(value, words[1])


_TESTS: Mapping[str, _Test] = {
    "=": _numbers(operator.ge),
    "==": _numbers(operator.eq),
    "!=": _numbers(operator.ne),
    ">=": _numbers(operator.ge),
    "<=": _numbers(operator.le),
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
