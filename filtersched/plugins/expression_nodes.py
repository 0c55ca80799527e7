"""The parts of an expression, and what each answers for a host, or for columns of hosts.

An answer is a value and whether it is known. Operators of columns do for many hosts what Python's do for one.
"""

from __future__ import annotations

import ast
import functools
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

from filtersched.columns.column import Column, HostColumns, NotVectorizable
from filtersched.plugins.columnar import either, filled, is_known, item, least, most, of_each, opposite

_METRICS = "metrics"
#: What an expression may call.
FUNCTIONS: dict[str, Callable[..., Any]] = {"min": least, "max": most, "abs": abs}
ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda one, other: one in other,
    ast.NotIn: lambda one, other: one not in other,
}
_DIVISIONS = (ast.Div, ast.FloorDiv, ast.Mod)
_IN = (ast.In, ast.NotIn)


class BadExpression(ValueError):
    """What is wrong with an expression, as the end of a sentence about it."""


class Answer(NamedTuple):
    """A value, or a column of them, and whether it is known; where it is not, the value is anything."""

    value: Any
    known: Any = True


_UNKNOWN = Answer(0, known=False)


class Node:
    """A part of an expression."""

    parts: Sequence[Node] = ()

    def answer(self, host: Any, spec: Any) -> Answer:
        """Its value for a host, or for columns of hosts."""
        raise NotImplementedError

    def leaves(self) -> Iterator[HostLeaf | RequestLeaf]:
        """The names in it."""
        for part in self.parts:
            yield from part.leaves()

    def host_names(self) -> Iterator[str]:
        """The attributes of hosts that it names."""
        return (one.name for one in self.leaves() if isinstance(one, HostLeaf))

    def constant(self) -> Any:
        """The value of a constant."""
        raise BadExpression("has a list with something else than numbers and text")

    @functools.cached_property
    def is_text(self) -> bool:
        """Whether it may be text or a list, which columns do not hold."""
        return False


class Constant(Node):
    """A number, text, a truth value, or a list of these."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def answer(self, host: Any, spec: Any) -> Answer:
        return Answer(self._value)

    def constant(self) -> Any:
        if isinstance(self._value, tuple):
            return super().constant()
        return self._value

    @functools.cached_property
    def is_text(self) -> bool:
        return isinstance(self._value, str | tuple)


class HostLeaf(Node):
    """`attribute` or `attribute['key']`. said : as it was written."""

    def __init__(self, name: str, key: str | None, said: str) -> None:
        self.name, self.key, self.said = name, key, said

    def leaves(self) -> Iterator[HostLeaf | RequestLeaf]:
        yield self

    def answer(self, host: Any, spec: Any) -> Answer:
        if isinstance(host, HostColumns):
            if self.key is None:
                found = getattr(host, self.name)
            elif self.name == _METRICS:
                found = of_each(host, self.name, _metric, self.key)
            else:
                found = item(host, self.name, self.key)
            return _checked(Answer(filled(found, 0), is_known(found)))
        found = getattr(host, self.name, None)
        return self.of(found)

    def of(self, attribute: Any) -> Answer:
        """The answer for one value of the attribute."""
        if self.key is not None and self.name == _METRICS:
            attribute = None if attribute is None else _metric(attribute, self.key)
        elif self.key is not None:
            get = getattr(attribute, "get", None)
            attribute = None if get is None else get(self.key)
        return _plain(attribute)


class RequestLeaf(Node):
    """`request.attribute` or `request.attribute['key']`. said : as it was written."""

    def __init__(self, name: str, key: str | None, said: str) -> None:
        self.name, self.key, self.said = name, key, said

    def leaves(self) -> Iterator[HostLeaf | RequestLeaf]:
        yield self

    def answer(self, host: Any, spec: Any) -> Answer:
        if type(spec) is dict:
            found: Answer = spec[self.said]
            return found
        items: Any
        if self.name == "image_properties":
            items = {} if spec.image is None else spec.image.properties
        else:
            items = getattr(spec, self.name)
        if self.key is None:
            return _plain(items)
        value = items.get(self.key)
        # A hint may be a list of one.
        is_list = self.name == "scheduler_hints" and isinstance(value, tuple | list) and len(value) == 1
        return _plain(value[0] if is_list else value)


def _metric(metrics: Iterable[Any], key: str) -> Any:
    """The metric of that name, the last one if there are several; None if there is none."""
    return dict(metrics).get(key)


def _plain(value: Any) -> Answer:
    """The answer of one value: a number, a truth value, text, or texts; anything else is not known."""
    kind = type(value)
    if kind is bool or kind is int or kind is str:
        return Answer(value)
    if isinstance(value, float):
        return Answer(float(value), known=math.isfinite(value))
    if isinstance(value, str):
        return Answer(str(value))
    if isinstance(value, tuple | list | frozenset | set) or hasattr(value, "keys"):
        return Answer(value)
    return _UNKNOWN


def _checked(found: Answer) -> Answer:
    """The same, not known where the value is no finite number."""
    value = found.value
    if type(value) is Column:
        finite = (value == value) & (abs(value) < math.inf) if value.values.dtype.char == "d" else True
        return Answer(value, found.known & finite)
    # Larger whole numbers cannot be weights.
    return found if -1e300 < value < 1e300 else _UNKNOWN


def value_or(found: Answer, value: Any, unknown: Any) -> Any:
    """`value` where the answer is known."""
    if type(found.known) is Column:
        return either(found.known, value, unknown)
    return value if found.known else unknown


def number(found: Answer) -> Answer:
    """The same, not known where it is text or a list."""
    if type(found.value) is Column or isinstance(found.value, int | float):
        return found
    return _UNKNOWN


def truth(found: Answer) -> Answer:
    """Whether the value counts as true."""
    value = found.value
    if type(value) is Column:
        return Answer(value if value.values.dtype.char == "?" else value != 0, found.known)
    return Answer(bool(value), found.known)


class Logic(Node):
    """`and`, `or`: what is behind an operand that decides need not be known, as in Python."""

    def __init__(self, is_and: bool, parts: Sequence[Node]) -> None:
        self._is_and = is_and
        self.parts = parts

    def answer(self, host: Any, spec: Any) -> Answer:
        found = truth(self.parts[0].answer(host, spec))
        for part in self.parts[1:]:
            found = _joined(self._is_and, found, lambda part=part: truth(part.answer(host, spec)))  # type: ignore[misc]
        return found


def _joined(is_and: bool, one: Answer, further: Callable[[], Answer]) -> Answer:
    """The first answer and, if it does not decide, the next one."""
    if type(one.value) is not Column and type(one.known) is not Column:
        decides = not one.known or bool(one.value) is not is_and
        return one if decides else further()
    other = further()
    decided = opposite(one.value) if is_and else one.value
    value = one.value & other.value if is_and else one.value | other.value
    return Answer(value, one.known & (decided | other.known))


class Unary(Node):
    """`not`, `-` and `+`."""

    def __init__(self, kind: type[ast.unaryop], part: Node) -> None:
        self._kind = kind
        self.parts = (part,)

    def answer(self, host: Any, spec: Any) -> Answer:
        found = self.parts[0].answer(host, spec)
        if self._kind is ast.Not:
            found = truth(found)
            return Answer(opposite(found.value), found.known)
        found = number(found)
        if self._kind is ast.USub:
            return Answer(0 - found.value, found.known)
        return Answer(found.value + 0, found.known)

    def constant(self) -> Any:
        value = self.parts[0].constant()
        if self._kind is not ast.USub or isinstance(value, bool | str):
            return super().constant()
        return -value


class Arithmetic(Node):
    """An operator between two numbers."""

    def __init__(self, kind: type[ast.operator], left: Node, right: Node) -> None:
        self._kind = kind
        self.parts = (left, right)

    def answer(self, host: Any, spec: Any) -> Answer:
        one, other = (number(part.answer(host, spec)) for part in self.parts)
        known = one.known & other.known
        if known is False:
            return _UNKNOWN
        value = other.value
        if self._kind in _DIVISIONS:
            known = known & (value != 0)
            value = either(value == 0, 1, value)
        try:
            return _checked(Answer(ARITHMETIC[self._kind](one.value, value), known))
        except OverflowError:
            return _UNKNOWN


class Call(Node):
    """`min`, `max` or `abs`."""

    def __init__(self, name: str, parts: Sequence[Node]) -> None:
        self._function = FUNCTIONS[name]
        self.parts = parts

    def answer(self, host: Any, spec: Any) -> Answer:
        first, *others = (number(part.answer(host, spec)) for part in self.parts)
        value, known = first.value, first.known
        if not others:
            return Answer(self._function(value), known)
        for other in others:
            value, known = self._function(value, other.value), known & other.known
        return Answer(value, known)


class Comparison(Node):
    """Comparisons, also in a chain, and `in`. What reads one attribute of text asks once for each of its values."""

    def __init__(self, kinds: Sequence[type[ast.cmpop]], parts: Sequence[Node]) -> None:
        self._kinds = kinds
        self.parts = parts
        names = list(dict.fromkeys(self.host_names()))
        reads_text = any(part.is_text for part in parts) or any(kind in _IN for kind in kinds)
        self.attribute: str = names[0] if names else ""
        self._is_by_value = reads_text and len(names) == 1
        self._is_only_text = reads_text and len(names) > 1

    def answer(self, host: Any, spec: Any) -> Answer:
        if isinstance(host, HostColumns):
            if self._is_only_text:
                raise NotVectorizable
            if self._is_by_value:
                leaves = (one for one in self.leaves() if isinstance(one, RequestLeaf))
                asked = tuple((one.said, one.answer(host, spec)) for one in leaves)
                value = of_each(host, self.attribute, _of_value, self, asked)
                return Answer(filled(value, False), is_known(value))
        first = self.parts[0].answer(host, spec)
        found = Answer(True)
        for kind, part in zip(self._kinds, self.parts[1:], strict=True):
            if Column not in (type(found.value), type(found.known)) and not (found.known and found.value):
                break
            second = part.answer(host, spec)
            found = _joined(True, found, functools.partial(_compared, kind, first, second))
            first = second
        return found


def _of_value(value: Any, comparison: Comparison, asked: tuple[tuple[str, Answer], ...]) -> bool | None:
    """A comparison for one value of the only attribute that it reads; None where it is not known."""
    found = comparison.answer(SimpleNamespace(**{comparison.attribute: value}), dict(asked))
    return bool(found.value) if found.known else None


def _compared(kind: type[ast.cmpop], one: Answer, other: Answer) -> Answer:
    known = one.known & other.known
    values = (one.value, other.value)
    if Column in map(type, (*values, known)):
        if not all(type(value) is Column or isinstance(value, int | float) for value in values):
            raise NotVectorizable
    elif not known:
        return _UNKNOWN
    elif kind in _IN:
        is_text_in_text = isinstance(other.value, str) and isinstance(one.value, str)
        if isinstance(other.value, int | float | str) and not is_text_in_text:
            return _UNKNOWN
    elif kind not in (ast.Eq, ast.NotEq) and not (
        all(isinstance(value, str) for value in values) or all(isinstance(value, int | float) for value in values)
    ):
        return _UNKNOWN
    return Answer(COMPARISONS[kind](*values), known)
