"""OrDerived: an attribute of a request that follows from its flavor and image unless it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class OrDerived:
    """A descriptor: the value that was given, or what a function makes of the request; None is not given.

    What the function made is kept until the request has another flavor or image.
    """

    def __init__(self, derive: Callable[[Any], Any]) -> None:
        self._derive = derive
        self._name = ""
        self._cached = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name
        self._cached = f"_derived_{name}"

    def __get__(self, spec: Any, owner: type) -> Any:
        if spec is None:
            return None
        given = spec.__dict__.get(self._name)
        if given is not None:
            return given
        cached = spec.__dict__.get(self._cached)
        if cached is None or cached[0] is not spec.flavor or cached[1] is not spec.image:
            cached = spec.__dict__[self._cached] = (spec.flavor, spec.image, self._derive(spec))
        return cached[2]

    def __set__(self, spec: Any, value: Any) -> None:
        spec.__dict__[self._name] = value

    def __delete__(self, spec: Any) -> None:
        try:
            del spec.__dict__[self._name]
        except KeyError:
            raise AttributeError(self._name) from None
