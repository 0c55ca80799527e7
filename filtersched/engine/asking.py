"""Asking declared plug-ins: on columns, once per distinct value, or host by host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.column import AskEachHost, Column, NotColumnarError
from filtersched.engine.overlay import Overlay
from filtersched.engine.views import ColumnView, UndeclaredReadError, host_view, spec_view
from filtersched.host_rows import EXACT, HostRows, typed_key
from filtersched.plugin import Plugin, declaration_of
from filtersched.request_spec import RequestSpec

Source = HostRows | Overlay

# What of a request differs between its instances.
_MOVING = frozenset(("instance_uuid", "instance_group"))


class Question:
    """A declared plug-in and the method that answers for a host and a request."""

    def __init__(self, plugin: Plugin, method: Callable[[Any, Any], Any]) -> None:
        declaration = declaration_of(type(plugin))
        assert declaration is not None
        self.plugin = plugin
        self.name = type(plugin).__name__
        self.method = method
        self.columnar = declaration.columnar
        self._host_reads = declaration.host_reads
        self.spec_reads = declaration.spec_reads
        self._spec_view = spec_view(self.name, self.spec_reads)
        self.moving = bool(_MOVING & set(self.spec_reads))

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        """The host attributes that the answer depends on, for this request."""
        if isinstance(self._host_reads, tuple):
            return self._host_reads
        return tuple(self._host_reads(self.plugin, self._spec_view(spec)))

    def key(self, spec: RequestSpec) -> Any:
        """What the answer depends on in the request, or None if it is not worth keeping."""
        values = []
        for name in self.spec_reads:
            if name == "now" or (name in _MOVING and getattr(spec, name) is not None):
                return None
            values.append(typed_key(getattr(spec, name)))
        return (self, *values)

    def of(self, host: Any, spec: RequestSpec) -> Any:
        """The answer for one host. A plug-in's exception goes on with a note where it happened."""
        try:
            return self.method(host_view(self.name, self.host_reads(spec))(host), self._spec_view(spec))
        except Exception as problem:
            # The boundary to the plug-in.
            problem.add_note(f"{self.name} was asked about {host!r}, instance {spec.instance_uuid}")
            raise

    def of_columns(self, source: Source, spec: RequestSpec) -> Any:
        """The answer for all rows: a (n_rows,) array, or one value if it is the same for all.

        Raises AskEachHost where columns and numbers would differ, or the values are no numbers.
        """
        for name in self.spec_reads:
            value = getattr(spec, name)
            if type(value) is int and not -EXACT < value < EXACT:
                raise AskEachHost
        view = ColumnView(self.name, self.host_reads(spec), source)
        try:
            with np.errstate(all="ignore"):
                answer = self.method(view, self._spec_view(spec))
        except NotColumnarError as problem:
            problem.add_note(f"{self.name} calls itself columnar")
            raise
        except (AskEachHost, UndeclaredReadError):
            raise
        except Exception:
            # The boundary to the plug-in: what fails on columns may be right for the hosts in play.
            raise AskEachHost from None
        if not isinstance(answer, Column):
            return answer
        if answer.missing is not None:
            raise AskEachHost
        return answer.values

    def of_distinct(self, rows: HostRows, spec: RequestSpec, known: dict[int, Any]) -> NDArray[np.intp] | None:
        """The (n_rows,) codes of the rows, each code's answer in `known`: asked only where it is new.

        An answer that raised is kept as the exception, since no host in play may have that value.
        None if the attributes cannot be coded.
        """
        reads = self.host_reads(spec)
        codes = rows.codes(reads)
        if codes is None:
            return None
        for code in range(len(codes.values)):
            if code not in known:
                values = codes.values[code] if len(reads) > 1 else (codes.values[code],)
                stand_in = _StandIn(zip(reads, values, strict=True))
                try:
                    view = host_view(self.name, reads)(stand_in)
                    known[code] = self.method(view, self._spec_view(spec))
                except Exception as problem:
                    # The boundary to the plug-in; raised if a host in play has this value.
                    known[code] = Raised(problem)
        return codes.codes


class _StandIn:
    """An object with the values of one code in the place of a host that has them."""

    def __init__(self, values: Any) -> None:
        self.__dict__.update(values)


class Raised:
    """An answer that is an exception."""

    __slots__ = ("problem",)

    def __init__(self, problem: Exception) -> None:
        self.problem = problem


def question(plugin: Plugin, method: str, defaults: Sequence[str]) -> Question | None:
    """How to ask a declared plug-in fast; None for one that must be called as it stands.

    defaults : methods of its base class that must not be overridden, since they are not called.
    """
    cls = type(plugin)
    base = next(one for one in cls.__mro__ if one.__module__.endswith(".base"))
    if declaration_of(cls) is None or any(getattr(cls, name) is not getattr(base, name) for name in defaults):
        return None
    return Question(plugin, getattr(plugin, method))
