"""The value of an option: checked against its type, in the words of a person who edits a file."""

from __future__ import annotations

import math
from typing import Any

from oslo_config import cfg, types

from filtersched.errors import ConfigurationError
from filtersched.settings.options import Spelling, spelled

_KINDS = {
    types.Integer: "an integer",
    types.Float: "a finite number",
    types.Boolean: "true or false",
    types.List: "a list separated by commas",
    types.Dict: "a list of key:value separated by commas",
}


def typed(opt: cfg.Opt, value: Any) -> Any:
    """`value` as the type of `opt` has it; ValueError if the option does not allow it.

    Stricter than oslo.config's types, which read an empty number as None, accept nan and cut the
    fraction off a number for an integer.
    """
    if value is not None:
        if opt.multi:
            return [opt.type(item) for item in ([value] if isinstance(value, str) else value)]
        if isinstance(value, (tuple, set, frozenset)):
            value = list(value)
        if isinstance(opt.type, types.Integer) and isinstance(value, float) and not value.is_integer():
            raise ValueError("it is not an integer")
        value = opt.type(value)
    if value is None and opt.default is not None:
        raise ValueError("it is empty")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("it is not a finite number")
    return value


def bad_value(opt: cfg.Opt, spelling: Spelling, value: Any, error: Exception) -> ConfigurationError:
    """The error for a value that `opt` does not allow: what is wrong, and what it must be."""
    if opt.secret:
        value, error = None, ValueError("it is secret, and so not shown")
    said = str(error).rpartition(" is not valid: ")[2]
    what = f" is {value!r}" if value is not None else ""
    return ConfigurationError(
        f"{spelled(spelling)}{what}, which is not allowed: {said}. It must be {allowed(opt)}.",
        group=spelling[0],
        option=spelling[1],
        value=value,
    )


def allowed(opt: cfg.Opt) -> str:
    """What the values of `opt` must be: one of its choices, or its kind and its bounds."""
    choices = getattr(opt.type, "choices", None)
    if choices:
        return "one of " + ", ".join(repr(choice) for choice in choices)
    said = [next((text for kind, text in _KINDS.items() if isinstance(opt.type, kind)), "text")]
    for bound, words in (("min", "at least"), ("max", "at most")):
        limit = getattr(opt.type, bound, None)
        said += [f"{words} {limit:g}"] if limit is not None else []
    return ", ".join(said)
