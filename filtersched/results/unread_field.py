"""UnreadField: something that a request asks for and that nothing in use reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from filtersched.columns.frozen import thaw
from filtersched.errors import shown


@dataclass(frozen=True, slots=True)
class UnreadField:
    """Something that a request asks for, and that no plug-in in use is known to read.

    The request is decided as if it were not there.
    """

    #: The field: `vcpus`, `scheduler_hints.group`, `extra_specs.trait:HW_CPU_X86_AVX2`.
    field: str
    #: What is asked.
    value: Any
    #: The plug-ins of the library that would read it.
    would_read: tuple[str, ...] = ()
    #: The plug-ins in use that declare nothing, and so may read it.
    may_read: tuple[str, ...] = ()

    @property
    def asked(self) -> str:
        """The field and what is asked: `vcpus=500`."""
        return self.field if self.value is None else f"{self.field}={_short(self.value)}"

    def to_dict(self) -> dict[str, Any]:
        """The field and the plug-ins as plain data."""
        return {
            "field": self.field,
            "value": thaw(self.value),
            "would_read": list(self.would_read),
            "may_read": list(self.may_read),
            "sentence": str(self),
        }

    def __str__(self) -> str:
        if self.may_read:
            said = f"{self.asked}: only {_either(self.may_read)} may read it"
        else:
            said = f"{self.asked}: nothing in use reads it"
        return f"{said}; {_either(self.would_read)} would" if self.would_read else said


def _either(names: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _short(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= 40 and value.isprintable() else shown(thaw(value), most=40)
