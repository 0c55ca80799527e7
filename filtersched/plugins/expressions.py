"""Expressions: rules that operators write as text, such as `free_ram_mb / total_usable_ram_mb > 0.1`.

The grammar is a small part of Python's, read with Python's own parser, and nothing of it is executed as
Python. Each part answers with a value and whether that is known; for columns of hosts, both are columns.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from filtersched.errors import nearest, shown
from filtersched.hosts.host_state import HostState
from filtersched.plugins.expression_nodes import (
    ARITHMETIC,
    COMPARISONS,
    FUNCTIONS,
    Arithmetic,
    BadExpression,
    Call,
    Comparison,
    Constant,
    HostLeaf,
    Logic,
    Node,
    RequestLeaf,
    Unary,
    number,
    truth,
    value_or,
)

MAX_LENGTH = 1000
MAX_DEPTH = 50
REQUEST = "request"
#: What of a request an expression may name, behind `request.`.
REQUEST_ATTRIBUTES = (
    *("memory_mb", "vcpus", "root_gb", "ephemeral_gb", "swap", "num_instances", "project_id", "user_id"),
    *("availability_zone", "extra_specs", "scheduler_hints", "image_properties"),
)
#: The attributes of a request to declare for them.
SPEC_READS = (*REQUEST_ATTRIBUTES[:-1], "image")
_ITEMS = ("extra_specs", "scheduler_hints", "image_properties")
class Expression:
    """An expression that was read.

    text : as it was written.
    host_reads : the attributes of hosts that it names.
    """

    def __init__(self, text: str, root: Node) -> None:
        self.text = text
        self._root = root
        self.host_reads: tuple[str, ...] = tuple(dict.fromkeys(root.host_names()))

    def holds(self, host: Any, spec: Any, *, unknown: bool) -> Any:
        """Whether it is true for a host, or for each of columns of hosts; `unknown` where it is not known."""
        with np.errstate(all="ignore"):
            found = truth(self._root.answer(host, spec))
            return value_or(found, found.value, unknown)

    def weight(self, host: Any, spec: Any) -> Any:
        """Its value as a finite number; 0.0 where there is none."""
        with np.errstate(all="ignore"):
            found = number(self._root.answer(host, spec))
            return value_or(found, found.value * 1.0 if found.known is not False else 0.0, 0.0)

    def is_known(self, host: Any, spec: Any) -> bool:
        """Whether it has an answer for one host."""
        return bool(self._root.answer(host, spec).known)

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

    def read(self, node: ast.AST, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise BadExpression(f"is nested more than {MAX_DEPTH} deep, where each further term of a sum counts")
        deeper = functools.partial(self.read, depth=depth + 1)
        if isinstance(node, ast.BoolOp):
            return Logic(isinstance(node.op, ast.And), [deeper(one) for one in node.values])
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.UAdd):
            return Unary(type(node.op), deeper(node.operand))
        if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
            return Arithmetic(type(node.op), deeper(node.left), deeper(node.right))
        if isinstance(node, ast.Compare) and all(type(one) in COMPARISONS for one in node.ops):
            operands = [deeper(one) for one in (node.left, *node.comparators)]
            return Comparison([type(one) for one in node.ops], operands)
        if isinstance(node, ast.Call):
            return self._call(node, deeper)
        if isinstance(node, ast.Constant):
            return _constant(node.value)
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            return Constant(tuple(deeper(one).constant() for one in node.elts))
        return self._name(node)

    def _call(self, node: ast.Call, deeper: Callable[[ast.AST], Node]) -> Node:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        if name not in FUNCTIONS:
            raise BadExpression(f"calls {shown(name)}, which is no function. {nearest(name, FUNCTIONS)}")
        wanted = "1" if name == "abs" else "2 or more"
        if node.keywords or (len(node.args) != 1 if name == "abs" else len(node.args) < 2):
            raise BadExpression(f"calls {name} with {len(node.args)} values, it takes {wanted}")
        return Call(name, [deeper(one) for one in node.args])

    def _name(self, node: ast.AST) -> Node:
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

    def _host_leaf(self, name: str, key: str | None, said: str) -> Node:
        if name not in self._known:
            known = {*self._known, f"{REQUEST}.", *FUNCTIONS}
            hint = nearest(name, known)
            if name in REQUEST_ATTRIBUTES:
                hint = f"Did you mean '{REQUEST}.{name}'?"
            raise BadExpression(f"names {name!r}, which hosts do not have. {hint}".rstrip())
        return HostLeaf(name, key, said)

    def _request_leaf(self, name: str, key: str | None, said: str) -> Node:
        if name not in REQUEST_ATTRIBUTES:
            raise BadExpression(f"names {said!r}, which requests do not have. {nearest(name, REQUEST_ATTRIBUTES)}")
        if (key is not None) != (name in _ITEMS):
            how = f"write request.{name}['key']" if name in _ITEMS else "it has no items"
            raise BadExpression(f"names {said!r}; {how}")
        return RequestLeaf(name, key, said)


def _constant(value: Any) -> Node:
    if not isinstance(value, bool | int | float | str):
        raise BadExpression(f"has {shown(value)}; constants are numbers, text, True and False")
    if isinstance(value, int | float) and not abs(value) < 1e100:
        raise BadExpression("has a number that is too large; it must be below 1e100")
    return Constant(value)
