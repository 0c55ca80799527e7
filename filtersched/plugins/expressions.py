"""Expressions: rules that operators write as text, such as `free_ram_mb / total_usable_ram_mb > 0.1`.

The grammar is a small part of Python's, read with Python's own parser, and nothing of it is executed as
Python. Each part answers with a value and whether that is known; for columns of hosts, both are columns.
"""

from __future__ import annotations

import ast
import functools
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from filtersched.columns.column import Column, HostColumns, NotVectorizable
from filtersched.errors import nearest, shown
from filtersched.hosts.host_state import HostState
from filtersched.plugins.columnar import either, filled, is_known, item, least, most, of_each, opposite

MAX_LENGTH = 1000
MAX_DEPTH = 50
REQUEST = "request"
_METRICS = "metrics"
#: What of a request an expression may name, behind `request.`.
REQUEST_ATTRIBUTES = (
    *("memory_mb", "vcpus", "root_gb", "ephemeral_gb", "swap", "num_instances", "project_id", "user_id"),
    *("availability_zone", "extra_specs", "scheduler_hints", "image_properties"),
)
#: The attributes of a request to declare for them.
SPEC_READS = (*REQUEST_ATTRIBUTES[:-1], "image")
_ITEMS = ("extra_specs", "scheduler_hints", "image_properties")
_FUNCTIONS: dict[str, Callable[..., Any]] = {"min": least, "max": most, "abs": abs}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
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


class Expression:
    """An expression that was read.

    text : as it was written.
    host_reads : the attributes of hosts that it names.
    """

    def __init__(self, text: str, root: _Node) -> None:
        self.text = text
        self._root = root
        self.host_reads: tuple[str, ...] = tuple(dict.fromkeys(root.host_names()))

    def holds(self, host: Any, spec: Any, *, unknown: bool) -> Any:
        """Whether it is true for a host, or for each of columns of hosts; `unknown` where it is not known."""
        with np.errstate(all="ignore"):
            found = _truth(self._root.answer(host, spec))
            return _either(found, found.value, unknown)

    def weight(self, host: Any, spec: Any) -> Any:
        """Its value as a finite number; 0.0 where there is none."""
        with np.errstate(all="ignore"):
            found = _number(self._root.answer(host, spec))
            return _either(found, found.value * 1.0 if found.known is not False else 0.0, 0.0)

    def unknowns(self, host: Any, spec: Any) -> list[str]:
        """What of it has no value for one host, in the order in which it is named."""
        return list(dict.fromkeys(one.said for one in self._root.leaves() if not one.answer(host, spec).known))


@functools.lru_cache(maxsize=512)
def parse(text: str) -> Expression:
    """Read an expression. Raises BadExpression."""
    if len(text) > MAX_LENGTH:
        raise BadExpression(f"has {len(text)} characters, at most {MAX_LENGTH} are allowed")
    if "\\" in text:
        raise BadExpression("has a backslash, which is not allowed")
    try:
        tree = ast.parse(text.replace("\n", " ").strip(), mode="eval")
        return Expression(text, _Reader().read(tree.body, 0))
    except BadExpression:
        raise
    except SyntaxError as problem:
        raise BadExpression(f"cannot be read: {problem.msg} at character {problem.offset}") from None
    except (ValueError, MemoryError, RecursionError):
        raise BadExpression("cannot be read: it is nested too deeply, or has a character that is not text") from None


def known_names() -> tuple[str, ...]:
    """The attributes that hosts declare, sorted, those of all classes derived from HostState included."""
    found: list[type[HostState]] = []
    classes: list[type[HostState]] = [HostState]
    while classes:
        kind = classes.pop()
        found.append(kind)
        classes += kind.__subclasses__()
    return _names_of(tuple(found))


@functools.lru_cache(maxsize=8)
def _names_of(classes: tuple[type[HostState], ...]) -> tuple[str, ...]:
    return tuple(sorted({name for kind in classes for name in kind.attributes}))


# -- reading -------------------------------------------------------------------------------------


class _Reader:
    """Makes nodes of what the grammar allows, and says what it does not."""

    def __init__(self) -> None:
        self._known = known_names()

    def read(self, node: ast.AST, depth: int) -> _Node:
        if depth > MAX_DEPTH:
            raise BadExpression(f"is nested more than {MAX_DEPTH} deep, where each further term of a sum counts")
        deeper = functools.partial(self.read, depth=depth + 1)
        if isinstance(node, ast.BoolOp):
            return _Logic(isinstance(node.op, ast.And), [deeper(one) for one in node.values])
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.UAdd):
            return _Unary(type(node.op), deeper(node.operand))
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            return _Arithmetic(type(node.op), deeper(node.left), deeper(node.right))
        if isinstance(node, ast.Compare) and all(type(one) in _COMPARISONS for one in node.ops):
            operands = [deeper(one) for one in (node.left, *node.comparators)]
            return _Comparison([type(one) for one in node.ops], operands)
        if isinstance(node, ast.Call):
            return self._call(node, deeper)
        if isinstance(node, ast.Constant):
            return _constant(node.value)
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            return _Constant(tuple(deeper(one).constant() for one in node.elts))
        return self._name(node)

    def _call(self, node: ast.Call, deeper: Callable[[ast.AST], _Node]) -> _Node:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        if name not in _FUNCTIONS:
            raise BadExpression(f"calls {shown(name)}, which is no function. {nearest(name, _FUNCTIONS)}")
        wanted = "1" if name == "abs" else "2 or more"
        if node.keywords or (len(node.args) != 1 if name == "abs" else len(node.args) < 2):
            raise BadExpression(f"calls {name} with {len(node.args)} values, it takes {wanted}")
        return _Call(name, [deeper(one) for one in node.args])

    def _name(self, node: ast.AST) -> _Node:
        """A leaf: `attribute`, `attribute['key']`, `request.attribute` or `request.attribute['key']`."""
        key = None
        of = node
        if isinstance(node, ast.Subscript):
            if not (isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)):
                raise BadExpression(f"has {ast.unparse(node)!r}; a key is text in quotes")
            key, of = node.slice.value, node.value
        said = ast.unparse(node)
        if isinstance(of, ast.Name):
            return self._host_leaf(of.id, key, said)
        if isinstance(of, ast.Attribute) and isinstance(of.value, ast.Name) and of.value.id == REQUEST:
            return self._request_leaf(of.attr, key, said)
        if isinstance(of, ast.Attribute):
            raise BadExpression(f"has {said!r}; only {REQUEST!r} has attributes, such as request.vcpus")
        raise BadExpression(f"has {shown(said)}; allowed are names, numbers, text, operators, min, max and abs")

    def _host_leaf(self, name: str, key: str | None, said: str) -> _Node:
        if name not in self._known:
            known = {*self._known, f"{REQUEST}.", *_FUNCTIONS}
            hint = nearest(name, known)
            if name in REQUEST_ATTRIBUTES:
                hint = f"Did you mean '{REQUEST}.{name}'?"
            raise BadExpression(f"names {name!r}, which hosts do not have. {hint}".rstrip())
        return _HostLeaf(name, key, said)

    def _request_leaf(self, name: str, key: str | None, said: str) -> _Node:
        if name not in REQUEST_ATTRIBUTES:
            raise BadExpression(f"names {said!r}, which requests do not have. {nearest(name, REQUEST_ATTRIBUTES)}")
        if (key is not None) != (name in _ITEMS):
            how = f"write request.{name}['key']" if name in _ITEMS else "it has no items"
            raise BadExpression(f"names {said!r}; {how}")
        return _RequestLeaf(name, key, said)


def _constant(value: Any) -> _Node:
    if not isinstance(value, bool | int | float | str):
        raise BadExpression(f"has {shown(value)}; constants are numbers, text, True and False")
    if isinstance(value, int | float) and not abs(value) < 1e100:
        raise BadExpression("has a number that is too large; it must be below 1e100")
    return _Constant(value)


# -- answering -----------------------------------------------------------------------------------


class _Node:
    """A part of an expression."""

    parts: Sequence[_Node] = ()

    def answer(self, host: Any, spec: Any) -> Answer:
        """Its value for a host, or for columns of hosts."""
        raise NotImplementedError

    def leaves(self) -> Iterator[_HostLeaf | _RequestLeaf]:
        """The names in it."""
        for part in self.parts:
            yield from part.leaves()

    def host_names(self) -> Iterator[str]:
        """The attributes of hosts that it names."""
        return (one.name for one in self.leaves() if isinstance(one, _HostLeaf))

    def constant(self) -> Any:
        """The value of a constant."""
        raise BadExpression("has a list with something else than numbers and text")

    @functools.cached_property
    def is_text(self) -> bool:
        """Whether it may be text or a list, which columns do not hold."""
        return False


class _Constant(_Node):
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


class _HostLeaf(_Node):
    def __init__(self, name: str, key: str | None, said: str) -> None:
        self.name, self.key, self.said = name, key, said

    def leaves(self) -> Iterator[_HostLeaf | _RequestLeaf]:
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


class _RequestLeaf(_Node):
    def __init__(self, name: str, key: str | None, said: str) -> None:
        self.name, self.key, self.said = name, key, said

    def leaves(self) -> Iterator[_HostLeaf | _RequestLeaf]:
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


def _either(found: Answer, value: Any, unknown: Any) -> Any:
    """`value` where the answer is known."""
    if type(found.known) is Column:
        return either(found.known, value, unknown)
    return value if found.known else unknown


def _number(found: Answer) -> Answer:
    """The same, not known where it is text or a list."""
    if type(found.value) is Column or isinstance(found.value, int | float):
        return found
    return _UNKNOWN


def _truth(found: Answer) -> Answer:
    """Whether the value counts as true."""
    value = found.value
    if type(value) is Column:
        return Answer(value if value.values.dtype.char == "?" else value != 0, found.known)
    return Answer(bool(value), found.known)


class _Logic(_Node):
    """`and`, `or`: what is behind an operand that decides need not be known, as in Python."""

    def __init__(self, is_and: bool, parts: Sequence[_Node]) -> None:
        self._is_and = is_and
        self.parts = parts

    def answer(self, host: Any, spec: Any) -> Answer:
        found = _truth(self.parts[0].answer(host, spec))
        for part in self.parts[1:]:
            found = _joined(self._is_and, found, lambda part=part: _truth(part.answer(host, spec)))  # type: ignore[misc]
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


class _Unary(_Node):
    def __init__(self, kind: type[ast.unaryop], part: _Node) -> None:
        self._kind = kind
        self.parts = (part,)

    def answer(self, host: Any, spec: Any) -> Answer:
        found = self.parts[0].answer(host, spec)
        if self._kind is ast.Not:
            truth = _truth(found)
            return Answer(opposite(truth.value), truth.known)
        found = _number(found)
        if self._kind is ast.USub:
            return Answer(0 - found.value, found.known)
        return Answer(found.value + 0, found.known)

    def constant(self) -> Any:
        value = self.parts[0].constant()
        if self._kind is not ast.USub or isinstance(value, bool | str):
            return super().constant()
        return -value


class _Arithmetic(_Node):
    def __init__(self, kind: type[ast.operator], left: _Node, right: _Node) -> None:
        self._kind = kind
        self.parts = (left, right)

    def answer(self, host: Any, spec: Any) -> Answer:
        one, other = (_number(part.answer(host, spec)) for part in self.parts)
        known = one.known & other.known
        if known is False:
            return _UNKNOWN
        value = other.value
        if self._kind in _DIVISIONS:
            known = known & (value != 0)
            value = either(value == 0, 1, value)
        try:
            return _checked(Answer(_ARITHMETIC[self._kind](one.value, value), known))
        except OverflowError:
            return _UNKNOWN


class _Call(_Node):
    def __init__(self, name: str, parts: Sequence[_Node]) -> None:
        self._function = _FUNCTIONS[name]
        self.parts = parts

    def answer(self, host: Any, spec: Any) -> Answer:
        first, *others = (_number(part.answer(host, spec)) for part in self.parts)
        value, known = first.value, first.known
        if not others:
            return Answer(self._function(value), known)
        for other in others:
            value, known = self._function(value, other.value), known & other.known
        return Answer(value, known)


class _Comparison(_Node):
    """Comparisons, also in a chain, and `in`. What reads one attribute of text asks once for each of its values."""

    def __init__(self, kinds: Sequence[type[ast.cmpop]], parts: Sequence[_Node]) -> None:
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
                leaves = (one for one in self.leaves() if isinstance(one, _RequestLeaf))
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


def _of_value(value: Any, comparison: _Comparison, asked: tuple[tuple[str, Answer], ...]) -> bool | None:
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
    return Answer(_COMPARISONS[kind](*values), known)
