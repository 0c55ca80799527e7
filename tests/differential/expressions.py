"""Expressions as plain data, to be worked out on one host or on columns of many.

A number, the name of an attribute, or (operator, operand, ...) over such.
"""

from __future__ import annotations

import operator

import numpy as np
from hypothesis import strategies as st

ATTRIBUTES = (
    "total_usable_ram_mb",
    "free_ram_mb",
    "ram_allocation_ratio",
    "free_disk_mb",
    "vcpus_total",
    "vcpus_used",
    "num_instances",
    "num_io_ops",
    "failed_builds",
)
_BINARY = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "minimum": np.minimum,
    "maximum": np.maximum,
}
_UNARY = {"neg": operator.neg, "abs": operator.abs, "not": np.logical_not}


def value_of(expression, host):
    """What the expression is for a host, or for columns of hosts."""
    if isinstance(expression, str):
        return getattr(host, expression)
    if not isinstance(expression, tuple):
        return expression
    name, *operands = expression
    values = [value_of(operand, host) for operand in operands]
    return (_BINARY.get(name) or _UNARY[name])(*values)


NUMBERS = (0, 1, 2, 3, 7, 512, 1024, 0.5, 0.1, -1, 1.5, True)
_LEAVES = st.one_of(st.sampled_from(ATTRIBUTES), st.sampled_from(ATTRIBUTES), st.sampled_from(NUMBERS))


def drawn(draw, depth=3):
    """An expression by a random generator."""
    if depth == 0 or draw.rarely(4):
        return draw.one(*NUMBERS) if draw.rarely(3) else draw.one(*ATTRIBUTES)
    if draw.rarely(6):
        return draw.one(*sorted(_UNARY)), drawn(draw, depth - 1)
    return draw.one(*sorted(_BINARY)), drawn(draw, depth - 1), drawn(draw, depth - 1)


EXPRESSIONS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(sorted(_BINARY)), inner, inner),
        st.tuples(st.sampled_from(sorted(_UNARY)), inner),
    ),
    max_leaves=6,
)
